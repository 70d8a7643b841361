import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.report import series

CURVES = st.lists(st.floats(-1e6, 1e6), max_size=500).map(lambda ys: list(enumerate(ys)))


def test_points_pass_over_what_is_missing_or_not_finite():
    records = [{"step": 1, "loss": 2.0}, {"step": 2}, {"step": 3, "loss": math.nan}]
    records += [{"step": 4, "loss": math.inf}, {"step": 5, "loss": 1}]
    assert series.points(records, "loss", scale=10) == [(1, 20), (5, 10)]
    assert series.num_non_finite(records, "loss") == 2


@settings(deadline=None, max_examples=50)
@given(CURVES, st.integers(1, 60))
def test_thinning_keeps_ends_extremes_and_order(curve, buckets):
    thinned = series.thin(curve, buckets)
    assert len(thinned) <= 2 * buckets + 2
    assert thinned == sorted(set(thinned) & set(curve))
    if curve:
        assert thinned[0] == curve[0] and thinned[-1] == curve[-1]
        heights = [y for _, y in curve]
        assert {min(heights), max(heights)} <= {y for _, y in thinned}


def test_a_spike_of_one_step_in_many_survives_thinning():
    curve = [(step, 1000.0 if step == 54_321 else 1.0) for step in range(100_000)]
    assert (54_321, 1000.0) in series.thin(curve)


@settings(deadline=None, max_examples=50)
@given(CURVES)
def test_smoothing_stays_within_the_curve(curve):
    smoothed = series.smooth(curve)
    assert [x for x, _ in smoothed] == [x for x, _ in curve]
    heights = [y for _, y in curve]
    for _, y in smoothed:
        assert min(heights) - 1e-3 <= y <= max(heights) + 1e-3


def test_smoothing_does_not_lag_behind_a_line():
    line = [(step, 5.0 - 0.01 * step) for step in range(1000)]
    for (_, y), (_, smoothed) in list(zip(line, series.smooth(line), strict=True))[10:-10]:
        assert smoothed == pytest.approx(y)


def test_smoothing_removes_noise():
    noisy = [(step, (-1.0) ** step) for step in range(6000)]
    assert max(abs(y) for _, y in series.smooth(noisy)) < 0.1


def test_the_compiling_step_is_an_outlier():
    curve = [(1, 20_000.0), (2, 300.0), (3, 310.0), (4, 900.0)]
    assert series.split_outliers(curve) == (curve[1:], curve[:1])
    assert series.split_outliers([]) == ([], [])
