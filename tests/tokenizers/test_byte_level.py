import json
from collections import Counter
from pathlib import Path

import pytest
import tokenizers as library
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models

from jaxlm import tokenizers
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers import SubwordSampling
from jaxlm.tokenizers.byte_level import (
    BYTE_CHARACTERS,
    ByteLevelTokenizer,
    tiktoken_ranks,
    train_byte_level,
)
from jaxlm.tokenizers.split_patterns import KNOWN, PATTERNS, with_split_digits

GOLDEN = Path(__file__).parents[1] / "golden" / "byte_level_bpe"
ENCODINGS = json.loads((GOLDEN / "encodings.json").read_text(encoding="utf-8"))
PLAIN = "don't DON'T it's 1234567 x1 ...\n\n  \t\r\n foo(bar)  \n é漢字 \u00a0\u3000 _a_ !?"


def golden() -> ByteLevelTokenizer:
    loaded = tokenizers.load(GOLDEN / "tokenizer.json")
    assert isinstance(loaded, ByteLevelTokenizer)
    return loaded


def without_tiktoken(tokenizer: ByteLevelTokenizer) -> ByteLevelTokenizer:
    other = ByteLevelTokenizer(tokenizer.data, tokenizer.marks)
    other._fast = None
    return other


@pytest.mark.parametrize("engine", [golden, lambda: without_tiktoken(golden())])
def test_ids_and_text_of_the_golden_file(engine) -> None:
    tokenizer = engine()
    for example in ENCODINGS:
        assert tokenizer.encode(example["text"]) == example["ids"]
        assert tokenizer.decode(example["ids"]) == example["text"]
        assert [tokenizer.piece(token) for token in example["ids"]] == example["tokens"]


def test_marks_of_a_file_with_one_special_token() -> None:
    assert golden().bos_id == golden().eos_id == golden().pad_id == 0
    assert golden().special_tokens == {"<|endoftext|>": 0}
    assert golden().unknown_id < 0


@pytest.mark.parametrize("pattern", sorted(KNOWN))
@given(text=st.text(max_size=40) | st.text("aB1'sS. \t\n\r\u00a0\u2028é漢_/", max_size=40))
@settings(deadline=None, max_examples=60)
def test_tiktoken_and_tokenizers_give_the_same_ids(pattern: str, text: str) -> None:
    pytest.importorskip("tiktoken")
    fast, plain = pair(pattern)
    assert fast.encode(text) == plain.encode(text)
    assert fast.decode(fast.encode(text)) == text


_PAIRS: dict[str, tuple[ByteLevelTokenizer, ByteLevelTokenizer]] = {}


def pair(pattern: str) -> tuple[ByteLevelTokenizer, ByteLevelTokenizer]:
    """The same tokenizer with each engine."""
    if pattern not in _PAIRS:
        fast = train_byte_level([PLAIN, "the cat sat on the mat 12 345 6789\n"] * 3, 400, pattern)
        assert fast._fast is not None
        _PAIRS[pattern] = fast, without_tiktoken(fast)
    return _PAIRS[pattern]


SOME = [*range(0x600), *range(0x600, 0x3100, 23), *range(0x3100, 0xD800, 491), 0xFEFF, 0x1F642]
# All planes with characters, and samples of the others.
ALL = [*range(0xD800), *range(0xE000, 0x32000), *range(0x32000, 0x110000, 97)]


@pytest.mark.parametrize("points", [SOME, pytest.param(ALL, marks=pytest.mark.slow)])
@pytest.mark.parametrize("pattern", sorted(PATTERNS.values()))
def test_both_engines_class_every_character_alike(pattern: str, points: list[int]) -> None:
    pytest.importorskip("tiktoken")
    # Every pair with one of these characters is a token, so that ids show where words end.
    fast, plain = with_pairs(pattern, "ab1'. \nS")
    for start in range(0, len(points), 10_000):
        characters = map(chr, points[start : start + 10_000])
        texts = [f"a{c}b 1{c}'{c}  {c}\n.{c}'S" for c in characters]
        found = zip(texts, fast.encode_batch(texts), plain.encode_batch(texts), strict=True)
        different = [hex(ord(text[1])) for text, a, b in found if a.tolist() != b.tolist()]
        assert not different


def with_pairs(pattern: str, beside: str) -> tuple[ByteLevelTokenizer, ByteLevelTokenizer]:
    fast, _ = pair(pattern)
    vocab = {token: number for token, number in fast.data["model"]["vocab"].items() if number < 259}
    symbols = [token for token in vocab if len(token) == 1]
    shown = {BYTE_CHARACTERS[ord(character)] for character in beside}
    merges = [[a, b] for a in symbols for b in symbols if {a, b} & shown]
    vocab |= {a + b: 259 + place for place, (a, b) in enumerate(merges)}
    data = {**fast.data, "model": {**fast.data["model"], "vocab": vocab, "merges": merges}}
    tokenizer = ByteLevelTokenizer(data, fast.marks)
    return tokenizer, without_tiktoken(tokenizer)


