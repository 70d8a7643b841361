import json
import random
from pathlib import Path

import pytest
import tokenizers as library

from jaxlm import tokenizers
from jaxlm.errors import UserError
from jaxlm.tokenizers.config import SentencePieceConfig
from jaxlm.tokenizers.export import export
from jaxlm.tokenizers.extension import extend

GOLDEN = Path(__file__).parents[1] / "golden" / "sentencepiece"
KINDS = ("bpe", "unigram", "char", "byte_level", "gpt2")
TEXTS = [
    "",
    " ",
    "The quick   brown fox\n\n\njumps\tover 1234567\r\n",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f642 e\u0301 \ufb01 \x00",
    "你好 世界。こんにちは 세계 नमस्ते",
    "    \n    \t\t x  " + " " * 40,
    "<0x41> <0xE4> ▂ é",
]


def random_texts() -> list[str]:
    draw = random.Random(0)
    alphabet = "abcdefgh ABC 12  \t\n\r<0x41>é漢😀👩\u200d\u3000\u00a0.,'"
    return ["".join(draw.choices(alphabet, k=draw.randint(0, 60))) for _ in range(500)]


def ids_of_library(path: Path, texts: list[str]) -> list[list[int]]:
    backend = library.Tokenizer.from_file(str(path / "tokenizer.json"))
    return [backend.encode(text, add_special_tokens=False).ids for text in texts]


@pytest.mark.parametrize("kind", KINDS)
def test_the_library_gives_the_same_ids(
    trained, passages: list[str], kind: str, tmp_path: Path
) -> None:
    tokenizer = trained(kind)
    export(tokenizer, tmp_path)
    # the library makes special tokens of their spelling, which the passages have too
    texts = TEXTS + random_texts() + [passages[0], passages[1]]
    expected = [ids.tolist() for ids in tokenizer.encode_batch(texts)]
    assert ids_of_library(tmp_path, texts) == expected
    backend = library.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert [backend.decode(ids, skip_special_tokens=True) for ids in expected] == texts


@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_folder_loads_with_the_same_marks(trained, kind: str, tmp_path: Path) -> None:
    tokenizer = trained(kind)
    export(tokenizer, tmp_path / "new" / "folder")
    loaded = tokenizers.load(tmp_path / "new" / "folder")
    for mark in ("vocab_size", "bos_id", "eos_id", "pad_id", "unknown_id", "special_tokens"):
        assert getattr(loaded, mark) == getattr(tokenizer, mark)
    assert loaded.token_bytes().tolist() == tokenizer.token_bytes().tolist()
    text = "a</s> <s> b"
    assert loaded.encode(text) == tokenizer.encode(text)
    assert loaded.encode(text, special=True) == tokenizer.encode(text, special=True)


def test_the_files_name_the_special_tokens(trained, tmp_path: Path) -> None:
    export(trained("bpe"), tmp_path)
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    assert json.loads((tmp_path / "special_tokens_map.json").read_text()) == names
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert names.items() <= settings.items()
    assert settings["clean_up_tokenization_spaces"] is False


@pytest.mark.parametrize("kind", ["bpe", "char"])
def test_unknown_characters_are_the_same_ids(passages: list[str], kind, tmp_path: Path) -> None:
    config = SentencePieceConfig(kind=kind, vocab_size=200, byte_fallback=False)
    tokenizer = config.train(passages, 1000, lambda _: None)
    export(tokenizer, tmp_path)
    texts = TEXTS + random_texts()
    assert any(tokenizer.unknown_id in tokenizer.encode(text) for text in texts)
    expected = [ids.tolist() for ids in tokenizer.encode_batch(texts)]
    assert ids_of_library(tmp_path, texts) == expected


@pytest.mark.parametrize("kind", ["bpe", "byte_level"])
def test_added_tokens_are_exported(trained, kind: str, tmp_path: Path) -> None:
    tokenizer = extend(trained(kind), ["<think>", "two words"], ["<|end|>"])
    export(tokenizer, tmp_path)
    texts = ["a <think> two words ", "two  words<think>"]
    assert ids_of_library(tmp_path, texts) == [tokenizer.encode(text) for text in texts]
    marked = tokenizer.encode("a<|end|>b", special=True)
    assert ids_of_library(tmp_path, ["a<|end|>b"]) == [marked]


def test_a_foreign_model_with_a_prefix_space(tmp_path: Path) -> None:
    tokenizer = tokenizers.load(GOLDEN / "bpe.model")
    export(tokenizer, tmp_path)
    examples = json.loads((GOLDEN / "bpe_encodings.json").read_text(encoding="utf-8"))
    texts = [example["text"] for example in examples]
    assert ids_of_library(tmp_path, texts) == [example["ids"] for example in examples]
    loaded = tokenizers.load(tmp_path)
    assert [loaded.decode(e["ids"]) for e in examples] == [e["decoded"] for e in examples]


def test_what_has_no_equal_is_refused(trained, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="normalises text"):
        export(tokenizers.load(GOLDEN / "unigram.model"), tmp_path / "a")
    for kind in ("subword_nmt", "wordpiece"):
        with pytest.raises(UserError, match="cannot be exported"):
            export(trained(kind), tmp_path / "a")
    with pytest.raises(UserError, match="puts a space before"):
        export(extend(tokenizers.load(GOLDEN / "bpe.model"), ["<a>"]), tmp_path / "a")
    assert not (tmp_path / "a").exists()
