"""A stateless permutation: element i of a shuffle of any size, without making the shuffle.

A Feistel network permutes the integers of b bits, whatever its round function; values that fall
outside the wanted size are sent through again until they fall inside (cycle walking). As b is the
least number of bits that hold the size, an element takes fewer than two passes on average.

Source: Black and Rogaway, "Ciphers with Arbitrary Finite Domains" (2002), section 4.
"""

import numpy as np

ROUNDS = 8
_WORD = (1 << 64) - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROUND_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_HALF_WORD = np.uint64(32)


def fold(key: int | np.ndarray, data: int | np.ndarray) -> np.ndarray:
    """Derives new keys from keys and data, such as an epoch.

    Args:
      key: An integer or uint64 array.
      data: An integer or integer array of the same or a broadcastable shape.

    Returns:
      uint64 array of at least one dimension.
    """
    return _mix(_mix(_words(key)) + _words(data) * _GOLDEN)


def permute(index: np.ndarray, size: int, key: np.ndarray) -> np.ndarray:
    """Maps each index to its place in the permutation of `range(size)` that its key selects.

    Args:
      index: [n] integers in `range(size)`.
      size: Length of the permutation, up to 2**62.
      key: [n] or [1] uint64, one key an index.

    Returns:
      [n] int64 in `range(size)`.
    """
    if len(index) and not 0 <= index.min() <= index.max() < size:
        raise ValueError(f"indexes {index.min()} to {index.max()} outside range({size})")
    bits = max(2, (size - 1).bit_length())
    round_keys = fold(key[None, :], np.arange(ROUNDS)[:, None])
    round_keys = np.broadcast_to(round_keys, (ROUNDS, len(index)))
    place = _feistel(index.astype(np.uint64), bits, round_keys)
    outside = np.flatnonzero(place >= size)
    while len(outside):
        walked = _feistel(place[outside], bits, round_keys[:, outside])
        place[outside] = walked
        outside = outside[walked >= size]
    return place.astype(np.int64)


def _feistel(value: np.ndarray, bits: int, round_keys: np.ndarray) -> np.ndarray:
    """One pass over `bits` bits; the halves swap widths each round where `bits` is odd."""
    left_bits, right_bits = bits // 2, bits - bits // 2
    left, right = value >> np.uint64(right_bits), value & np.uint64((1 << right_bits) - 1)
    for round_key in round_keys:
        hashed = (right + round_key) * _ROUND_MULTIPLIER
        hashed = (hashed ^ (hashed >> _HALF_WORD)) * _ROUND_MULTIPLIER
        left, right = right, left ^ (hashed >> np.uint64(64 - left_bits))
        left_bits, right_bits = right_bits, left_bits
    return (left << np.uint64(right_bits)) | right


def _mix(words: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014); arrays wrap around silently."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _words(values: int | np.ndarray) -> np.ndarray:
    """Values as a uint64 array, never a scalar: numpy warns when a scalar wraps around."""
    if isinstance(values, int):
        values &= _WORD
    return np.atleast_1d(np.asarray(values)).astype(np.uint64)
