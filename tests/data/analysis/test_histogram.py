import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.analysis.histogram import QUANTILES, Histogram

VALUES = st.lists(st.floats(-1e9, 1e9) | st.integers(0, 100_000), min_size=1, max_size=200)


def of(values):
    histogram = Histogram()
    histogram.add(values)
    return histogram


@settings(deadline=None, max_examples=100)
@given(VALUES)
def test_quantiles_are_within_their_error_of_a_value_that_occurred(values):
    histogram, ordered = of(values), sorted(values)
    for share in QUANTILES:
        exact = ordered[max(1, math.ceil(share * len(values))) - 1]
        assert histogram.quantile(share) == pytest.approx(exact, rel=0.0026, abs=1.1e-6)


@settings(deadline=None, max_examples=100)
@given(VALUES)
def test_bars_hold_every_value_between_the_bounds(values):
    result = of(values).result()
    assert sum(count for _, _, count in result["bars"]) == len(values) == result["count"]
    assert (result["min"], result["max"]) == (min(values), max(values))
    lows, highs = zip(*((low, high) for low, high, _ in result["bars"]), strict=True)
    assert list(lows) == sorted(lows)
    assert all(low <= high for low, high in zip(lows, highs, strict=True))


@settings(deadline=None, max_examples=50)
@given(VALUES, VALUES)
def test_merging_is_adding(first, second):
    merged = of(first)
    merged.merge(of(second))
    assert merged.result() == of(second + first).result()


def test_what_is_not_finite_is_counted_apart():
    result = of([1.0, math.nan, math.inf, -math.inf]).result()
    assert (result["count"], result["not_finite"]) == (1, 3)
    assert Histogram().result()["bars"] == []


def test_wide_ranges_are_drawn_by_ratio_and_zero_has_its_own_bar():
    result = of([0, 0, 1, 10, 100, 1000]).result()
    assert result["is_log"]
    assert result["bars"][0] == [0.0, 0.0, 2]
    ratios = {round(high / low, 3) for low, high, _ in result["bars"][1:]}
    assert len(ratios) == 1


def test_bars_of_a_narrow_range_show_no_gaps():
    counts = [count for _, _, count in of(np.linspace(0.36, 0.41, 5000)).result()["bars"]]
    assert len(counts) > 5
    assert max(counts) < 2.5 * min(counts)
