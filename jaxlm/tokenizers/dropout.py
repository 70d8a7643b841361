"""BPE with merges dropped at random."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from random import Random

Merges = Mapping[tuple[int, int], tuple[int, int]]

_Candidate = tuple[int, int, int, int]


def merge_with_dropout(
    symbols: Sequence[int], merges: Merges, alpha: float, random: Random
) -> list[int]:
    """Merges symbols pair by pair, best rank first and from the left, each with a chance to fail.

    At every step each pair of neighbours is dropped with probability `alpha`, independently, and
    the best of the others is merged; when all are dropped, the word is done. Coins are tossed from
    the best pair on and only until one survives, which is the same process for less work:
    n log(n) / (1 - alpha) for n symbols.

    Args:
      symbols: Ids of one word's bytes or characters.
      merges: For a pair of ids: its rank, the lower the sooner, and the id of the two together.
      alpha: Probability to drop a pair, from 0 to 1.
      random: Source of the coins.

    Source: Provilkov et al. (2020), "BPE-Dropout", arXiv 1910.13267, algorithm 1.
    """
    word = _Word(symbols, merges)
    while (best := _survivor(word, alpha, random)) is not None:
        word.merge(best)
    return [symbol for symbol in word.symbols if symbol >= 0]


def _survivor(word: "_Word", alpha: float, random: Random) -> _Candidate | None:
    """Takes the best pair that is not dropped; those dropped wait for the next step."""
    dropped = []
    found = None
    while word.candidates and found is None:
        candidate = heappop(word.candidates)
        if not word.stands(candidate):
            continue
        if random.random() < alpha:
            dropped.append(candidate)
        else:
            found = candidate
    for candidate in dropped:
        heappush(word.candidates, candidate)
    return found


class _Word:
    """Symbols as a doubly linked list, and a heap of the pairs that could merge."""

    def __init__(self, symbols: Sequence[int], merges: Merges) -> None:
        self.symbols = list(symbols)  # -1 where a symbol went into its left neighbour
        self.after = [*range(1, len(symbols)), -1] if symbols else []
        self.before = list(range(-1, len(symbols) - 1))
        self.merges = merges
        self.candidates: list[_Candidate] = []
        for left in range(len(symbols) - 1):
            self._add(left)
        heapify(self.candidates)

    def _add(self, left: int) -> None:
        """Makes a candidate (rank, place, id of the left symbol, id of the right one)."""
        if left < 0 or self.after[left] < 0:
            return
        pair = (self.symbols[left], self.symbols[self.after[left]])
        if pair in self.merges:
            heappush(self.candidates, (self.merges[pair][0], left, *pair))

    def stands(self, candidate: _Candidate) -> bool:
        """Whether no merge has touched the pair since."""
        _, left, a, b = candidate
        right = self.after[left]
        return self.symbols[left] == a and right >= 0 and self.symbols[right] == b

    def merge(self, candidate: _Candidate) -> None:
        """Joins the pair and adds the candidates that it makes possible."""
        _, left, a, b = candidate
        right = self.after[left]
        self.symbols[left], self.symbols[right] = self.merges[a, b][1], -1
        self.after[left] = self.after[right]
        if self.after[left] >= 0:
            self.before[self.after[left]] = left
        self._add(self.before[left])
        self._add(left)
