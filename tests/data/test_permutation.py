"""The stateless permutation is a permutation, depends on its key alone, and looks random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.permutation import fold, permute


@settings(deadline=None, max_examples=60)
@given(size=st.integers(1, 3000), seed=st.integers(-(2**70), 2**70))
def test_each_place_is_taken_once(size: int, seed: int) -> None:
    places = permute(np.arange(size), size, fold(seed, 0))
    np.testing.assert_array_equal(np.sort(places), np.arange(size))


def test_every_small_size_is_permuted() -> None:
    for size in range(1, 130):
        places = permute(np.arange(size), size, fold(1, size))
        assert sorted(places.tolist()) == list(range(size))


@pytest.mark.parametrize("size", [2**40 + 1, 10**12, 2**62])
def test_huge_sizes_stay_in_range_without_collisions(size: int) -> None:
    places = permute(size - 1 - np.arange(5000) * (size // 5000), size, fold(3, 4))
    assert places.min() >= 0
    assert places.max() < size
    assert len(np.unique(places)) == 5000


def test_elements_and_keys_are_independent_of_their_batch() -> None:
    keys = fold(7, np.arange(50))
    index = np.arange(50)[::-1].copy()
    together = permute(index, 1000, keys)
    alone = [int(permute(index[i : i + 1], 1000, keys[i : i + 1])[0]) for i in range(50)]
    assert together.tolist() == alone


def test_order_never_changes_between_releases() -> None:
    """A checkpoint of an older release must go on with the same samples."""
    assert permute(np.arange(12), 12, fold(0, 0)).tolist() == [5, 6, 1, 9, 8, 4, 3, 0, 11, 2, 7, 10]
    assert fold(2**64 + 5, 3).tolist() == fold(5, 3).tolist() == [14449662404081437896]


def test_index_outside_the_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"outside range\(5\)"):
        permute(np.array([5]), 5, fold(0, 0))


@pytest.mark.parametrize("size", [3, 7, 16, 100])
def test_each_place_is_equally_likely(size: int) -> None:
    """Pearson's chi-square over many keys stays within 6 standard deviations of its mean."""
    num_keys = 40_000
    for index in (0, size // 2, size - 1):
        places = permute(np.full(num_keys, index), size, fold(11, np.arange(num_keys)))
        counts = np.bincount(places, minlength=size)
        expected = num_keys / size
        chi_square = float(((counts - expected) ** 2 / expected).sum())
        assert abs(chi_square - (size - 1)) < 6 * np.sqrt(2 * (size - 1))


def test_neighbours_and_epochs_are_uncorrelated() -> None:
    size = 20_000
    first, second = (permute(np.arange(size), size, fold(0, epoch)) for epoch in (0, 1))
    for one, other in ((first[:-1], first[1:]), (first, second), (first, np.arange(size))):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(size)
