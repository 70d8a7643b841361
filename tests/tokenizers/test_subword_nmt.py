import json
import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import SubwordSampling
from jaxlm.tokenizers.bpe_segment import Segmenter
from jaxlm.tokenizers.subword_nmt import SubwordNmtTokenizer, read_vocabulary

GOLDEN = Path(__file__).parents[1] / "golden" / "subword_nmt"
CODES = (GOLDEN / "codes.txt").read_text(encoding="utf-8")
MERGES = [tuple(line.split(" ")) for line in CODES.rstrip("\n").split("\n")[1:]]


def lines(name: str) -> list[str]:
    return (GOLDEN / name).read_text(encoding="utf-8").rstrip("\n").split("\n")


def vocabulary(threshold: int = 1) -> list[str]:
    text = (GOLDEN / "vocab.txt").read_text(encoding="utf-8")
    return read_vocabulary(text, threshold)


def golden(name: str) -> dict:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@cache
def imported() -> SubwordNmtTokenizer:
    return SubwordNmtTokenizer.from_codes(CODES, vocabulary())


@cache
def with_characters() -> SubwordNmtTokenizer:
    """The imported one, with the characters that its text has within merged symbols only."""
    symbols = vocabulary()
    characters = {f"{character}@@" for line in lines("corpus.txt") for character in line} - {" @@"}
    return SubwordNmtTokenizer.from_codes(CODES, [*symbols, *sorted(characters - set(symbols))])


@cache
def trained() -> SubwordNmtTokenizer:
    passages = [*lines("corpus.txt"), "a </w> b</w>c d</w></w>\n" * 30]
    return SubwordNmtTokenizer.train(passages, 400)


def written(tokenizer: SubwordNmtTokenizer, ids: np.ndarray) -> str:
    return " ".join(map(tokenizer.piece, ids.tolist()))


def test_the_runtime_segments_as_subword_nmt_does():
    ids = imported().encode_batch(lines("corpus.txt"))
    assert [written(imported(), row) for row in ids] == lines("segmented.txt")
    assert [imported().decode(row) for row in ids] == lines("corpus.txt")


def test_the_runtime_splits_rare_symbols_as_subword_nmt_does():
    tokenizer = SubwordNmtTokenizer.from_codes(CODES, vocabulary(20))
    expected = lines("segmented_vocab_threshold_20.txt")
    found = tokenizer.encode_batch(lines("corpus.txt")[: len(expected)])
    unknown = []
    for row, line in zip(found, expected, strict=True):
        for token, symbol in zip(written_symbols(tokenizer, row), line.split(" "), strict=True):
            if token == "<unk>":
                unknown.append(symbol)
            else:
                assert token == symbol
    assert set(map(len, (symbol.removesuffix("@@") for symbol in unknown))) == {1}
    assert not set(unknown) & set(vocabulary(20))


def written_symbols(tokenizer: SubwordNmtTokenizer, ids: np.ndarray) -> list[str]:
    """Symbols as subword-nmt has them: a separate end of word joins what it closes."""
    text = written(tokenizer, ids).replace("@@ </w>", "").replace("<unk> </w>", "<unk>")
    return text.split(" ")


# Dropout.


def sample(tokenizer: SubwordNmtTokenizer, text: str, seed: int, alpha: float) -> np.ndarray:
    return tokenizer.sample_batch([text], [seed], SubwordSampling(alpha=alpha))[0]


def test_dropout_extremes_are_those_of_subword_nmt():
    extremes = golden("dropout_extremes.json")
    assert extremes["p0_equals_segmented"]
    for line, expected in extremes["p1"]:
        assert Segmenter(MERGES).segment(line, 1.0, random.Random(1)) == expected
        ids = sample(with_characters(), line, 1, 1.0)
        assert " ".join(written_symbols(with_characters(), ids)) == expected
    for line, expected in zip(lines("corpus.txt")[:60], lines("segmented.txt"), strict=False):
        assert written(imported(), sample(imported(), line, 3, 0.0)) == expected


def test_draws_depend_on_text_seed_and_probability_alone():
    tokenizer, texts = with_characters(), lines("corpus.txt")[:20]
    sampling = SubwordSampling(alpha=0.3)
    plain = tokenizer.encode_batch(texts)
    drawn = tokenizer.sample_batch(texts, range(20), sampling)
    again = tokenizer.sample_batch(texts[::-1], range(19, -1, -1), sampling)[::-1]
    other = tokenizer.sample_batch(texts, range(20, 40), sampling)
    for left, right in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(left, right)
    assert sum(map(len, drawn)) > sum(map(len, plain))
    assert any(len(a) != len(b) or (a != b).any() for a, b in zip(drawn, other, strict=True))
    for left, right in zip(plain, tokenizer.encode_batch(texts), strict=True):
        np.testing.assert_array_equal(left, right)
    assert [tokenizer.decode(row) for row in drawn] == texts


# The tokenizer.

KNOWN = sorted({symbol for symbol in trained()._symbols if len(symbol) == 1})


