"""Closed-form mixing: which source sample n comes from, and which of that source's samples it is.

Two sources with shares a and b are interleaved evenly by rounding: the first m samples hold
`round(m * a / (a + b))` of the first source. More sources form a tree of such pairs, joined
smallest first, and a sample walks from the root to its source. Nothing is stored and nothing is
drawn, so sample n of ten billion costs the same as sample 0.

Where shares change during a run, each source goes on in the new stage where it stood: how many of
its samples the stages before hold is a closed form as well.

Error: in every prefix of n samples the number from a source differs from its exact share of n by
at most 1/2 with two sources, 1 with three, and less than 2 with any number. (A pair adds at most
1/2, of which a child inherits its fraction q of its pair; joined smallest first, q is at most 2/3
everywhere but in the last pair of the walk, and 1/2 + q * (1/2 + 2/3 * (...)) stays below 2.)
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from jaxlm.errors import UserError

WEIGHT_RESOLUTION = 1 << 30


@dataclass(frozen=True)
class _Pair:
    """Two subtrees and the shares of each."""

    left: "_Pair | int"
    right: "_Pair | int"
    left_share: int
    share: int


class Mixture:
    """An even interleaving of sources by integer shares.

    Every run of `sum(shares)` samples that starts at a multiple of it holds exactly `shares[k]`
    samples of source k.
    """

    def __init__(self, shares: Sequence[int]) -> None:
        """Joins the sources into a tree.

        Args:
          shares: Positive share of each source; their sum is below 2**31, so that the products of
            `locate` fit 63 bits.
        """
        if not shares or min(shares) < 1 or sum(shares) >= 1 << 31:
            raise ValueError(f"shares must be positive and sum to less than 2**31, got {shares}")
        self.shares = np.asarray(shares, np.int64)
        self._period = sum(shares)
        # The middle item breaks ties, so that nodes are never compared.
        heap: list[tuple[int, int, _Pair | int]] = [(s, k, k) for k, s in enumerate(shares)]
        heapq.heapify(heap)
        for order in range(len(shares), 2 * len(shares) - 1):
            left_share, _, left = heapq.heappop(heap)
            right_share, _, right = heapq.heappop(heap)
            share = left_share + right_share
            heapq.heappush(heap, (share, order, _Pair(left, right, left_share, share)))
        self._root = heap[0][2]

    @classmethod
    def from_weights(cls, weights: Sequence[float]) -> Self:
        """Makes a mixture from weights of any scale, rounded to multiples of 2**-30 of their sum.

        Raises:
          UserError: A weight is zero, negative or not finite.
        """
        for position, weight in enumerate(weights):
            if not (math.isfinite(weight) and weight > 0):
                raise UserError(
                    f"data.weights[{position}] is {weight}, but a weight must be a positive "
                    "number; take the source out of data.path to leave it out"
                )
        largest = max(weights)  # Dividing by it first keeps the sum finite.
        total = sum(weight / largest for weight in weights)
        return cls(
            [max(1, round(weight / largest / total * WEIGHT_RESOLUTION)) for weight in weights]
        )

    def locate(self, ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Finds the source of each sample and its index among that source's samples.

        Args:
          ns: [n] int64 sample numbers, not negative.

        Returns:
          source: [n] int64, position of the source.
          index: [n] int64, how many earlier samples come from the same source.
        """
        cycle, offset = np.divmod(ns, self._period)
        source, index = np.empty_like(cycle), np.empty_like(cycle)
        pending = [(self._root, np.arange(len(cycle)), offset)]
        while pending:
            node, where, offset = pending.pop()
            if isinstance(node, int):
                source[where] = node
                index[where] = offset
                continue
            before = _left_count(node, offset)
            is_left = _left_count(node, offset + 1) > before
            pending.append((node.left, where[is_left], before[is_left]))
            pending.append((node.right, where[~is_left], (offset - before)[~is_left]))
        return source, index + cycle * self.shares[source]

    def counts(self, num_samples: int) -> np.ndarray:
        """How many of the first samples come from each source: [num_sources] int64."""
        cycle, offset = divmod(num_samples, self._period)
        counts = cycle * self.shares
        pending: list[tuple[_Pair | int, int]] = [(self._root, offset)]
        while pending:
            node, number = pending.pop()
            if isinstance(node, int):
                counts[node] += number
                continue
            left = (2 * number * node.left_share + node.share) // (2 * node.share)
            pending += [(node.left, left), (node.right, number - left)]
        return counts


class StagedMixture:
    """Mixtures in turn, each from a first sample on; in each, some sources may have no share."""

    def __init__(self, first_samples: Sequence[int], weights: Sequence[Sequence[float]]) -> None:
        """Makes the mixture of each stage.

        Args:
          first_samples: First sample of each stage, rising from 0.
          weights: Of each stage, the weight of each source; 0 leaves it out.

        Raises:
          UserError: A weight is negative or not finite.
        """
        if (
            not first_samples
            or first_samples[0] != 0
            or sorted(set(first_samples)) != list(first_samples)
        ):
            raise ValueError(f"stages must rise from 0, got {first_samples}")
        self._first = np.asarray(first_samples, np.int64)
        self._used = [np.flatnonzero(stage) for stage in weights]
        self._mixtures = [
            Mixture.from_weights([stage[k] for k in used.tolist()])
            for stage, used in zip(weights, self._used, strict=True)
        ]
        self._before = np.zeros((len(first_samples), len(weights[0])), np.int64)
        for stage, length in enumerate(np.diff(self._first).tolist()):
            self._before[stage + 1] = self._before[stage]
            self._before[stage + 1, self._used[stage]] += self._mixtures[stage].counts(length)

    def locate(self, ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Finds each sample's source and its index among that source's; see `Mixture.locate`."""
        stage = np.searchsorted(self._first, ns, side="right") - 1
        source, index = np.empty_like(ns), np.empty_like(ns)
        for number in np.unique(stage):
            mine = np.flatnonzero(stage == number)
            nth, within = self._mixtures[number].locate(ns[mine] - self._first[number])
            source[mine] = self._used[number][nth]
            index[mine] = within + self._before[number, source[mine]]
        return source, index


def _left_count(pair: _Pair, num_samples: np.ndarray) -> np.ndarray:
    """How many of the pair's first samples are the left one's, halves rounded up."""
    return (2 * num_samples * pair.left_share + pair.share) // (2 * pair.share)
