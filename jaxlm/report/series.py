"""Curves of a run as points: gaps, smoothing, and thinning that keeps the extremes."""

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Point = tuple[float, float]

# Two points for each bucket; more than a wide screen has pixels would not be seen.
_BUCKETS = 400


def points(records: Iterable[Mapping[str, Any]], key: str, scale: float = 1.0) -> list[Point]:
    """The finite values of a key, by step, times `scale`."""
    return [
        (float(record["step"]), scale * record[key])
        for record in records
        if isinstance(record.get(key), int | float) and math.isfinite(record[key])
    ]


def num_non_finite(records: Iterable[Mapping[str, Any]], key: str) -> int:
    """How many values of a key are NaN or infinite."""
    return sum(
        isinstance(record.get(key), float) and not math.isfinite(record[key]) for record in records
    )


def smooth(curve: Sequence[Point]) -> list[Point]:
    """Mean over a window of about a thirtieth of the curve, centred on each point.

    Towards the ends the window shrinks on both sides, so that the smoothed curve does not lag
    behind a falling one, down to an eighth, below which it would be noise again.
    """
    most = len(curve) // 60
    sums = [0.0, *itertools.accumulate(y for _, y in curve)]
    smoothed = []
    for index, (x, _) in enumerate(curve):
        half = max(most // 8, min(most, index, len(curve) - 1 - index))
        first, last = max(0, index - half), min(len(curve), index + half + 1)
        smoothed.append((x, (sums[last] - sums[first]) / (last - first)))
    return smoothed


def split_outliers(curve: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """Parts a curve of positive values into ordinary ones and those over ten times the median.

    A step that compiles takes a hundred times as long as the others; on one axis with it, nothing
    could be read off them.
    """
    if not curve:
        return [], []
    limit = 10 * statistics.median(y for _, y in curve)
    usual = [point for point in curve if point[1] <= limit]
    return usual, [point for point in curve if point[1] > limit]


def thin(curve: Sequence[Point], buckets: int = _BUCKETS) -> list[Point]:
    """Keeps the lowest and the highest point of each of `buckets` ranges, and both ends.

    A curve of at most twice as many points is returned whole.
    """
    if len(curve) <= 2 * buckets:
        return list(curve)
    kept = {0, len(curve) - 1}
    for bucket in range(buckets):
        indices = range(bucket * len(curve) // buckets, (bucket + 1) * len(curve) // buckets)
        kept.add(min(indices, key=lambda i: curve[i][1]))
        kept.add(max(indices, key=lambda i: curve[i][1]))
    return [curve[i] for i in sorted(kept)]
