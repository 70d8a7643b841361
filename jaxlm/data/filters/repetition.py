"""What occurs more than once: items, and n-grams of any length, exactly and without hashes."""

import itertools
from collections.abc import Hashable, Iterable, Sequence

import numpy as np


def first_positions(items: Iterable[Hashable], size: int) -> np.ndarray:
    """Position of the first equal item, for each of `size` items: int64 [size]."""
    first: dict[Hashable, int] = {}
    return np.fromiter(map(first.setdefault, items, itertools.count()), np.int64, size)


def duplicate_share(items: Sequence[str]) -> float:
    """Share of items that repeat an earlier one."""
    return 1 - len(set(items)) / len(items) if items else 0.0


def duplicate_characters(items: Sequence[str]) -> float:
    """Share of the items' characters that lie in items that repeat an earlier one."""
    distinct = set(items)
    if len(distinct) == len(items):
        return 0.0
    return 1 - sum(map(len, distinct)) / sum(map(len, items))


class RepeatedGrams:
    """The n-grams of a sequence that occur more than once.

    An n-gram can only repeat where both of its (n - 1)-grams do, so each length looks at what is
    left of the one before; in natural text that is little from n = 3 on.

    Args:
      units: The sequence, such as words.
      lengths: Characters of each unit, all positive: int64 [num_units].
    """

    def __init__(self, units: Sequence[Hashable], lengths: np.ndarray) -> None:
        self._before = np.zeros(len(units) + 1, np.int64)  # characters before each unit
        lengths.cumsum(out=self._before[1:])
        self._unit = first_positions(units, len(units))
        self._levels = [_repeated(np.arange(len(units)), self._unit)]

    def occurrences(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Where repeated n-grams start.

        Args:
          n: Length, at least 1.

        Returns:
          Starts, int64 [k] and ascending, and for each the start of the first equal n-gram.
        """
        while len(self._levels) < n:
            starts, _ = shorter = self._levels[-1]
            self._levels.append(self._longer(len(self._levels) + 1) if len(starts) else shorter)
        return self._levels[n - 1]

    def share(self, n: int) -> float:
        """Share of the n-grams that occur more than once."""
        num_grams = len(self._unit) - n + 1
        return len(self.occurrences(n)[0]) / num_grams if num_grams > 0 else 0.0

    def duplicates(self, n: int) -> float:
        """Share of characters inside n-grams that repeat an earlier one, each counted once."""
        starts, firsts = self.occurrences(n)
        return self._covered_share(starts[starts != firsts], n) if len(starts) else 0.0

    def top(self, n: int) -> float:
        """Share of characters inside the most frequent n-gram, each counted once.

        Of equally frequent ones the first counts; if none occurs twice the share is 0.
        """
        starts, firsts = self.occurrences(n)
        if not len(starts):
            return 0.0
        return self._covered_share(starts[firsts == np.bincount(firsts).argmax()], n)

    def _longer(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        starts, firsts = self._levels[n - 2]
        goes_on = (starts[1:] == starts[:-1] + 1).nonzero()[0]
        starts = starts[goes_on]
        # (first occurrence of the (n - 1)-gram, next unit) identifies the n-gram.
        keys = firsts[goes_on] * len(self._unit) + self._unit[starts + (n - 1)]
        return _repeated(starts, first_positions(keys.tolist(), len(keys)))

    def _covered_share(self, starts: np.ndarray, n: int) -> float:
        """Share of characters in the units [start, start + n) of any start."""
        ends = starts + n
        ends[:-1] = np.minimum(ends[:-1], starts[1:])  # where they overlap, the next one counts
        covered = self._before[ends] - self._before[starts]
        return float(covered.sum() / self._before[-1])


def _repeated(starts: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keeps what occurs twice; `first` counts within `starts`."""
    again = (np.bincount(first, minlength=len(first))[first] > 1).nonzero()[0]
    return starts[again], starts[first[again]]
