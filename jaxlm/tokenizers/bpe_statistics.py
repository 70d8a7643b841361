"""Counts of symbols and of their neighbours in weighted words, kept up to date as pairs merge."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

Pair = tuple[int, int]

_NO_SYMBOL = -1


def count_words(passages: Iterable[str]) -> Counter[str]:
    """Counts the words of text; a word is what stands between ASCII spaces.

    Holds one passage and the distinct words in memory, so passages may come from a stream.
    """
    counts: Counter[str] = Counter()
    for passage in passages:
        counts.update(passage.split(" "))
    del counts[""]
    return counts


def choose_characters(
    word_counts: Mapping[str, int], coverage: float
) -> tuple[list[str], set[str]]:
    """Characters to keep, in code point order, and those to leave out.

    Args:
      word_counts: Occurrences of each word.
      coverage: Share of all characters, with their repetitions, to keep; the frequent come first.
    """
    counts: Counter[str] = Counter()
    for word, count in word_counts.items():
        for character in word:
            counts[character] += count
    kept: list[str] = []
    missing = coverage * counts.total()
    for character in sorted(counts, key=lambda character: (-counts[character], character)):
        if missing <= 0:
            break
        kept.append(character)
        missing -= counts[character]
    return sorted(kept), counts.keys() - set(kept)


class PairStatistics:
    """Words as sequences of symbols, with exact counts under merges.

    Equal spellings are one symbol, whichever merge made them. Symbols stand at numbered places in
    arrays, linked to the places before and behind in their word, so that all occurrences of a pair
    merge at once.

    Attributes:
      spellings: Spelling of each symbol.
      symbol_counts: Occurrences of each symbol.
      pair_counts: Occurrences of two symbols side by side; overlapping ones count each.
    """

    def __init__(
        self, word_counts: Mapping[str, int], spell: Callable[[str], Sequence[str]]
    ) -> None:
        """Cuts words into first symbols.

        Args:
          word_counts: Occurrences of each word.
          spell: First symbols of a word.
        """
        self.spellings: list[str] = []
        self.symbol_counts: list[int] = []
        self.pair_counts: dict[Pair, int] = {}
        self._symbol_of: dict[str, int] = {}
        # A place in a list may hold another pair by now; `merge` passes over it.
        self._places_of: dict[Pair, list[np.ndarray]] = defaultdict(list)
        words = [[self.symbol(part) for part in spell(word)] for word in word_counts]
        lengths = np.array([len(word) for word in words], np.int64)
        ends = np.cumsum(lengths)
        self._none = int(lengths.sum())  # the place beyond either end of a word
        self._symbols = np.array([*chain.from_iterable(words), _NO_SYMBOL], np.int32)
        self._weights = np.repeat(np.array(list(word_counts.values()), np.int64), lengths)
        self._next = np.arange(1, self._none + 2)
        self._next[ends - 1] = self._none
        self._previous = np.arange(-1, self._none)
        self._previous[ends - lengths] = self._none
        counts = np.zeros(len(self.spellings), np.int64)
        np.add.at(counts, self._symbols[:-1], self._weights)
        self.symbol_counts = counts.tolist()
        for pair, count, places in self._group(np.arange(self._none)):
            self.pair_counts[pair] = count
            self._places_of[pair].append(places)

    def symbol(self, spelling: str) -> int:
        """Number of a spelling; a new one if it has none."""
        symbol = self._symbol_of.setdefault(spelling, len(self.spellings))
        if symbol == len(self.spellings):
            self.spellings.append(spelling)
            self.symbol_counts.append(0)
        return symbol

    def merge(self, pair: Pair, spelling: str) -> dict[Pair, int]:
        """Replaces a pair everywhere, from left to right, by one symbol.

        Returns:
          By how much the counts of pairs grew or fell; pairs that kept theirs are absent.
        """
        merged = self.symbol(spelling)
        places = self._find(pair)
        taken = self._next[places]
        touched = np.concatenate([self._previous[places], places, taken])
        changes = {changed: -count for changed, count, _ in self._group(touched)}
        self._symbols[places], self._symbols[taken] = merged, _NO_SYMBOL
        self._next[places] = self._next[taken]
        self._previous[self._next[places]] = places
        num_merged = int(self._weights[places].sum())
        for symbol, count in ((pair[0], -1), (pair[1], -1), (merged, 1)):
            self.symbol_counts[symbol] += count * num_merged
        made = np.concatenate([self._previous[places], places])
        for changed, count, begins in self._group(made):
            changes[changed] = changes.get(changed, 0) + count
            self._places_of[changed].append(begins)
        return self._change(changes)

    def _find(self, pair: Pair) -> np.ndarray:
        """Places where a pair begins, without overlap."""
        places = np.sort(np.concatenate(self._places_of.pop(pair)))
        left, right = pair
        holds = (self._symbols[places] == left) & (self._symbols[self._next[places]] == right)
        places = places[holds]
        if left != right:
            return places
        # In a run of one symbol, every other pair, from its beginning.
        index = np.arange(len(places))
        begins = np.append(True, self._next[places[:-1]] != places[1:])[: len(places)]
        return places[(index - np.maximum.accumulate(np.where(begins, index, 0))) % 2 == 0]

    def _group(self, begins: np.ndarray) -> Iterator[tuple[Pair, int, np.ndarray]]:
        """Pairs that begin at any of some places, their occurrences there, and the places."""
        begins = np.unique(begins)
        begins = begins[begins != self._none]
        right = self._symbols[self._next[begins]]
        begins, right = begins[right != _NO_SYMBOL], right[right != _NO_SYMBOL]
        codes = self._symbols[begins].astype(np.int64) << 32 | right
        order = np.argsort(codes, kind="stable")
        codes, begins = codes[order], begins[order]
        starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])[: len(codes)])
        counts = np.add.reduceat(self._weights[begins], starts) if len(starts) else starts
        ends = [*starts[1:].tolist(), len(codes)]
        for code, count, start, end in zip(
            codes[starts].tolist(), counts.tolist(), starts.tolist(), ends, strict=False
        ):
            yield (code >> 32, code & 0xFFFFFFFF), count, begins[start:end]

    def _change(self, changes: Mapping[Pair, int]) -> dict[Pair, int]:
        changed = {pair: change for pair, change in changes.items() if change}
        for pair, change in changed.items():
            count = self.pair_counts.pop(pair, 0) + change
            if count:
                self.pair_counts[pair] = count
        return changed