def test_tiktoken_is_left_where_it_would_merge_otherwise(trained) -> None:
    data = json.loads(json.dumps(trained("byte_level").data))
    assert tiktoken_ranks(data) is not None
    merges = data["model"]["merges"]
    swapped = {**data, "model": {**data["model"], "merges": [*merges[1:], merges[0]]}}
    assert tiktoken_ranks(swapped) is None
    # "abc" would be made of "a" and "bc" too, which no merge allows
    vocab = {c: n for n, c in enumerate("abc")} | {"bc": 3, "ab": 4, "abc": 5}
    unreachable = {"model": {"vocab": vocab, "merges": [["b", "c"], ["a", "b"], ["ab", "c"]]}}
    assert models.BPE(vocab, [("b", "c"), ("a", "b"), ("ab", "c")]).tokenize("abc")[0].value == "a"
    assert tiktoken_ranks(unreachable) is None


def test_training_is_deterministic_and_obeys_the_size(passages: list[str]) -> None:
    pattern = PATTERNS["gpt4"]
    first, second = (train_byte_level(passages, 350, pattern) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    assert first.vocab_size == 350
    assert train_byte_level(passages, 340, pattern).fingerprint != first.fingerprint
    with pytest.raises(UserError, match="ask for 259 or more") as error:
        train_byte_level(passages, 258, pattern)
    assert error.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("name", PATTERNS)
def test_digits_are_words_of_their_own(name) -> None:
    text = "1234567 and 12 apples " * 50
    split = train_byte_level([text], 300, with_split_digits(PATTERNS[name]))
    pieces = [split.piece(token) for token in split.encode("12 345")]
    assert pieces == ["1", "2", "Ġ", "3", "4", "5"]
    whole = train_byte_level([text], 300, PATTERNS[name])
    assert any(len(whole.piece(token)) > 1 for token in whole.encode("12 345"))


def test_words_of_the_published_patterns() -> None:
    text = "Hello, don't!\n\n  x12345 "
    # As the expressions of GPT-2 and GPT-4 read
    assert words("gpt2", text) == ["Hello", ",", " don", "'t", "!", "\n\n ", " x", "12345", " "]
    by_gpt4 = ["Hello", ",", " don", "'t", "!\n\n", " ", " x", "123", "45", " "]
    assert words("gpt4", text) == by_gpt4


def words(name, text: str) -> list[str]:
    split = library.pre_tokenizers.Split(library.Regex(PATTERNS[name]), "isolated")
    return [word for word, _ in split.pre_tokenize_str(text)]


def test_special_tokens_in_text_stay_text(trained) -> None:
    tokenizer = trained("byte_level")
    specials = set(tokenizer.special_tokens.values())
    assert specials == {tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id}
    assert specials.isdisjoint(tokenizer.encode("a</s><s><pad>"))
    marked = tokenizer.encode("a</s>b", special=True)
    assert marked == [*tokenizer.encode("a"), tokenizer.eos_id, *tokenizer.encode("b")]
    assert tokenizer.decode(marked) == "ab"


def test_bytes_of_tokens_add_up(trained) -> None:
    text = "déjà vu 你好 <s> 🙂\n"
    ids = trained("byte_level").encode(text)
    assert trained("byte_level").token_bytes()[ids].sum() == len(text.encode())
    assert trained("byte_level").token_bytes()[[0, 1, 2]].sum() == 0


def test_long_text_has_the_ids_of_the_uncut_text(trained) -> None:
    tokenizer = trained("byte_level")
    text = (PLAIN + " and so on, ") * 2700
    assert len(text) > 3 * (1 << 16)
    whole = tokenizer._words.encode(text, add_special_tokens=False).ids
    assert tokenizer.encode(text) == whole


def test_dropout_is_a_function_of_text_and_seed(trained) -> None:
    tokenizer, texts = trained("byte_level"), [PLAIN, "", "abc </s>", PLAIN]
    sampling = SubwordSampling(alpha=0.3)
    first = [ids.tolist() for ids in tokenizer.sample_batch(texts, [1, 2, 3, 1], sampling)]
    again = [ids.tolist() for ids in tokenizer.sample_batch(texts[::-1], [1, 3, 2, 1], sampling)]
    assert first == again[::-1]
    assert first[0] == first[3]
    assert first[0] != tokenizer.sample_batch([PLAIN], [2], sampling)[0].tolist()
    assert [tokenizer.decode(ids) for ids in first] == texts


def test_dropout_between_its_extremes(trained) -> None:
    tokenizer = trained("byte_level")
    counts = [
        len(tokenizer.sample_batch([PLAIN * 20], [0], SubwordSampling(alpha=alpha))[0])
        for alpha in (0.0, 0.1, 0.5, 1.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] == len(tokenizer.encode(PLAIN * 20))
    assert counts[-1] == len((PLAIN * 20).encode())
    spread = Counter(
        tuple(tokenizer.sample_batch([" the"], [s], SubwordSampling(alpha=0.5))[0])
        for s in range(50)
    )
    assert len(spread) > 1
