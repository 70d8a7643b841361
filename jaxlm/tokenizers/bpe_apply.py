"""Applies merges to words, exactly or with dropout, and says where a faster runtime may differ."""

import heapq
import random
from collections.abc import Collection, Iterable, Iterator, Mapping

from jaxlm.tokenizers.bpe import spell_word

Merge = tuple[str, str]
Ranks = Mapping[Merge, int]
_Candidate = tuple[int, int]


def rank_merges(merges: Iterable[Merge]) -> dict[Merge, int]:
    """Place of each pair in the order of merging; the first one where it is listed twice."""
    ranks: dict[Merge, int] = {}
    for rank, pair in enumerate(merges):
        ranks.setdefault(pair, rank)
    return ranks


def origins(ranks: Ranks) -> dict[str, Merge]:
    """The pair that makes each merged symbol; the earliest one where several do."""
    made: dict[str, Merge] = {}
    for left, right in sorted(ranks, key=ranks.__getitem__):
        made.setdefault(left + right, (left, right))
    return made


def apply_merges(
    word: str, ranks: Ranks, dropout: float = 0.0, draws: random.Random | None = None
) -> list[str]:
    """Symbols of a word; the last one ends with the end-of-word mark.

    Each step merges all occurrences of the earliest pair that the word holds. With dropout, each
    occurrence of each pair is left out of each step independently, and the first step that has no
    pair left is the last one. A pair is drawn only when its rank could be next, which gives the
    same distribution.

    Args:
      word: At least one character.
      ranks: Place of each pair in the order of merging.
      dropout: Probability to leave out an occurrence.
      draws: Source of random numbers; needed with dropout.

    Source: Sennrich et al., 2016, arXiv 1508.07909, section 3.2; dropout by Provilkov et al., 2020,
      arXiv 1910.13267, section 3.
    """
    chain = _Chain(spell_word(word), ranks)
    while True:
        dropped: list[_Candidate] = []
        kept: list[_Candidate] = []
        for candidate in chain.pop_in_order():
            if kept and candidate[0] > kept[0][0]:
                dropped.append(candidate)  # its turn is a later step
                break
            lost = draws is not None and draws.random() < dropout
            (dropped if lost else kept).append(candidate)
        if not kept:
            return [symbol for symbol in chain.symbols if symbol]
        for candidate in kept:
            chain.merge(candidate)
        chain.push(dropped)


class _Chain:
    """A word's symbols, linked so that a merge costs no copy; merged-away places are empty."""

    def __init__(self, symbols: list[str], ranks: Ranks) -> None:
        self.symbols = symbols
        self._ranks = ranks
        self._next = [*range(1, len(symbols)), -1]
        self._previous = list(range(-1, len(symbols) - 1))
        self._heap: list[_Candidate] = []
        self.push(
            (rank, place) for place in range(len(symbols)) if (rank := self._rank(place)) >= 0
        )

    def push(self, candidates: Iterable[_Candidate]) -> None:
        for candidate in candidates:
            heapq.heappush(self._heap, candidate)

    def pop_in_order(self) -> Iterator[_Candidate]:
        """Yields pairs that are still there by rank, then from left to right."""
        while self._heap:
            candidate = heapq.heappop(self._heap)
            if self._is_current(candidate):
                yield candidate

    def merge(self, candidate: _Candidate) -> None:
        """Merges a pair unless a merge to its left has taken its first symbol."""
        if not self._is_current(candidate):
            return
        place = candidate[1]
        taken = self._next[place]
        self.symbols[place] += self.symbols[taken]
        self.symbols[taken] = ""
        self._next[place] = self._next[taken]
        if self._next[place] >= 0:
            self._previous[self._next[place]] = place
        for changed in (self._previous[place], place):
            rank = self._rank(changed) if changed >= 0 else -1
            if rank >= 0:
                heapq.heappush(self._heap, (rank, changed))

    def _is_current(self, candidate: _Candidate) -> bool:
        return self._rank(candidate[1]) == candidate[0]

    def _rank(self, place: int) -> int:
        """Rank of the pair that begins at a place, -1 for none."""
        following = self._next[place]
        if following < 0 or not self.symbols[place]:
            return -1
        return self._ranks.get((self.symbols[place], self.symbols[following]), -1)


def split_unlisted(
    symbol: str, listed: Collection[str], made_by: Mapping[str, Merge]
) -> Iterator[str]:
    """Undoes merges until each symbol is in a vocabulary, or is a character.

    Source: subword-nmt's vocabulary threshold; Sennrich et al., 2017, arXiv 1708.00726, section 3.
    """
    if symbol in listed or symbol not in made_by:
        yield symbol
        return
    for part in made_by[symbol]:
        yield from split_unlisted(part, listed, made_by)


def find_order_dependent(ranks: Ranks) -> list[str]:
    """Symbols that a word must hold twice for the order of equal merges to matter in it.

    A runtime that merges the occurrences of a pair one by one differs from `apply_merges` only
    where the first of them enables a merge that ranks before the pair itself, which then comes
    before the second.
    """
    first_use: dict[str, int] = {}
    for pair in sorted(ranks, key=ranks.__getitem__):
        for symbol in pair:
            first_use.setdefault(symbol, ranks[pair])
    return sorted(
        {
            left + right
            for (left, right), rank in ranks.items()
            if first_use.get(left + right, rank) < rank
        }
    )
