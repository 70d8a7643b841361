from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxlm.tokenizers.dropout import Merges, merge_with_dropout

# a b c are 0 1 2; ab, bc, abc, aa and aaa follow, in order of rank
MERGES = {(0, 1): (0, 3), (1, 2): (1, 4), (3, 2): (2, 5), (0, 0): (3, 6), (6, 0): (4, 7)}


def algorithm_1(word: tuple[int, ...], merges: Merges, alpha: float) -> dict[tuple, float]:
    """The exact distribution, by all outcomes of the coins of Provilkov et al., algorithm 1."""
    places = [i for i in range(len(word) - 1) if word[i : i + 2] in merges]
    if not places:
        return {word: 1.0}
    found: dict[tuple, float] = Counter()
    for kept in range(1 << len(places)):
        alive = [place for bit, place in enumerate(places) if kept >> bit & 1]
        chance = (1 - alpha) ** len(alive) * alpha ** (len(places) - len(alive))
        if chance == 0:
            continue
        if not alive:
            found[word] += chance
            continue
        best = min(alive, key=lambda place: (merges[word[place : place + 2]][0], place))
        joined = (*word[:best], merges[word[best : best + 2]][1], *word[best + 2 :])
        for result, share in algorithm_1(joined, merges, alpha).items():
            found[result] += chance * share
    return found


@given(st.lists(st.integers(0, 2), max_size=7))
def test_without_dropout_the_best_merge_goes_first(word: list[int]) -> None:
    (expected,) = algorithm_1(tuple(word), MERGES, 0.0)
    assert tuple(merge_with_dropout(word, MERGES, 0.0, Random(0))) == expected


@given(st.lists(st.integers(0, 2), max_size=30))
def test_certain_dropout_merges_nothing(word: list[int]) -> None:
    assert merge_with_dropout(word, MERGES, 1.0, Random(0)) == word


@pytest.mark.parametrize("alpha", [0.1, 0.5])
@pytest.mark.parametrize("word", [(0, 1, 2), (0, 0, 1, 2, 0), (0, 0, 0, 0, 1)])
def test_draws_follow_the_algorithm(word: tuple[int, ...], alpha: float) -> None:
    exact = algorithm_1(word, MERGES, alpha)
    assert sum(exact.values()) == pytest.approx(1)
    draws = 10_000
    random = Random(1)
    counts = Counter(tuple(merge_with_dropout(word, MERGES, alpha, random)) for _ in range(draws))
    assert counts.keys() <= exact.keys()
    assert sum(abs(counts[w] / draws - p) for w, p in exact.items()) / 2 < 0.02


def test_a_long_word_takes_no_quadratic_time() -> None:
    assert len(merge_with_dropout([0, 1, 2] * 20_000, MERGES, 0.0, Random(0))) == 20_000
