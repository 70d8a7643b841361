"""Hashes of n-grams, the same on every machine and in every version: part of a model's file."""

import zlib

import numpy as np

# Odd constants of 64 bits: the golden ratio's (Knuth, TAOCP 3, section 6.4) and PCG's multiplier.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(6364136223846793005)


def characters(text: str) -> np.ndarray:
    """Code points: uint64 [num_characters]."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)


def words(text: str) -> np.ndarray:
    """Hashes of what white space separates: uint64 [num_words]."""
    encoded = text.encode("utf-8", "surrogatepass").split()
    return np.fromiter(map(zlib.crc32, encoded), np.uint64, len(encoded))


def grams(units: np.ndarray, longest: int) -> list[np.ndarray]:
    """Hashes of n-grams of every length, each from the one before.

    Args:
      units: uint64 [num_units].
      longest: Greatest length, at least 1.

    Returns:
      For n from 1 to `longest`, uint64 [num_units - n + 1] by start; empty if units are too few.
    """
    hashes = np.full(len(units), _GOLDEN)
    lengths = []
    for n in range(1, longest + 1):
        hashes = (hashes[: max(len(units) - n + 1, 0)] ^ units[n - 1 :]) * _STEP
        hashes ^= hashes >> np.uint64(29)
        lengths.append(hashes)
    return lengths


def buckets(hashes: np.ndarray, bits: int) -> np.ndarray:
    """Sorts hashes into 2^bits buckets: int64, of their shape."""
    return ((hashes * _GOLDEN) >> np.uint64(64 - bits)).astype(np.int64)
