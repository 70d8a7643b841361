from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxlm.data.filters.repetition import RepeatedGrams, duplicate_characters, duplicate_share

WORDS = st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=40)


def grams_of(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def covered(words: Sequence[str], starts: list[int], n: int) -> float:
    inside = {i for start in starts for i in range(start, start + n)}
    return sum(len(words[i]) for i in inside) / max(sum(map(len, words)), 1)


def repeated(words: Sequence[str]) -> RepeatedGrams:
    return RepeatedGrams(words, np.array([len(word) for word in words], np.int64))


@given(WORDS, st.integers(1, 6))
def test_against_brute_force(words: list[str], n: int) -> None:
    grams, found = grams_of(words, n), repeated(words)
    counts = Counter(grams)
    starts, firsts = found.occurrences(n)
    assert starts.tolist() == [i for i, gram in enumerate(grams) if counts[gram] > 1]
    assert firsts.tolist() == [grams.index(grams[i]) for i in starts]
    again = [i for i, gram in enumerate(grams) if gram in grams[:i]]
    assert found.duplicates(n) == pytest.approx(covered(words, again, n))
    assert found.share(n) == pytest.approx(len(starts) / max(len(grams), 1))
    # most_common keeps the order of first occurrence among equals.
    top, count = counts.most_common(1)[0] if counts else ((), 0)
    is_top = [i for i, gram in enumerate(grams) if gram == top and count > 1]
    assert found.top(n) == pytest.approx(covered(words, is_top, n))


def test_lengths_can_be_asked_in_any_order() -> None:
    words = list("xyzxyzxyzq")
    found = repeated(words)
    assert [found.duplicates(n) for n in (5, 2, 7, 3)] == [
        repeated(words).duplicates(n) for n in (5, 2, 7, 3)
    ]


def test_duplicates_by_hand() -> None:
    assert duplicate_share(["a", "b", "a", "a"]) == 0.5
    assert duplicate_characters(["aa", "b", "aa", "c"]) == pytest.approx(2 / 6)
    assert duplicate_share([]) == duplicate_characters([]) == 0
