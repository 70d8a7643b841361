"""Learns word pieces: merges that raise the likelihood of the text, or the most frequent ones."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

from jaxlm.tokenizers.bpe_statistics import Pair, PairStatistics

# The trainer of the `tokenizers` library would serve "frequency", but it numbers characters in the
# order of a hash map, which decides ties: two runs on the same text give different vocabularies.
Learner = Literal["likelihood", "frequency"]

# (-bound of the score, -count, left spelling, right spelling, the pair)
_Entry = tuple[float, int, str, str, Pair]


def learn_word_pieces(
    word_counts: Mapping[str, int],
    num_merges: int,
    *,
    learner: Learner = "likelihood",
    prefix: str = "##",
    min_frequency: int = 2,
) -> list[tuple[str, str]]:
    """Learns which neighbouring pieces to merge, the pair with the highest score first.

    The score of (a, b) is count(ab) / (count(a) * count(b)) for "likelihood" and count(ab) for
    "frequency"; all counts are those of the text as merged so far. Of equal scores the more
    frequent pair goes first, then the one that is first by code points, left piece before right.

    Args:
      word_counts: Occurrences of each word; no word is empty.
      num_merges: Merges to learn at most.
      learner: What a merge is chosen by.
      prefix: Marks the pieces of a word after its first; empty for none.
      min_frequency: Merge no pair that occurs less often.

    Returns:
      Pairs of pieces in the order of merging.

    Source: Schuster and Nakajima, 2012, "Japanese and Korean voice search", section 4; Wu et al.,
      2016, arXiv 1609.08144, section 4.1.
    """
    statistics = PairStatistics(word_counts, lambda word: spell_pieces(word, prefix))
    scores = _SCORES[learner](statistics)
    heap = [
        _entry(pair, statistics, scores.bound(pair))
        for pair, count in statistics.pair_counts.items()
        if count >= min_frequency
    ]
    heapq.heapify(heap)
    merges: list[tuple[str, str]] = []
    while len(merges) < num_merges:
        pair = _pop_best(heap, statistics, scores, min_frequency)
        if pair is None:
            break
        left, right = (statistics.spellings[symbol] for symbol in pair)
        merges.append((left, right))
        spelling = join_pieces(left, right, prefix)
        changes = statistics.merge(pair, spelling)
        for raised in scores.raised({*pair, statistics.symbol(spelling)}, changes):
            if statistics.pair_counts.get(raised, 0) >= min_frequency:
                heapq.heappush(heap, _entry(raised, statistics, scores.bound(raised)))
    return merges


def spell_pieces(word: str, prefix: str) -> list[str]:
    """The characters of a word, those after the first with the prefix."""
    return [word[0], *(prefix + character for character in word[1:])]


def join_pieces(left: str, right: str, prefix: str) -> str:
    """The piece that two neighbours make."""
    return left + right.removeprefix(prefix)


class _Frequency:
    """Scores a pair by its count."""

    def __init__(self, statistics: PairStatistics) -> None:
        self._statistics = statistics

    def score(self, pair: Pair) -> float:
        return self._statistics.pair_counts[pair]

    def bound(self, pair: Pair) -> float:
        """What the score does not exceed; it may rise only for pairs that `raised` gives."""
        return self.score(pair)

    def raised(self, symbols: Iterable[int], changes: Mapping[Pair, int]) -> Iterable[Pair]:
        """Pairs whose bound a merge may have raised; it changed the counts of `symbols`."""
        return (pair for pair, change in changes.items() if change > 0)


class _Likelihood(_Frequency):
    """Scores a pair by its count over the product of its symbols' counts.

    A symbol's count enters the bound rounded down to six binary digits: as it falls by merges, the
    bounds of all its pairs rise only now and then.
    """

    def __init__(self, statistics: PairStatistics) -> None:
        super().__init__(statistics)
        self._floors = {
            symbol: _floor(count) for symbol, count in enumerate(statistics.symbol_counts)
        }
        self._pairs_of: dict[int, set[Pair]] = defaultdict(set)
        self._index(statistics.pair_counts)

    def score(self, pair: Pair) -> float:
        # Python divides whole numbers exactly, then rounds: equal fractions are equal numbers.
        left, right = (self._statistics.symbol_counts[symbol] for symbol in pair)
        return self._statistics.pair_counts[pair] / (left * right)

    def bound(self, pair: Pair) -> float:
        left, right = pair
        return self._statistics.pair_counts[pair] / (self._floors[left] * self._floors[right])

    def raised(self, symbols: Iterable[int], changes: Mapping[Pair, int]) -> Iterable[Pair]:
        raised = {pair for pair, change in changes.items() if change > 0}
        self._index(raised)
        for symbol in symbols:
            floor = _floor(self._statistics.symbol_counts[symbol])
            if floor < self._floors.get(symbol, 0):
                alive = self._pairs_of[symbol] & self._statistics.pair_counts.keys()
                self._pairs_of[symbol] = alive
                raised |= alive
            self._floors[symbol] = floor
        return raised

    def _index(self, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            for symbol in pair:
                self._pairs_of[symbol].add(pair)


def _floor(count: int) -> int:
    shift = max(count.bit_length() - 6, 0)
    return count >> shift << shift


_SCORES: dict[Learner, type[_Frequency]] = {"likelihood": _Likelihood, "frequency": _Frequency}


def _pop_best(
    heap: list[_Entry], statistics: PairStatistics, scores: _Frequency, min_frequency: int
) -> Pair | None:
    """Next pair: the best one among those whose bounds exceed the best score found."""
    best: _Entry | None = None
    seen: list[_Entry] = []
    while heap and (best is None or heap[0] < best):
        entry = heapq.heappop(heap)
        pair = entry[-1]
        if statistics.pair_counts.get(pair, 0) < min_frequency:
            continue
        current = _entry(pair, statistics, scores.bound(pair))
        if current > entry:  # the bound has fallen since
            heapq.heappush(heap, current)
        elif current == entry:
            seen.append(entry)
            exact = _entry(pair, statistics, scores.score(pair))
            best = exact if best is None else min(best, exact)
    if best is None:
        return None
    for entry in seen:
        if entry[-1] != best[-1]:
            heapq.heappush(heap, entry)
    return best[-1]


def _entry(pair: Pair, statistics: PairStatistics, score: float) -> _Entry:
    left, right = pair
    spellings = statistics.spellings
    return -score, -statistics.pair_counts[pair], spellings[left], spellings[right], pair
