"""Packing places every transition once, inside its document, in rows that are full."""

from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.packing import TARGET_FILL, RowIndex, join, pack

PACKINGS = ("best_fit", "concatenate")
Packing = Literal["best_fit", "concatenate"]


def offsets_of(lengths: list[int] | np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def rows_of(index: RowIndex) -> list[list[tuple[int, int]]]:
    """Each row as its pieces, (start, length)."""
    pieces = list(zip(index.piece_start.tolist(), index.piece_length.tolist(), strict=True))
    starts = index.row_start.tolist()
    return [pieces[a:b] for a, b in pairwise(starts)]


@settings(deadline=None, max_examples=200)
@given(
    lengths=st.lists(st.integers(0, 60), max_size=50),
    seq_len=st.integers(1, 24),
    packing=st.sampled_from(PACKINGS),
)
def test_every_transition_is_in_exactly_one_row(
    lengths: list[int], seq_len: int, packing: Packing
) -> None:
    offsets = offsets_of(lengths)
    wanted = [t for a, b in pairwise(offsets.tolist()) for t in range(a, b - 1)]
    rows = rows_of(pack(offsets, seq_len, packing))
    placed = [t for row in rows for start, length in row for t in range(start, start + length)]
    assert sorted(placed) == wanted
    assert all(0 < sum(length for _, length in row) <= seq_len for row in rows)
    assert all(length > 0 for row in rows for _, length in row)


@settings(deadline=None, max_examples=100)
@given(lengths=st.lists(st.integers(0, 60), max_size=50), seq_len=st.integers(1, 24))
def test_concatenate_keeps_the_order_and_pads_only_the_end(
    lengths: list[int], seq_len: int
) -> None:
    rows = rows_of(pack(offsets_of(lengths), seq_len, "concatenate"))
    starts = [start for row in rows for start, _ in row]
    assert starts == sorted(starts)
    assert all(sum(length for _, length in row) == seq_len for row in rows[:-1])


def textbook_best_fit_decreasing(lengths: list[int], seq_len: int) -> list[int]:
    """Slots used in each row, by the definition: the fullest row with room takes the piece."""
    used: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [row for row, slots in enumerate(used) if slots + length <= seq_len]
        if fitting:
            used[max(fitting, key=lambda row: used[row])] += length
        else:
            used.append(length)
    return sorted(used)


@settings(deadline=None, max_examples=100)
@given(pieces=st.lists(st.integers(1, 31), min_size=1, max_size=80))
def test_grouped_best_fit_equals_the_textbook(pieces: list[int]) -> None:
    seq_len = 32
    index = pack(offsets_of([length + 1 for length in pieces]), seq_len, "best_fit")
    textbook = textbook_best_fit_decreasing(pieces, seq_len)
    if len(textbook) == -(-sum(pieces) // seq_len):  # Otherwise holes are filled by cutting.
        rows = rows_of(index)
        assert sorted(sum(length for _, length in row) for row in rows) == textbook
        assert sorted(length for row in rows for _, length in row) == sorted(pieces)


@pytest.mark.parametrize("seq_len", [256, 1024, 4096])
def test_log_normal_documents_fill_the_rows_uncut(seq_len: int) -> None:
    lengths = np.random.default_rng(0).lognormal(6.0, 1.1, 40_000).astype(np.int64) + 2
    index = pack(offsets_of(lengths), seq_len, "best_fit")
    assert index.fill > 0.995
    assert len(index.piece_start) == (-(-(lengths - 1) // seq_len)).sum()


@pytest.mark.parametrize("length", [130, 150, 172, 255])
def test_awkward_lengths_reach_the_fill_by_cutting(length: int) -> None:
    """Documents of a little over half a row, no two of which fit together."""
    index = pack(offsets_of([length + 1] * 30_000), 256, "best_fit")
    assert index.fill >= TARGET_FILL - 1e-4
    starts, order = np.sort(index.piece_start), np.argsort(index.piece_start)
    ends = starts + index.piece_length[order]
    gap = (starts[1:] - ends[:-1]).tolist()
    assert set(gap) == {0, 1}
    assert gap.count(1) == 30_000 - 1


@settings(deadline=None, max_examples=60)
@given(lengths=st.lists(st.integers(2, 60), min_size=1, max_size=60), seq_len=st.integers(1, 24))
def test_few_documents_take_the_fewest_rows(lengths: list[int], seq_len: int) -> None:
    index = pack(offsets_of(lengths), seq_len, "best_fit")
    assert index.num_rows == -(-(sum(lengths) - len(lengths)) // seq_len)


def test_join_puts_sources_one_after_another() -> None:
    first = pack(offsets_of([5, 9, 3]), 4, "best_fit")
    second = pack(offsets_of([0]), 4, "best_fit")
    third = pack(offsets_of([7, 7]), 4, "concatenate")
    joined = join([first, second, third])
    assert rows_of(joined) == rows_of(first) + rows_of(second) + rows_of(third)
