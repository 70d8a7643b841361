"""A store survives the way through another format, to the last byte."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from jaxlm.data.exchange import DESCRIPTION_FILE, FORMATS, export_store, import_store
from jaxlm.data.store import StoreWriter, TokenStore
from jaxlm.errors import ExitCode, UserError
from tests.data.counting_store import write_counting_store
from tests.data.toy_store import random_texts, write_toy_store

SOURCES = {"prose": (0.75, random_texts(30, 60, 0)), "code": (0.25, random_texts(7, 90, 1))}


@pytest.mark.parametrize("kind", sorted(FORMATS))
@pytest.mark.parametrize("with_ids", [True, False])
def test_there_and_back_is_the_same_store(
    tmp_path: Path, kind: str, with_ids: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jaxlm.data.exchange._BATCH_DOCUMENTS", 8)
    store = write_toy_store(tmp_path / "store", SOURCES, with_ids=with_ids)
    export_store(store.directory, tmp_path / "out", kind)
    assert import_store(tmp_path / "out", tmp_path / "back").digest == store.digest
    back = TokenStore.open(tmp_path / "back")
    for name in store.manifest["files"]:
        assert (back.directory / name).read_bytes() == (store.directory / name).read_bytes()
    assert back.manifest == store.manifest


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_wide_tokens_empty_documents_and_empty_sources_survive(tmp_path: Path, kind: str) -> None:
    (tmp_path / "store").mkdir()
    writer = StoreWriter(tmp_path / "store", np.uint32)
    documents = [np.array([2**32 - 1, 0]), np.empty(0, int), np.array([70000])]
    writer.add_source("train", "a b/c", 1.0).append(documents, [3, 0, 4], ["x", "", "\u00e9"])
    writer.add_source("train", "empty", 1.0)
    writer.finish({})
    export_store(tmp_path / "store", tmp_path / "out", kind)
    back = import_store(tmp_path / "out", tmp_path / "back")
    (source, empty) = back.split("train")
    assert [source.document(n).tolist() for n in range(3)] == [[2**32 - 1, 0], [], [70000]]
    assert [source.document_id(n) for n in range(3)] == ["x", "", "\u00e9"]
    assert len(empty.offsets) == 1


def test_parquet_is_what_other_programs_read(tmp_path: Path) -> None:
    store = write_toy_store(tmp_path / "store", SOURCES, with_ids=True)
    export_store(store.directory, tmp_path / "out", "parquet")
    table = pq.read_table(tmp_path / "out/train.1.parquet").to_pydict()
    code = store.split("train")[1]
    assert table["id"] == [f"code/{n}" for n in range(7)]
    assert table["tokens"] == [code.document(n).tolist() for n in range(7)]


def test_array_records_are_what_grain_reads(tmp_path: Path) -> None:
    grain = pytest.importorskip("grain")
    store = write_toy_store(tmp_path / "store", SOURCES)
    export_store(store.directory, tmp_path / "out", "array_record")
    with grain.sources.ArrayRecordDataSource(str(tmp_path / "out/train.0.array_record")) as records:
        prose = store.split("train")[0]
        assert len(records) == 30
        for number in (0, 29, 7):
            tokens = np.frombuffer(records[number], "<u2")
            np.testing.assert_array_equal(tokens, prose.document(number))


def test_other_documents_are_refused(tmp_path: Path) -> None:
    for name, sources in (("a", SOURCES), ("b", SOURCES | {"code": (0.25, ["other", "text"])})):
        write_toy_store(tmp_path / name, sources)
        export_store(tmp_path / name, tmp_path / f"{name}.out", "parquet")
    (tmp_path / "b.out/train.1.parquet").rename(tmp_path / "a.out/train.1.parquet")
    with pytest.raises(UserError, match="not those that were exported") as caught:
        import_store(tmp_path / "a.out", tmp_path / "back")
    assert caught.value.exit_code == ExitCode.UNUSABLE
    assert not list(tmp_path.glob("back*"))


def test_what_cannot_be_done_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = write_counting_store(tmp_path / "store", {"a": (1.0, [5, 9])})
    with pytest.raises(UserError, match=r"store exists; give another name"):
        export_store(store.directory, store.directory, "parquet")
    with pytest.raises(UserError, match=f"{DESCRIPTION_FILE}: cannot be read"):
        import_store(tmp_path, tmp_path / "back")
    monkeypatch.setitem(sys.modules, "array_record.python", None)
    with pytest.raises(UserError, match="pip install array_record, or use Parquet"):
        export_store(store.directory, tmp_path / "out", "array_record")
    assert not list(tmp_path.glob("out*"))


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d["files"].append("../../x"), r"'../../x' is not a place in the folder"),
        (lambda d: d["files"].append("/etc/hostname"), "is not a place in the folder"),
        (lambda d: d["files"].append("gone"), "there is no file 'gone'"),
        (lambda d: d["splits"]["train"][0].update(file="a/../../x"), "is not a place"),
        (lambda d: d["splits"].update({"../../x": d["splits"].pop("train")}), "is not a place"),
        (lambda d: d["splits"]["train"][0].pop("num_bytes"), "has no 'num_bytes'"),
        (lambda d: d["splits"]["train"][0].update(weight="much"), "cannot be followed"),
        (lambda d: d["splits"]["train"][0].update(has_ids=True), "cannot be read"),
        (lambda d: d.pop("extra"), "has no 'extra'"),
        (lambda d: d.update(splits=[]), "cannot be followed"),
        (lambda d: d.update(kind="csv"), "kind 'csv'"),
        (lambda d: d.update(dtype="int8"), "dtype 'int8'"),
    ],
)
def test_a_description_that_cannot_be_followed_is_refused(
    tmp_path: Path, change: Change, match: str
) -> None:
    write_toy_store(tmp_path / "store", SOURCES)
    export_store(tmp_path / "store", tmp_path / "deep/er/out", "parquet")
    (tmp_path / "deep/x").write_text("outside")
    path = tmp_path / "deep/er/out" / DESCRIPTION_FILE
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))
    with pytest.raises(UserError, match=match) as caught:
        import_store(path.parent, tmp_path / "back/er/store")
    assert caught.value.exit_code == ExitCode.UNUSABLE
    assert not [found for found in tmp_path.glob("back/**/*") if found.is_file()]


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_documents_that_cannot_be_read_are_refused(tmp_path: Path, kind: str) -> None:
    write_toy_store(tmp_path / "store", SOURCES)
    export_store(tmp_path / "store", tmp_path / "out", kind)
    (tmp_path / f"out/train.1.{kind}").write_bytes(b"no documents" * 9)
    with pytest.raises(UserError, match=rf"train\.1\.{kind} cannot be read") as caught:
        import_store(tmp_path / "out", tmp_path / "back")
    assert caught.value.exit_code == ExitCode.UNUSABLE
    assert not list(tmp_path.glob("back*"))
