"""The command `python -m jaxlm.tokenizers`."""

from pathlib import Path

import pytest

from jaxlm import tokenizers
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.__main__ import main


@pytest.fixture
def text(tmp_path: Path, passages: list[str]) -> str:
    for number in range(2):
        (tmp_path / f"text{number}.txt").write_bytes("".join(passages).encode())
    return str(tmp_path / "*.txt")


def train(kind: str, text: str, out: Path, *settings: str, vocab_size: int = 400) -> None:
    options = ["--text", text, "--vocab-size", str(vocab_size), "--out", str(out)]
    assert main(["train", kind, *settings, *options]) == ExitCode.DONE


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("bpe", []),
        ("unigram", ["byte_fallback=true"]),
        ("char", []),
        ("byte_level", ["pattern=llama3", "split_digits=true"]),
        ("subword_nmt", ["min_frequency=3"]),
        ("wordpiece", ["learner=frequency", "word_start=_", "lowercase=true"]),
    ],
)
def test_train_and_compare_every_kind(
    kind: str, settings: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tokenizer"
    train(kind, text, out, *settings)
    assert tokenizers.load(out).vocab_size <= 400
    assert f"wrote {out}" in capsys.readouterr().out
    main(["compare", str(out), "--text", text])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1:]] == [
        str(tmp_path / "text0.txt"),
        str(tmp_path / "text1.txt"),
        "all",
    ]


def test_settings_reach_the_tokenizer(text: str, tmp_path: Path) -> None:
    for settings in (["pattern=gpt2"], ["pattern=gpt2", "split_digits=true"]):
        train("byte_level", text, tmp_path / "-".join(settings), *settings)
    plain, split = (tokenizers.load(path) for path in sorted(tmp_path.glob("pattern*")))
    assert len(plain.encode("333 333")) < len(split.encode("333 333"))


def test_training_text_is_taken_evenly(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("bpe", text, tmp_path / "a", "training_bytes=5000", vocab_size=380)
    assert "training_bytes=5,000" in capsys.readouterr().err


def test_extend_and_export(text: str, tmp_path: Path) -> None:
    train("byte_level", text, tmp_path / "a", vocab_size=300)
    arguments = ["--ordinary", "<think>", "--special", "<|end|>", "--out", str(tmp_path / "b")]
    main(["extend", str(tmp_path / "a"), *arguments])
    assert tokenizers.load(tmp_path / "b").vocab_size == 302
    main(["export", str(tmp_path / "b"), str(tmp_path / "folder")])
    exported, own = tokenizers.load(tmp_path / "folder"), tokenizers.load(tmp_path / "b")
    assert exported.encode("a <think>") == own.encode("a <think>")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["byte_level", "patern=gpt2"], "not a setting of ByteLevelConfig; the nearest: pattern"),
        (["byte_level", "pattern"], "not a setting"),
        (["byte_level", "pattern=gpt3"], "pattern is one of gpt2, gpt4, o200k, llama3"),
        (["bpe", "kind=unigram"], "not a setting of SentencePieceConfig"),
        (["bpe", "training_bytes=0"], "training_bytes greater than 0"),
        (["subword_nmt", "min_frequency=often"], "min_frequency is an integer"),
    ],
)
def test_wrong_settings(text: str, tmp_path: Path, arguments: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        train(arguments[0], text, tmp_path / "a", *arguments[1:])
    assert error.value.exit_code == ExitCode.USAGE


def test_a_vocabulary_too_small_for_bytes(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--vocab-size is at least 259 for byte_level"):
        train("byte_level", text, tmp_path / "a", vocab_size=258)


def test_texts_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file") as error:
        train("bpe", str(tmp_path / "*.txt"), tmp_path / "a")
    assert error.value.exit_code == ExitCode.UNUSABLE
    (tmp_path / "a.txt").write_bytes(b"abc \xff")
    with pytest.raises(UserError, match="not UTF-8 at byte 4"):
        train("bpe", str(tmp_path / "a.txt"), tmp_path / "a")


def test_a_place_that_cannot_be_written_is_told(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        train("char", text, tmp_path / "absent" / "tokenizer")
    out = tmp_path / "tokenizer"
    train("byte_level", text, out)
    with pytest.raises(UserError, match="cannot write") as caught:
        main(["export", str(out), str(out)])
    assert caught.value.exit_code == ExitCode.STORAGE
