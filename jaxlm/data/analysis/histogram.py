"""Counts by size with a bounded relative error, the same whatever the order of the values."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

GAMMA = 1.005
"""Ratio of a bin's bounds: a quantile is within 0.25 % of a value that occurred."""

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

_SMALLEST, _LARGEST = 1e-6, 1e15
_LOG_SPAN = 30.0
_MOST_BARS = 40
_LINEAR_BARS = 20


class Histogram:
    """A histogram with logarithmic bins on both sides of zero; at most 20,000 bins.

    Values below 1e-6 in size count as zero. Adding and merging are sums of integers, so the result
    does not depend on how the values were split.

    Attributes:
      bins: Count by index: 0 holds zero, n > 0 the values from 1e-6 * GAMMA**(n - 1), and -n the
        same with a minus sign.
      low: Smallest value.
      high: Largest value.
      num_not_finite: NaN and infinite values, which are in no bin.

    Source: DDSketch (Masson, Rim and Lee 2019, arXiv 1908.10693, section 2).
    """

    def __init__(self) -> None:
        self.bins: Counter[int] = Counter()
        self.low = math.inf
        self.high = -math.inf
        self.num_not_finite = 0

    def add(self, values: np.ndarray | Sequence[float]) -> None:
        """Counts values, any shape."""
        array = np.asarray(values, np.float64).ravel()
        finite = array[np.isfinite(array)]
        self.num_not_finite += len(array) - len(finite)
        if not len(finite):
            return
        self.low = min(self.low, float(finite.min()))
        self.high = max(self.high, float(finite.max()))
        indices, counts = np.unique(_indices(finite), return_counts=True)
        self.bins.update(dict(zip(indices.tolist(), counts.tolist(), strict=True)))

    def merge(self, other: "Histogram") -> None:
        """Adds the counts of another."""
        self.bins.update(other.bins)
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.num_not_finite += other.num_not_finite

    @property
    def count(self) -> int:
        """Finite values."""
        return self.bins.total()

    def quantile(self, share: float) -> float:
        """The value that `share` of the values do not exceed, within 0.25 %."""
        left = max(1, math.ceil(share * self.count))
        for index in sorted(self.bins):
            left -= self.bins[index]
            if left <= 0:
                return min(max(_centre(index), self.low), self.high)
        return math.nan

    def result(self) -> dict[str, Any]:
        """Count, bounds, quantiles, and bars `[low, high, count]` to draw."""
        if not self.count:
            return {"count": 0, "not_finite": self.num_not_finite, "quantiles": {}, "bars": []}
        return {
            "count": self.count,
            "not_finite": self.num_not_finite,
            "min": self.low,
            "max": self.high,
            "quantiles": {str(share): _short(self.quantile(share)) for share in QUANTILES},
            "is_log": self._is_log(),
            "bars": self._log_bars() if self._is_log() else self._linear_bars(),
        }

    def _is_log(self) -> bool:
        return self.low >= 0 and self.high > _LOG_SPAN * max(self.low, 1.0)

    def _log_bars(self) -> list[list[float]]:
        """Bars of equal ratio, each a whole number of bins; zero has a bar of its own."""
        positive = [index for index in self.bins if index > 0]
        first, last = min(positive), max(positive)
        width = max(1, math.ceil((last - first + 1) / _MOST_BARS))
        counts = Counter[int]()
        for index in positive:
            counts[(index - first) // width] += self.bins[index]
        bars = [
            [_lower(first + n * width), _lower(first + (n + 1) * width), counts[n]]
            for n in range((last - first) // width + 1)
        ]
        zero = [[0.0, 0.0, self.bins[0]]] if self.bins[0] else []
        return [[_short(a), _short(b), count] for a, b, count in zero + bars]

    def _linear_bars(self) -> list[list[float]]:
        """Bars of equal width, each wider than two bins, or the bins would show as gaps."""
        span, size = self.high - self.low, max(abs(self.low), abs(self.high))
        if span == 0:
            return [[self.low, self.high, self.count]]
        num_bars = max(1, min(_LINEAR_BARS, int(span / (2 * (GAMMA - 1) * size))))
        step = span / num_bars
        counts = Counter[int]()
        for index, count in self.bins.items():
            value = min(max(_centre(index), self.low), self.high)
            counts[min(int((value - self.low) / step), num_bars - 1)] += count
        return [
            [_short(self.low + n * step), _short(self.low + (n + 1) * step), counts[n]]
            for n in range(num_bars)
        ]


def _indices(values: np.ndarray) -> np.ndarray:
    size = np.abs(values)
    clipped = np.clip(size, _SMALLEST, _LARGEST)
    # The small shift keeps powers of ten and whole numbers off the bins' edges.
    steps = np.floor(np.log(clipped / _SMALLEST) / math.log(GAMMA) + 1e-9).astype(np.int64) + 1
    return np.where(size < _SMALLEST, 0, np.where(values < 0, -steps, steps))


def _lower(index: int) -> float:
    return _SMALLEST * GAMMA ** (index - 1)


def _centre(index: int) -> float:
    if index == 0:
        return 0.0
    return math.copysign(_lower(abs(index)) * math.sqrt(GAMMA), index)


def _short(value: float) -> float:
    """Six significant digits, which is more than the bins know."""
    return float(f"{value:.6g}")
