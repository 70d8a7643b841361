"""Mixing keeps every prefix in proportion and needs no state."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.mixture import Mixture, StagedMixture
from jaxlm.errors import UserError

positive_weights = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=12)


def prefix_error(weights: list[float], num_samples: int) -> float:
    """Largest gap, over sources and prefixes, between samples and exact share."""
    source, _ = Mixture.from_weights(weights).locate(np.arange(num_samples))
    counts = np.cumsum(source[:, None] == np.arange(len(weights)), axis=0)
    shares = np.asarray(weights) / np.sum(weights)
    return float(np.abs(counts - np.arange(1, num_samples + 1)[:, None] * shares).max())


@settings(deadline=None, max_examples=60)
@given(weights=positive_weights)
def test_every_prefix_is_in_proportion(weights: list[float]) -> None:
    bound = {1: 0, 2: 0.5, 3: 1.0}.get(len(weights), 2.0)
    assert prefix_error(weights, 3000) <= bound + 1e-4  # Weights are rounded to 2**-30.


def test_many_small_sources_do_not_crowd_out_a_large_one() -> None:
    assert prefix_error([0.5, *[0.005] * 100], 5000) < 1.0


@settings(deadline=None, max_examples=60)
@given(weights=positive_weights, order=st.randoms(use_true_random=False))
def test_index_counts_the_earlier_samples_of_the_source(weights: list[float], order) -> None:
    mixture = Mixture.from_weights(weights)
    ns = list(range(500))
    source, index = mixture.locate(np.array(ns))
    seen = [0] * len(weights)
    for k, i in zip(source.tolist(), index.tolist(), strict=True):
        assert i == seen[k]
        seen[k] += 1
    order.shuffle(ns)
    shuffled_source, shuffled_index = mixture.locate(np.array(ns))
    np.testing.assert_array_equal(shuffled_source, source[ns])
    np.testing.assert_array_equal(shuffled_index, index[ns])


@settings(deadline=None, max_examples=40)
@given(shares=st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_each_period_holds_exactly_the_shares(shares: list[int]) -> None:
    period = sum(shares)
    source, index = Mixture(shares).locate(np.arange(period, 2 * period))
    assert np.bincount(source, minlength=len(shares)).tolist() == shares
    for k, share in enumerate(shares):
        assert sorted(index[source == k].tolist()) == list(range(share, 2 * share))


def test_far_samples_are_as_exact_as_near_ones() -> None:
    mixture = Mixture([(1 << 30) - 1, 1 << 30])
    n = 10**18
    source, index = mixture.locate(np.array([n, n + 1]))
    shares = mixture.shares.tolist()
    for k, i in zip(source.tolist(), index.tolist(), strict=True):
        assert abs(i * sum(shares) - n * shares[k]) <= 2 * sum(shares)


def test_scale_of_weights_does_not_matter() -> None:
    ns = np.arange(1000)
    for scale in (1e-300, 1.0, 8e307):
        source, _ = Mixture.from_weights([2 * scale, scale]).locate(ns)
        np.testing.assert_array_equal(source, Mixture([2, 1]).locate(ns)[0])


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_weight_that_is_no_share_is_refused(weight: float) -> None:
    with pytest.raises(UserError, match=r"data\.weights\[1\] is .*must be a positive number"):
        Mixture.from_weights([1.0, weight])


@settings(deadline=None, max_examples=60)
@given(shares=st.lists(st.integers(1, 50), min_size=1, max_size=6), num_samples=st.integers(0, 700))
def test_counts_are_those_of_the_first_samples(shares: list[int], num_samples: int) -> None:
    mixture = Mixture(shares)
    source, _ = mixture.locate(np.arange(num_samples))
    expected = np.bincount(source, minlength=len(shares))
    np.testing.assert_array_equal(mixture.counts(num_samples), expected)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_source_goes_on_where_it_stood_in_the_stage_before(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 60), min_size=1, max_size=4))
    stage = st.lists(st.sampled_from([0.0, 0.3, 1.0, 7.0]), min_size=3, max_size=3).filter(any)
    weights = [data.draw(stage) for _ in lengths]
    first = np.cumsum([0, *lengths[:-1]]).tolist()
    num_samples = sum(lengths) + 50
    source, index = StagedMixture(first, weights).locate(np.arange(num_samples))
    for position in range(3):
        mine = index[source == position]
        np.testing.assert_array_equal(mine, np.arange(len(mine)))
    for number, (start, end) in enumerate(pairwise([*first, num_samples])):
        shares = np.array(weights[number]) / sum(weights[number])
        found = np.bincount(source[start:end], minlength=3)
        assert np.abs(found - shares * (end - start)).max() <= 1 + 1e-6
        assert not found[shares == 0].any()


def test_stages_that_do_not_rise_from_zero_are_refused() -> None:
    for first in ([1], [0, 5, 5], [0, 9, 3], []):
        with pytest.raises(ValueError, match="rise from 0"):
            StagedMixture(first, [[1.0]] * len(first))
