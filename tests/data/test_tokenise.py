import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxlm.config import TrainConfig
from jaxlm.data import store as store_module
from jaxlm.data.config import DataConfig
from jaxlm.data.store import TokenStore
from jaxlm.data.tokenise import check_tokenizer, plan, tokenise
from jaxlm.errors import ExitCode, UserError
from jaxlm.models.llama import LlamaConfig
from jaxlm.tokenizers.config import SentencePieceConfig

Configure = Callable[..., TrainConfig]
TEXTS = [f"Document {n}:\n\tcafé {n * n}  {'ab ' * (n % 7)}\r\n" for n in range(40)]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """A run on forty lines of JSON in the working directory."""
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "text.jsonl", TEXTS)

    def make(
        data: dict[str, Any] | None = None,
        tokenizer: dict[str, Any] | None = None,
        vocab_size: int = 400,
    ) -> TrainConfig:
        return TrainConfig(
            name="test",
            num_steps=1,
            model=LlamaConfig(
                vocab_size=vocab_size,
                d_model=8,
                d_ff=8,
                num_layers=1,
                num_heads=1,
                num_kv_heads=1,
                head_dim=8,
                max_seq_len=8,
            ),
            data=DataConfig(**({"path": ("text.jsonl",)} | (data or {}))),
            tokenizer=SentencePieceConfig(**({"vocab_size": 320} | (tokenizer or {}))),
        )

    return make


def write_lines(path: Path, texts: list[Any]) -> None:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def quiet(message: str) -> None:
    pass


def stored_texts(store: TokenStore, split: str) -> list[str]:
    tokenizer = store.tokenizer
    texts = []
    for source in store.split(split):
        for start, end in zip(source.offsets, source.offsets[1:], strict=False):
            ids = source.tokens[start:end]
            assert (ids[0], ids[-1]) == (tokenizer.bos_id, tokenizer.eos_id)
            texts.append(tokenizer.decode(ids[1:-1]))
    return texts


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char"])
def test_the_store_decodes_to_every_document(configure: Configure, kind: str) -> None:
    store = tokenise(configure(tokenizer={"kind": kind}), quiet)
    train, validation = stored_texts(store, "train"), stored_texts(store, "validation")
    assert sorted(train + validation) == sorted(TEXTS)
    assert train and validation
    entries = [store.manifest["splits"][split][0] for split in ("train", "validation")]
    assert sum(e["num_bytes"] for e in entries) == sum(len(text.encode()) for text in TEXTS)
    assert store.manifest["dtype"] == "uint16"
    TokenStore.open(store.directory, verify="hash")


def test_few_documents_are_each_cut(configure: Configure) -> None:
    write_lines(Path("text.jsonl"), TEXTS[:3])
    store = tokenise(configure(data={"validation_fraction": 0.25}), quiet)
    parts = zip(stored_texts(store, "train"), stored_texts(store, "validation"), strict=True)
    assert ["".join(pair) for pair in parts] == TEXTS[:3]


