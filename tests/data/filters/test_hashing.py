import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxlm.data.filters import hashing

MASK = 2**64 - 1


def gram_by_hand(units: list[int]) -> int:
    value = 0x9E3779B97F4A7C15
    for unit in units:
        value = (value ^ unit) * 6364136223846793005 & MASK
        value ^= value >> 29
    return value


@given(st.text(max_size=12), st.integers(1, 4), st.integers(1, 20))
def test_against_plain_integers(text: str, longest: int, bits: int) -> None:
    codes = [ord(character) for character in text]
    assert hashing.characters(text).tolist() == codes
    found = hashing.grams(hashing.characters(text), longest)
    assert len(found) == longest
    for n, hashes in enumerate(found, start=1):
        by_hand = [gram_by_hand(codes[i : i + n]) for i in range(len(codes) - n + 1)]
        assert hashes.tolist() == by_hand
        in_buckets = hashing.buckets(hashes, bits)
        assert in_buckets.dtype == np.int64
        assert in_buckets.tolist() == [
            (value * 0x9E3779B97F4A7C15 & MASK) >> (64 - bits) for value in by_hand
        ]


def test_words() -> None:
    assert hashing.words(" né\n b ").tolist() == [zlib.crc32("né".encode()), zlib.crc32(b"b")]


def test_buckets_are_evenly_filled() -> None:
    units = np.arange(64_000, dtype=np.uint64)
    counts = np.bincount(hashing.buckets(hashing.grams(units, 2)[1], 6), minlength=64)
    # Of 64 buckets with 1,000 each, with a deviation of 31: six of these never happen by chance.
    assert abs(counts - 1000).max() < 190