@given(st.text(st.sampled_from([*KNOWN, " ", " "]), max_size=40), st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=100)
def test_known_characters_survive_with_all_their_spaces(text, seed):
    tokenizer = trained()
    for ids in (np.array(tokenizer.encode(text), int), sample(tokenizer, text, seed, 0.4)):
        assert tokenizer.decode(ids) == text
        assert tokenizer.token_bytes()[ids].sum() == (len(text.encode()) + 1 if text else 0)


@pytest.mark.parametrize("text", ["", " ", "  ", " a", "a ", " a  b ", "</w>", "a</w> </w>b\n"])
def test_spaces_and_the_end_of_word_mark_survive(text):
    assert trained().decode(trained().encode(text)) == text


def test_unknown_characters_are_lost_but_not_the_words_around():
    tokenizer = trained()
    unknown, end = tokenizer.unknown_id, tokenizer.encode(" ")[0]
    assert tokenizer.piece(end) == "</w>"
    assert tokenizer.encode("\u4e2d") == [unknown, end]
    assert tokenizer.encode("\u4e2d\u4e2d a")[:3] == [unknown, unknown, end]
    assert tokenizer.decode(tokenizer.encode("the\u4e2d \u4e2dthe \u4e2d a")) == "the the  a"
    assert not tokenizer.is_lossless()


def test_special_tokens_are_text_unless_asked_for():
    tokenizer = trained()
    assert list(tokenizer.special_tokens) == ["<unk>", "<s>", "</s>", "<pad>"]
    specials = set(tokenizer.special_tokens.values())
    text = "<s>the  cat </s><pad>a"
    assert specials.isdisjoint(tokenizer.encode(text))
    ids = tokenizer.encode(text, special=True)
    assert ids[0] == tokenizer.bos_id
    assert ids[-2] == tokenizer.pad_id
    assert tokenizer.decode(ids) == "the  cat a"
    assert not tokenizer.token_bytes()[sorted(specials)].any()


def test_the_vocabulary_keeps_within_its_size():
    tokenizer = trained()
    assert tokenizer.vocab_size == 400
    assert max(tokenizer.encode("the a of\nxyz")) < 400
    small = SubwordNmtTokenizer.train(["ab ab abc"], 100)
    assert [small.piece(token) for token in range(small.vocab_size)] == [
        *("<unk>", "<s>", "</s>", "<pad>", "</w>"),
        *("a@@", "b@@", "c@@", "b", "c", "ab"),
    ]
    assert SubwordNmtTokenizer.train(["ab ab abc"], 100, num_merges=0).vocab_size == 10


def test_training_does_not_depend_on_the_order_of_passages():
    texts = lines("corpus.txt")[:200]
    forwards = SubwordNmtTokenizer.train(iter(texts), 300)
    assert forwards.fingerprint == SubwordNmtTokenizer.train(texts[::-1], 300).fingerprint
    assert forwards.fingerprint != SubwordNmtTokenizer.train(texts, 299).fingerprint


def test_the_file_gives_the_same_tokenizer(tmp_path):
    path = tmp_path / "tokenizer.json"
    trained().save(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert (data["type"], data["version"]) == ("subword_nmt", 1)
    loaded = SubwordNmtTokenizer.from_json(data)
    assert loaded.fingerprint == trained().fingerprint
    assert loaded.encode("the cat\nsat  </w>") == trained().encode("the cat\nsat  </w>")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "wordpiece"}, "not a tokenizer of type 'subword_nmt'"),
        ({"version": 2}, "version 2"),
        ({"merges": [["a"]]}, "damaged"),
        ({"symbols": [1]}, "damaged"),
        ({"symbols": ["a", "a"]}, "twice"),
        ({"symbols": ["a b"]}, "no space"),
        ({"merges": [["</w>", "a"]]}, "cannot be part of a word"),
    ],
)
def test_damaged_files_are_refused(change, message):
    data = {"type": "subword_nmt", "version": 1, "merges": [], "symbols": []} | change
    with pytest.raises(UserError, match=message) as raised:
        SubwordNmtTokenizer.from_json(data)
    assert raised.value.exit_code == ExitCode.UNUSABLE


def test_malformed_codes_are_refused():
    with pytest.raises(UserError, match=r"#version: 0\.2"):
        SubwordNmtTokenizer.from_codes("t h\n", [])
    with pytest.raises(UserError, match="line 3"):
        SubwordNmtTokenizer.from_codes("#version: 0.2\nt h\nt h e\n", [])
    with pytest.raises(UserError, match="line 2 of the vocabulary is not a symbol and its count"):
        read_vocabulary("th@@ 3\nth many\n")


def test_training_says_what_is_missing():
    with pytest.raises(UserError, match="no text"):
        SubwordNmtTokenizer.train(["  "], 100)
    with pytest.raises(UserError, match="at least 10, or lower character_coverage"):
        SubwordNmtTokenizer.train(["ab ab abc"], 9)
    covered = SubwordNmtTokenizer.train(["ab ab abc"], 9, character_coverage=0.8)
    assert covered.decode(covered.encode("ab c ab")) == "ab  ab"