def test_the_tokenizer_sees_training_text_alone(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def train(config: SentencePieceConfig, passages: list[str], **rest: Any) -> bytes:
        seen.extend(passages)
        return original(config, passages, **rest)

    from jaxlm.tokenizers import sentencepiece_training as module

    original = module.train_sentencepiece
    monkeypatch.setattr(module, "train_sentencepiece", train)
    store = tokenise(configure(), quiet)
    assert sorted(seen) == sorted(stored_texts(store, "train"))


def test_a_complete_store_is_reused_and_says_so(configure: Configure) -> None:
    said: list[str] = []
    first = tokenise(configure(), quiet)
    stamp = (first.directory / "manifest.json").stat().st_mtime_ns
    second = tokenise(configure(data={"packing": "concatenate"}), said.append)
    assert said == [said[0]]
    assert said[0].startswith(f"data: reusing {first.directory}")
    assert second.digest == first.digest
    assert (first.directory / "manifest.json").stat().st_mtime_ns == stamp


def test_the_same_text_gives_the_same_digest_elsewhere(configure: Configure) -> None:
    first = tokenise(configure(), quiet)
    os.utime("text.jsonl", (1e9, 1e9))
    second = tokenise(configure(data={"store_dir": "others"}), quiet)
    assert second.directory.name != first.directory.name
    assert second.digest == first.digest


def test_changes_of_text_or_settings_make_another_store(configure: Configure) -> None:
    paths = {tokenise(configure(), quiet).directory}
    paths.add(tokenise(configure(tokenizer={"vocab_size": 330}), quiet).directory)
    paths.add(tokenise(configure(data={"validation_fraction": 0.2}), quiet).directory)
    write_lines(Path("text.jsonl"), [*TEXTS, "one more"])
    paths.add(tokenise(configure(), quiet).directory)
    assert len(paths) == 4


def test_a_damaged_store_is_refused_and_left_alone(configure: Configure) -> None:
    store = tokenise(configure(), quiet)
    path = store.directory / "train.0.tokens"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train\.0\.tokens") as caught:
        tokenise(configure(), quiet)
    assert caught.value.exit_code == ExitCode.UNUSABLE
    assert path.read_bytes() == bytes(content)


def test_bad_and_empty_documents_are_named_and_counted(configure: Configure) -> None:
    said: list[str] = []
    with Path("text.jsonl").open("a") as file:
        file.write('[1]\n{"text": ""}\n')
    store = tokenise(configure(), said.append)
    assert "text.jsonl:41: not a JSON object but list" in said[0]
    assert "left out 1 empty documents, the first of them text.jsonl:42" in said[1]
    extra = store.manifest["extra"]
    assert extra["bad_documents"] == [
        {"path": "text.jsonl", "line": 41, "reason": "not a JSON object but list"}
    ]
    assert extra["sources"]["text"]["empty_documents"] == 1
    assert sum(extra["sources"]["text"]["documents"].values()) == 40


def test_too_many_bad_documents_stop_it(configure: Configure) -> None:
    write_lines(Path("text.jsonl"), [*TEXTS, 1, 2, 3])
    config = configure(data={"max_bad_documents": 2})
    with pytest.raises(UserError, match=r"max_bad_documents=2.*\n.*text\.jsonl:41: ") as error:
        tokenise(config, quiet)
    assert error.value.exit_code == ExitCode.UNUSABLE
    assert os.listdir("stores") == []
    tokenise(configure(data={"max_bad_documents": 3}), quiet)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"no text in 1 files \(1 empty"),
        (b"\xff\xfe", r"1 that cannot be read\):\n.*empty\.txt:1: not UTF-8"),
        (b"x", r"no part of a document is left for train; lower"),
    ],
)
def test_files_without_text_are_refused(configure: Configure, content: bytes, message: str) -> None:
    Path("empty.txt").write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        tokenise(configure(data={"path": ("empty.txt",)}), quiet)
    assert error.value.exit_code == ExitCode.UNUSABLE


def test_an_impossible_fraction_is_refused(configure: Configure) -> None:
    for fraction in (0.0, 1.0, -0.1):
        with pytest.raises(UserError, match="between 0 and 1"):
            tokenise(configure(data={"validation_fraction": fraction}), quiet)


def test_more_pieces_than_the_model_embeds_are_refused_early(configure: Configure) -> None:
    config = configure(vocab_size=300)
    for check in (tokenise, plan):
        with pytest.raises(UserError, match=r"320 pieces.*only 300"):
            check(config)
    assert not Path("stores").exists()


def test_a_reused_store_must_fit_the_model_too(configure: Configure) -> None:
    settings = {"kind": "char"}
    pieces = tokenise(configure(tokenizer=settings), quiet).tokenizer.vocab_size
    with pytest.raises(UserError, match=f"{pieces} pieces.*only {pieces - 1}"):
        tokenise(configure(tokenizer=settings, vocab_size=pieces - 1), quiet)


