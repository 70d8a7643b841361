"""Learns byte-pair encoding over the characters of words, as subword-nmt does."""

import heapq
from collections.abc import Container, Mapping

from jaxlm.tokenizers.bpe_statistics import Pair, PairStatistics

# Ends the spelling of a word's last symbol.
END_OF_WORD = "</w>"

# (-count, order of the left symbol, order of the right symbol, the pair)
_Entry = tuple[int, tuple[int, ...], tuple[int, ...], Pair]


def learn_merges(
    word_counts: Mapping[str, int],
    num_merges: int,
    min_frequency: int = 2,
    *,
    excluded: Container[str] = (),
) -> list[tuple[str, str]]:
    """Learns which neighbouring symbols to merge, most frequent pair first.

    Of pairs with equal counts the lexicographically largest goes first. Text that itself spells the
    end-of-word mark stays apart, where subword-nmt would confuse the two.

    Args:
      word_counts: Occurrences of each word; no word is empty.
      num_merges: Merges to learn at most.
      min_frequency: Stop when no pair occurs so often.
      excluded: Characters that never merge.

    Returns:
      Pairs of symbols in the order of merging; a word's last symbol ends with `</w>`.

    Source: Sennrich et al., 2016, arXiv 1508.07909, section 3.2, algorithm 1.
    """
    statistics = PairStatistics(word_counts, spell_word)
    orders = [_descending(spelling) for spelling in statistics.spellings]
    heap = [
        _entry(pair, count, orders)
        for pair, count in statistics.pair_counts.items()
        if count >= min_frequency
    ]
    heapq.heapify(heap)
    merges: list[tuple[str, str]] = []
    while heap and len(merges) < num_merges:
        pair = _pop_largest(heap, statistics, orders, min_frequency)
        if pair is None:
            break
        left, right = (statistics.spellings[symbol] for symbol in pair)
        if left in excluded or right.removesuffix(END_OF_WORD) in excluded:
            continue
        if END_OF_WORD in left + right.removesuffix(END_OF_WORD):
            continue
        merges.append((left, right))
        changes = statistics.merge(pair, left + right)
        orders.extend(map(_descending, statistics.spellings[len(orders) :]))
        for changed, change in changes.items():
            if change > 0 and statistics.pair_counts[changed] >= min_frequency:
                heapq.heappush(heap, _entry(changed, statistics.pair_counts[changed], orders))
    return merges


def spell_word(word: str) -> list[str]:
    """The characters of a word, the last one with the end-of-word mark."""
    return [*word[:-1], word[-1] + END_OF_WORD]


def _pop_largest(
    heap: list[_Entry],
    statistics: PairStatistics,
    orders: list[tuple[int, ...]],
    min_frequency: int,
) -> Pair | None:
    """Next pair; entries whose pair has become rarer go back with the count that they have now."""
    while heap:
        negative_count, _, _, pair = heapq.heappop(heap)
        count = statistics.pair_counts.get(pair, 0)
        if count == -negative_count:
            return pair
        if min_frequency <= count < -negative_count:
            heapq.heappush(heap, _entry(pair, count, orders))
    return None


def _entry(pair: Pair, count: int, orders: list[tuple[int, ...]]) -> _Entry:
    return -count, orders[pair[0]], orders[pair[1]], pair


def _descending(spelling: str) -> tuple[int, ...]:
    """Sorts before the keys of smaller strings; a prefix sorts after what it begins."""
    return (*(-ord(character) for character in spelling), 1)
