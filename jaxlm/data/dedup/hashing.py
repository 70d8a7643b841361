"""Polynomial hashes of parts of arrays, modulo 2**64.

The hash of x[0..n) is the sum of x[i] * WINDOW_BASE**(n-1-i) for windows and of x[i] *
SEGMENT_BASE**i for segments. The bases differ, so that windows of segments are hashed well too.
High bits are good and low bits poor: `jaxlm.data.permutation.fold` mixes them.

Source: Karp and Rabin, "Efficient randomized pattern-matching algorithms" (1987), with the modulus
of the machine's word.
"""

import functools

import numpy as np

WINDOW_BASE = 0x9FB21C651E98DF25
SEGMENT_BASE = 0xD1342543DE82EF95

# Powers in a segment repeat after this many elements.
_PERIOD = 1 << 12
_BITS_PER_HASH = 32


def window_hashes(x: np.ndarray, size: int) -> np.ndarray:
    """Hashes every window of an array.

    Args:
      x: [n] uint64.
      size: Elements of a window, at least 1.

    Returns:
      [max(0, n - size + 1)] uint64.
    """
    if len(x) < size:
        return np.empty(0, np.uint64)
    hashes, length = x, 1
    for bit in bin(size)[3:]:  # The length doubles for each binary digit, and grows by one for a 1.
        power = np.uint64(pow(WINDOW_BASE, length, 1 << 64))
        hashes, length = hashes[:-length] * power + hashes[length:], 2 * length
        if bit == "1":
            hashes, length = hashes[:-1] * np.uint64(WINDOW_BASE) + x[length:], length + 1
    return hashes


def segment_hashes(x: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Hashes segments, each up to the start of the next; zeros at the end of one do not count.

    Args:
      x: [n] uint64.
      starts: [num_segments] strictly ascending integers below n.

    Returns:
      [num_segments] uint64.
    """
    if not len(starts):
        return np.empty(0, np.uint64)
    first = starts[0]
    place = np.arange(first, len(x)) - np.repeat(starts, np.diff(starts, append=len(x)))
    return np.add.reduceat(x[first:] * _powers().take(place, mode="wrap"), starts - first)


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Puts `starts[i], starts[i] + 1, ...`, `counts[i]` of them, one after another."""
    before = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(starts - before, counts)


def find(sorted_hashes: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Looks hashes up among sorted ones.

    Returns:
      [n] integers, the first place of each where it is found; [n] bool, whether it is.
    """
    place = np.searchsorted(sorted_hashes, hashes)
    if not len(sorted_hashes):
        return place, np.zeros(len(hashes), bool)
    return place, sorted_hashes.take(place, mode="clip") == hashes


def bit_set(hashes: np.ndarray) -> np.ndarray:
    """A small set for a first look: a bit for each value of the hashes' leading bits, uint8.

    Source: Bloom, "Space/time trade-offs in hash coding with allowable errors" (1970), with one
    hash function; at most 1 in `_BITS_PER_HASH` other hashes seem to be in it.
    """
    num_bits = max(3, (_BITS_PER_HASH * len(hashes) - 1).bit_length())
    bits = np.zeros(1 << num_bits, bool)
    bits[hashes >> np.uint64(64 - num_bits)] = True
    return np.packbits(bits, bitorder="little")


def may_hold(bits: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Whether each hash may be in a `bit_set`; always so if it is."""
    num_bits = (8 * len(bits)).bit_length() - 1
    place = (hashes >> np.uint64(64 - num_bits)).astype(np.intp)
    return bits.take(place >> 3) >> (place & 7).astype(np.uint8) & np.uint8(1) > 0


@functools.cache
def _powers() -> np.ndarray:
    factors = np.full(_PERIOD, SEGMENT_BASE, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)