def test_characters_outside_the_vocabulary_are_reported(configure: Configure) -> None:
    said: list[str] = []
    tokenise(configure(), quiet).tokenizer.save("full.model")
    rare = [*TEXTS[:30], "漢字漢字"]
    tokenizer = {"kind": "char", "byte_fallback": False, "training_bytes": 400}
    write_lines(Path("text.jsonl"), rare * 10)
    store = tokenise(configure(tokenizer=tokenizer), said.append)
    unknown = store.manifest["extra"]["sources"]["text"]["unknown_tokens"]
    assert (unknown > 0) == any("unknown characters" in line for line in said)
    assert unknown > 0


def test_a_given_tokenizer_is_used(configure: Configure) -> None:
    first = tokenise(configure(), quiet)
    first.tokenizer.save("given.model")
    store = tokenise(configure(tokenizer={"path": "given.model"}), quiet)
    assert store.tokenizer.fingerprint == first.tokenizer.fingerprint
    check_tokenizer(store, first.tokenizer.fingerprint)
    other = tokenise(configure(tokenizer={"vocab_size": 310}), quiet)
    with pytest.raises(UserError, match="was made by tokenizer") as error:
        check_tokenizer(other, first.tokenizer.fingerprint)
    assert error.value.exit_code == ExitCode.UNUSABLE


def test_weights_are_given_or_follow_the_text(configure: Configure) -> None:
    Path("long.txt").write_text("abc " * 3000)
    Path("short.txt").write_text("abc " * 1000)
    paths = ("long.txt", "short.txt")
    sources = tokenise(configure(data={"path": paths}), quiet).split("train")
    assert [source.weight for source in sources] == pytest.approx([0.75, 0.25], abs=0.01)
    given = configure(data={"path": paths, "weights": (1.0, 4.0)})
    assert [s.weight for s in tokenise(given, quiet).split("train")] == pytest.approx([0.2, 0.8])


def test_progress_ends_every_phase_once(configure: Configure) -> None:
    calls: list[tuple[str, int, int]] = []
    tokenise(configure(), quiet, lambda *call: calls.append(call))
    assert list(dict.fromkeys(name for name, _, _ in calls)) == [
        "read",
        "tokenizer",
        "encode",
        "write",
    ]
    ended = [name for name, done, total in calls if total and done >= total]
    assert ended == ["read", "tokenizer", "encode", "write"]


def test_a_full_disk_stops_it_and_leaves_nothing(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.os, "fsync", full)
    with pytest.raises(UserError, match="No space left") as error:
        tokenise(configure(), quiet)
    assert error.value.exit_code == ExitCode.STORAGE
    assert os.listdir("stores") == []


def test_text_that_changes_meanwhile_is_refused(configure: Configure) -> None:
    def progress(phase: str, done: int, total: int) -> None:
        if phase == "tokenizer":
            write_lines(Path("text.jsonl"), [*TEXTS, "one more"])

    with pytest.raises(UserError, match="changed while they were read"):
        tokenise(configure(), quiet, progress)
    assert os.listdir("stores") == []


def test_the_plan_touches_nothing_and_knows_the_store(configure: Configure) -> None:
    config = configure()
    lines = plan(config)
    assert os.listdir(".") == ["text.jsonl"]
    assert "source text: 1 files" in lines[0]
    assert "would make stores/test-" in lines[-1]
    store = tokenise(config, quiet)
    assert lines[-1].endswith(str(store.directory))
    assert plan(config)[-1] == f"data: reuses {store.directory}"
    missing = dataclasses.replace(config, data=DataConfig(path=("none*.txt",)))
    with pytest.raises(UserError, match="no files found"):
        plan(missing)


def test_a_line_of_many_megabytes_is_one_document(configure: Configure) -> None:
    text = ("\u2581" + "x y" * 1000) * 1000
    Path("line.txt").write_text(text)
    config = configure(data={"path": ("line.txt",)}, tokenizer={"vocab_size": 280})
    store = tokenise(config, quiet)
    assert stored_texts(store, "train") + stored_texts(store, "validation") == [
        text[: -round(len(text) * 0.05)],
        text[-round(len(text) * 0.05) :],
    ]
    assert store.split("train")[0].tokens.dtype == np.uint16
