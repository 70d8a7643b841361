"""Curves of a run as points: gaps, smoothing, and thinning that keeps the extremes."""

import math
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
    """Exponential moving average over about a fiftieth of the curve, without start-up bias.

    Source: the bias correction of Kingma and Ba, 2015, Adam (arXiv:1412.6980), section 3.
    """
    decay = 1 - 1 / max(1.0, len(curve) / 50)
    mean, weight, smoothed = 0.0, 0.0, []
    for x, y in curve:
        mean = decay * mean + (1 - decay) * y
        weight = decay * weight + (1 - decay)
        smoothed.append((x, mean / weight))
    return smoothed


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
