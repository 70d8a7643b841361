"""Hashes of parts against integers of any size, and look-up against sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.dedup.hashing import (
    SEGMENT_BASE,
    WINDOW_BASE,
    bit_set,
    find,
    may_hold,
    ranges,
    segment_hashes,
    window_hashes,
)

WORDS = st.lists(st.integers(0, 2**64 - 1), max_size=40)


@settings(deadline=None, max_examples=50)
@given(WORDS, st.integers(1, 45))
def test_windows_are_polynomials(words: list[int], size: int) -> None:
    windows = [words[i : i + size] for i in range(len(words) - size + 1)]
    truth = [sum(x * WINDOW_BASE**k for k, x in enumerate(w[::-1])) % 2**64 for w in windows]
    assert window_hashes(np.array(words, np.uint64), size).tolist() == truth


@settings(deadline=None, max_examples=50)
@given(WORDS, st.sets(st.integers(0, 39)))
def test_segments_are_polynomials(words: list[int], borders: set[int]) -> None:
    starts = sorted(border for border in borders if border < len(words))
    ends = [*starts, len(words)][1:]
    segments = [words[a:b] for a, b in zip(starts, ends, strict=True)]
    truth = [sum(x * SEGMENT_BASE**k for k, x in enumerate(s)) % 2**64 for s in segments]
    x = np.array(words, np.uint64)
    assert segment_hashes(x, np.array(starts, np.int64)).tolist() == truth


def test_long_segments_tell_order_and_content() -> None:
    x = np.arange(1, 20_001, dtype=np.uint64)
    swapped = x.copy()
    swapped[9000:9002] = x[9001], x[9000]
    others = (x, swapped, x[::-1], x[:-1], np.append(x, np.uint64(1)))
    hashes = [segment_hashes(y, np.array([0]))[0] for y in others]
    assert len(set(hashes)) == 5


@settings(deadline=None, max_examples=50)
@given(st.sets(st.integers(0, 30)), st.lists(st.integers(0, 30)))
def test_find_is_membership(members: set[int], hashes: list[int]) -> None:
    ordered = np.array(sorted(members), np.uint64)
    place, is_found = find(ordered, np.array(hashes, np.uint64))
    assert is_found.tolist() == [h in members for h in hashes]
    assert ordered[place[is_found]].tolist() == [h for h in hashes if h in members]


@pytest.mark.parametrize("size", [0, 1, 5, 1000, 40_000])
def test_a_bit_set_holds_its_hashes_and_few_others(size: int) -> None:
    hashes = np.random.default_rng(size).integers(0, 2**64, 80_000, dtype=np.uint64)
    held = may_hold(bit_set(hashes[:size]), hashes)
    assert held[:size].all()
    # At most 1 in 32, and 5 standard deviations of that; a single byte is the least.
    assert held[40_000:].sum() <= (40_000 / 8 if size == 0 else 1250) + 5 * np.sqrt(1250)


def test_ranges_lie_one_after_another() -> None:
    assert ranges(np.array([5, 9, 0]), np.array([2, 0, 3])).tolist() == [5, 6, 0, 1, 2]
    assert ranges(np.array([], int), np.array([], int)).tolist() == []
