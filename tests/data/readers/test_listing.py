import gzip
import itertools
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jaxlm.data.config import DataConfig
from jaxlm.data.readers import Document, list_files, read_file
from jaxlm.data.sources import find_sources
from jaxlm.errors import ExitCode, UserError

_NUMBERS = itertools.count()


@pytest.fixture
def bucket() -> str:
    """A bucket in memory with a few files."""
    name = f"bucket{next(_NUMBERS)}"
    system = fsspec.filesystem("memory")
    system.pipe_file(f"/{name}/a/one.txt", b"one")
    system.pipe_file(f"/{name}/a/deep/two.jsonl.gz", gzip.compress(b'{"text": "two"}\n'))
    system.pipe_file(f"/{name}/a/notes.pdf", b"%PDF")
    with system.open(f"/{name}/b/t.parquet", "wb") as file:
        pq.write_table(pa.table({"text": ["x", "y"]}), file)
    return f"memory://{name}"


def ids(url: str) -> list[str]:
    (source,) = find_sources(DataConfig(path=(url,)))
    return [record.id for record in source.read() if isinstance(record, Document)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", ["deep/two.jsonl.gz:1", "one.txt"]),
        ("a/*.txt", ["one.txt"]),
        ("a/**/*.jsonl.gz", ["deep/two.jsonl.gz:1"]),
        ("*/one.txt", ["a/one.txt"]),
        ("a/one.txt", ["one.txt"]),
        ("b/t.parquet", ["t.parquet:1", "t.parquet:2"]),
    ],
)
def test_remote_files_are_found_and_read(bucket: str, path: str, expected: list[str]) -> None:
    assert ids(f"{bucket}/{path}") == expected
    assert ids(f"name={bucket}/{path}") == expected


def test_a_remote_source_is_named_and_measured(bucket: str) -> None:
    one, folder = find_sources(DataConfig(path=(f"{bucket}/b/*", f"{bucket}/a/deep")))
    assert (one.name, folder.name) == ("t", "two")
    assert folder.num_bytes == len(gzip.compress(b'{"text": "two"}\n'))


def test_a_file_url_and_its_path_hold_the_same(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("x")
    (local,) = list_files(str(tmp_path)).files
    (remote,) = list_files(f"file://{tmp_path}").files
    assert (local.id, local.size) == (remote.id, remote.size) == ("x.txt", 1)
    (document,) = read_file(remote.location, remote.id, source="s", version=remote.version)
    assert document.text == "x"


def test_a_remote_file_that_changes_is_refused(bucket: str) -> None:
    (file,) = list_files(f"{bucket}/a/one.txt").files
    assert list(read_file(file.location, file.id, source="s", version=file.version))
    fsspec.filesystem("memory").pipe_file(f"{bucket}/a/one.txt", b"two")
    with pytest.raises(UserError, match=r"one\.txt: its contents changed"):
        list(read_file(file.location, file.id, source="s", version=file.version))


@pytest.mark.parametrize(
    ("path", "message", "code"),
    [
        ("a/*.doc", r"no files found below .*/a; expected files that end in", ExitCode.UNUSABLE),
        ("none", "no files found", ExitCode.UNUSABLE),
        ("a/*", r"cannot read .*notes\.pdf; supported are", ExitCode.USAGE),
    ],
)
def test_bad_urls(bucket: str, path: str, message: str, code: int) -> None:
    with pytest.raises(UserError, match=message) as error:
        list_files(f"{bucket}/{path}", setting="shop.path")
    assert str(error.value).startswith(f"shop.path={bucket}/{path}: ")
    assert error.value.exit_code == code


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(UserError, match=r"nope://a/b\.txt: cannot reach it: Protocol not known"):
        list_files("nope://a/b.txt")


def test_a_failing_storage_is_no_damaged_file(bucket: str) -> None:
    with pytest.raises(UserError, match="cannot read the file") as error:
        list(read_file(f"{bucket}/gone.txt", "gone", source="s"))
    assert error.value.exit_code == ExitCode.STORAGE
