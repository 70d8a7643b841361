"""Units against a regular expression, n-grams against tuples."""

# ruff: noqa: RUF001 (text of other scripts)

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxlm.data.dedup.ngrams
from jaxlm.data.dedup.characters import blocks, code_points, folded
from jaxlm.data.dedup.ngrams import hashes_at, ngrams, units

# Letters, digits, marks (a combining acute), spaces and punctuation; no ideographs.
ALPHABET = "aAbBßéÉ7٣ǅΣσς\u0301 \t\n.,_-…'’€\U0001f600"
TEXTS = st.lists(st.text(alphabet=ALPHABET, max_size=30), max_size=6)
WORD = re.compile(r"[aAbBßéÉ7٣ǅΣσς\u0301]+")


def fold_case(word: str) -> str:
    return "".join(c.casefold() if len(c.casefold()) == 1 else c.lower() for c in word)


def same_partition(a: list, b: list) -> bool:
    """Whether equal elements of one list are at the places of equal elements of the other."""
    return len(a) == len(b) and [a.index(x) for x in a] == [b.index(x) for x in b]


@settings(deadline=None, max_examples=50)
@given(TEXTS)
def test_words_are_runs_of_letters_marks_and_digits(texts: list[str]) -> None:
    found = units(texts, "word")
    truth = [list(WORD.finditer(text)) for text in texts]
    assert np.diff(found.offsets).tolist() == [len(ms) for ms in truth]
    flat = list(itertools.chain(*truth))
    assert list(zip(found.start, found.end, strict=True)) == [m.span() for m in flat]
    assert same_partition(found.hashes.tolist(), [fold_case(m.group()) for m in flat])


@settings(deadline=None, max_examples=50)
@given(TEXTS)
def test_characters_are_letters_marks_and_digits(texts: list[str]) -> None:
    found = units(texts, "character")
    letters = [c for text in texts for c in text if WORD.fullmatch(c)]
    assert same_partition(found.hashes.tolist(), [fold_case(c) for c in letters])


@settings(deadline=None, max_examples=50)
@given(TEXTS, st.integers(1, 9), st.sampled_from(["word", "character"]))
def test_long_texts_are_cut_between_words(texts: list[str], piece: int, unit: str) -> None:
    whole = units(texts, unit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jaxlm.data.dedup.ngrams, "BLOCK_CHARACTERS", piece)
        cut = units(texts, unit)
    for name in ("hashes", "start", "end", "offsets"):
        assert getattr(cut, name).tolist() == getattr(whole, name).tolist()


def test_ideographs_are_words_by_themselves() -> None:
    text = "第3章：大语言模型GPT-4的预训练。かな ไทย 한국어"
    found = units([text], "word")
    words = [text[a:b] for a, b in zip(found.start, found.end, strict=True)]
    assert words == [*"第3章大语言模型", "GPT", "4", *"的预训练かなไทย", "한국어"]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=9), max_size=5),
    st.integers(1, 6),
    st.booleans(),
)
def test_ngrams_stay_within_a_text(texts: list[list[str]], n: int, whole: bool) -> None:
    found = ngrams(units([" ".join(words) for words in texts], "word"), n, whole=whole)
    truth = [
        [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        or ([tuple(words)] if whole and words else [])
        for words in texts
    ]
    assert np.diff(found.offsets).tolist() == list(map(len, truth))
    assert same_partition(found.hashes.tolist(), list(itertools.chain(*truth)))


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_hashes_at_some_units_are_those_of_all(n: int) -> None:
    parts = units(["one two three four five six seven eight nine", "b c d e f g h i j k"], "word")
    grams = ngrams(parts, n, whole=False)
    some = slice(1, None, 3)
    assert hashes_at(parts, grams.first[some], n).tolist() == grams.hashes[some].tolist()


def test_hashes_do_not_depend_on_neighbours() -> None:
    texts = ["one two three four", "", "five", "Six seven eight nine ten"]
    together = ngrams(units(texts, "word"), 3).hashes
    alone = [ngrams(units([text], "word"), 3).hashes for text in texts]
    assert together.tolist() == np.concatenate(alone).tolist()


def mixed(key: int, data: int) -> int:
    """`jaxlm.data.permutation.fold` in integers."""

    def split_mix(x: int) -> int:
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    return split_mix((split_mix(key) + data * 0x9E3779B97F4A7C15) % 2**64)


def test_hashes_never_change_between_releases() -> None:
    """Keys that were stored by an older release must still join with new ones."""
    texts = ["The quick brown fox", "大模型"]
    expected = []
    for words in (["the", "quick", "brown"], ["quick", "brown", "fox"], ["大", "模", "型"]):
        total = 0
        for word in words:
            word_hash = sum(mixed(0, ord(c)) * 0xD1342543DE82EF95**k for k, c in enumerate(word))
            total = total * 0x9FB21C651E98DF25 + word_hash
        expected.append(mixed(3, total % 2**64))
    assert ngrams(units(texts, "word"), 3).hashes.tolist() == expected
    assert expected[0] == 5178317801870056844


@pytest.mark.parametrize("text", ["", "?!", "\ud800", "\U0010ffff\U000e0041"])
def test_texts_without_letters_have_no_units(text: str) -> None:
    assert len(units([text], "word").hashes) == len(units([text], "character").hashes) == 0


def test_case_folding_takes_one_character_for_one() -> None:
    text = "AÉΣςİßẞ\u0345_ 1"
    codes, _ = code_points([text])
    assert "".join(map(chr, folded(codes))) == "aéσσİßß\u03b9\0\x001\0"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=9), max_size=12), st.integers(1, 20))
def test_blocks_cover_all_texts_and_are_small(texts: list[str], size: int) -> None:
    parts = [texts[block] for block in blocks(texts, size)]
    assert list(itertools.chain(*parts)) == texts
    assert all(sum(map(len, part)) <= size or len(part) == 1 for part in parts)
