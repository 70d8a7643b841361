"""Verify, view and diff say what is there: damage, documents, and the rows of a step."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import jaxlm.tokenizers
from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.config.serialise import to_json
from jaxlm.data.__main__ import main
from jaxlm.data.config import DataConfig
from jaxlm.data.sample_names import name_samples
from jaxlm.data.stages import open_stores, open_stream
from jaxlm.data.store import TokenStore
from jaxlm.errors import ExitCode, UserError
from tests.data.toy_store import ToyTokenizer, random_texts, write_toy_store
from tests.pico import PICO

PROSE = ["the first of the documents", "another one\nwith two lines", *random_texts(20, 60, 0)]
CODE = random_texts(9, 90, 1)
TOKENIZER = ToyTokenizer()


@pytest.fixture(autouse=True)
def toy_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxlm.tokenizers, "load", lambda path: TOKENIZER)


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    sources = {"prose": (0.75, PROSE), "code": (0.25, CODE)}
    return write_toy_store(tmp_path / "store", sources, with_ids=True)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main([str(argument) for argument in arguments])
    return code, capsys.readouterr().out


def test_verify_says_that_a_store_is_whole(
    store: TokenStore, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(capsys, "verify", store.directory)
    assert code == 0
    assert f"all {len(store.manifest['files'])} files are whole" in out
    assert store.digest in out


def test_verify_lists_every_damaged_file(
    store: TokenStore, capsys: pytest.CaptureFixture[str]
) -> None:
    flipped = store.directory / "train.0.tokens"
    content = bytearray(flipped.read_bytes())
    content[7] ^= 1
    flipped.write_bytes(content)
    (store.directory / "train.1.offsets").unlink()
    with (store.directory / "train.1.tokens").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(UserError, match=r"^3 of \d+ files .* are damaged") as caught:
        main(["verify", str(store.directory)])
    assert caught.value.exit_code == ExitCode.UNUSABLE
    lines = sorted(capsys.readouterr().out.splitlines())
    for line, name, found in zip(
        lines,
        ("train.0.tokens", "train.1.offsets", "train.1.tokens"),
        ("found SHA-256", "found no such file", " bytes, found "),
        strict=True,
    ):
        assert name in line and found in line


def test_view_shows_counts_and_documents(
    store: TokenStore, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = run(capsys, "view", store.directory, "--count", 2, "--source", "prose")
    assert code == 0
    assert f"train.prose: {len(PROSE)} documents, " in out
    assert "tokenizer.fingerprint: ffff" in out
    assert "train.prose: document 0 (prose/0): 15 tokens\n    the first of the documents\n" in out
    assert "    another one\n    with two lines\n" in out
    assert "document 2" not in out and "code/" not in out
    _, out = run(capsys, "view", store.directory, "--count", 1, "--characters", 9)
    assert "    the first [17 characters more]\n" in out
    with pytest.raises(UserError, match="no source 'prse', only prose, code"):
        main(["view", str(store.directory), "--source", "prse"])


def write_run(folder: Path, stores: Sequence[TokenStore], data: DataConfig) -> TrainConfig:
    config = TrainConfig(
        name="run",
        model=PICO,
        num_steps=50,
        batch=BatchConfig(size=4, seq_len=16),
        data=data,
    )
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(to_json(config)))
    recorded = {str(store.directory): store.digest for store in stores}
    (folder / "data.json").write_text(json.dumps({"stores": recorded}))
    return config


def test_names_of_samples_give_their_tokens_back(store: TokenStore) -> None:
    config = TrainConfig(name="n", model=PICO, num_steps=9, batch=BatchConfig(size=4, seq_len=16))
    stream = open_stream(config, [store])
    texts = {"prose": PROSE, "code": CODE}
    samples = np.arange(300)
    pieces = name_samples(stream, samples)
    batch = stream.rows(samples)
    for sample in samples.tolist():
        mine = [piece for piece in pieces if piece.sample == sample]
        real = batch["segment_ids"][sample] > 0
        tokens = np.concatenate([piece.tokens[:-1] for piece in mine])
        targets = np.concatenate([piece.tokens[1:] for piece in mine])
        np.testing.assert_array_equal(tokens, batch["tokens"][sample][real])
        np.testing.assert_array_equal(targets, batch["targets"][sample][real])
    for piece in pieces:
        text = texts[piece.source][piece.document]
        (ids,) = TOKENIZER.encode_batch([text])
        whole = np.array([0, *ids, 1])
        end = piece.first_token + len(piece.tokens)
        np.testing.assert_array_equal(piece.tokens, whole[piece.first_token : end])
        assert piece.document_id == f"{piece.source}/{piece.document}"
    assert {piece.epoch for piece in pieces if piece.source == "code"} >= {0, 1, 2}


def test_view_names_the_documents_of_a_step(
    store: TokenStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_run(tmp_path / "run", [store], DataConfig())
    code, out = run(capsys, "view", tmp_path / "run", "--step", 3, "--characters", 0)
    assert code == 0
    expected = []
    stream = open_stream(config, [store])
    for sample in range(8, 12):
        expected.append(f"row {sample - 8}: sample {sample}")
        for piece in name_samples(stream, [sample]):
            last = piece.first_token + len(piece.tokens) - 1
            expected.append(
                f"  {piece.source}: document {piece.document} ({piece.document_id}), epoch "
                f"{piece.epoch}, tokens {piece.first_token} to {last}"
            )
            text = TOKENIZER.decode(piece.tokens)
            expected += [f"    {line}" for line in text.splitlines() or [""]]
    assert out.splitlines() == expected


def test_view_of_a_step_follows_stages_and_stores(tmp_path: Path, store: TokenStore) -> None:
    more = write_toy_store(tmp_path / "more", {"web": (1.0, random_texts(9, 50, 3))})
    entries = (str(store.directory), f"2:{more.directory}")
    data = DataConfig(stores=entries, stages=("2:prose=0,code=0,web=1",))
    config = write_run(tmp_path / "run", open_stores(entries), data)
    stream = open_stream(config, open_stores(entries))
    assert {piece.source for piece in name_samples(stream, np.arange(8))} == {"prose", "code"}
    assert {piece.source for piece in name_samples(stream, np.arange(8, 12))} == {"web"}


def test_view_refuses_what_is_no_step_of_a_run(store: TokenStore, tmp_path: Path) -> None:
    write_run(tmp_path / "run", [store], DataConfig())
    for step in (0, 51):
        with pytest.raises(UserError, match="go from 1 to 50"):
            main(["view", str(tmp_path / "run"), "--step", str(step)])
    for option in (["--split", "train"], ["--source", "prose"], ["--first", "0"], ["--count", "3"]):
        with pytest.raises(UserError, match=f"{option[0]} choose documents of a store"):
            main(["view", str(tmp_path / "run"), "--step", "1", *option])
    with pytest.raises(UserError, match=r"no config\.json"):
        main(["view", str(store.directory), "--step", "1"])
    (tmp_path / "run/data.json").write_text(json.dumps({"stores": {str(store.directory): "f00"}}))
    with pytest.raises(UserError, match="is not the store that the run began with") as caught:
        main(["view", str(tmp_path / "run"), "--step", "1"])
    assert caught.value.exit_code == ExitCode.UNUSABLE


def test_diff_of_equal_stores_is_nothing(
    store: TokenStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = {"prose": (0.75, PROSE), "code": (0.25, CODE)}
    again = write_toy_store(tmp_path / "again", sources, with_ids=True)
    code, out = run(capsys, "diff", store.directory, again.directory)
    assert (code, out) == (0, f"identical: digest {store.digest}\n")


@pytest.mark.parametrize("with_ids", [True, False])
def test_diff_names_the_documents_that_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], with_ids: bool
) -> None:
    before, after = ["same", "old", "twice", "twice"], ["same", "new", "twice"]
    for name, texts in (("a", before), ("b", after)):
        write_toy_store(tmp_path / name, {"prose": (1.0, texts)}, with_ids=with_ids)
    code, out = run(capsys, "diff", tmp_path / "a", tmp_path / "b")
    assert code == 1
    lines = out.splitlines()
    assert "train.prose.num_documents: 4 -> 3" in lines
    listed = [line for line in lines if line.startswith(("- train", "+ train"))]
    label = {n: f" (prose/{n})" if with_ids else "" for n in range(4)}
    assert listed == [
        f"- train.prose: document 1{label[1]}",
        f"- train.prose: document 3{label[3]}",
        f"+ train.prose: document 1{label[1]}",
    ]


def test_diff_tells_tokenizers_and_sources_apart(
    store: TokenStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_toy_store(
        tmp_path / "other", {"web": (1.0, random_texts(15, 9, 2))}, fingerprint="e" * 64
    )
    code, out = run(capsys, "diff", store.directory, other.directory)
    assert code == 1
    assert f"tokenizer.fingerprint: {'f' * 64} -> {'e' * 64}" in out
    assert f"train.code.num_documents: {len(CODE)} -> nothing" in out
    assert "+ train.web: and 5 more documents" in out
