"""Packing: which pieces of which documents make up each fixed-length row.

The unit is the transition, a token and the token after it in the same document; a document of n
tokens has n - 1, and every transition of a source lies in exactly one row. Packing decides only
from the documents' lengths, so the index is rebuilt on opening, in well under a second for 100 M
tokens, and is never stored.

`concatenate` lays all transitions end to end and cuts every `seq_len`; only the last row is short.

`best_fit` cuts a document longer than a row into whole rows and a tail, then packs the tails whole,
longest first, each into the fullest row that still has room (best-fit decreasing; Ding et al.,
"Fewer Truncations Improve Language Modeling", 2024). Lengths are small integers, so rows that have
come to look alike are handled as one group: the work grows with `seq_len * log(seq_len)`, not with
the number of documents. Where the lengths are so awkward that rows would stay below `TARGET_FILL`
(all tails a little over half a row, say), the emptiest rows are dissolved and their pieces are cut
to fill the holes of the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

TARGET_FILL = 0.999

Pattern = tuple[Any, int, int] | None
"""What a row holds: (pattern before, length of the pieces put in last, how many)."""


@dataclass(frozen=True, kw_only=True)
class RowIndex:
    """The rows of one source.

    Attributes:
      seq_len: Slots in a row.
      row_start: [num_rows + 1] int64; row r holds pieces `row_start[r]` to `row_start[r + 1]`.
      piece_start: [num_pieces] int64, position of a piece's first token in the source.
      piece_length: [num_pieces] int32, transitions of the piece.
    """

    seq_len: int
    row_start: np.ndarray
    piece_start: np.ndarray
    piece_length: np.ndarray

    @property
    def num_rows(self) -> int:
        """Rows of one epoch."""
        return len(self.row_start) - 1

    @property
    def fill(self) -> float:
        """Share of the slots that hold a transition; 1 for no rows."""
        slots = self.num_rows * self.seq_len
        return int(self.piece_length.sum(dtype=np.int64)) / slots if slots else 1.0


def pack(
    offsets: np.ndarray, seq_len: int, packing: Literal["best_fit", "concatenate"]
) -> RowIndex:
    """Packs the documents of one source into rows.

    Args:
      offsets: [num_documents + 1] int64, where each document's tokens start, and the end.
      seq_len: Slots in a row.
      packing: How; see the module's description.

    Returns:
      The rows; a document of fewer than two tokens has no transition and no place in them.
    """
    offsets = np.asarray(offsets)
    length = np.diff(offsets) - 1
    start, length = offsets[:-1][length > 0], length[length > 0]
    pack_pieces = {"best_fit": _best_fit, "concatenate": _concatenate}[packing]
    start, length, row_start = pack_pieces(start, length, seq_len)
    return RowIndex(
        seq_len=seq_len,
        row_start=row_start,
        piece_start=start,
        piece_length=length.astype(np.int32),
    )


def join(indexes: Sequence[RowIndex]) -> RowIndex:
    """Puts the rows of several sources one after another; each piece still counts in its source."""
    num_pieces = np.cumsum([0, *(len(index.piece_start) for index in indexes)])
    row_starts = [index.row_start[:-1] + n for index, n in zip(indexes, num_pieces, strict=False)]
    return RowIndex(
        seq_len=indexes[0].seq_len,
        row_start=np.concatenate([*row_starts, num_pieces[-1:]]),
        piece_start=np.concatenate([index.piece_start for index in indexes]),
        piece_length=np.concatenate([index.piece_length for index in indexes]),
    )


Pieces = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Start and length of each piece, rows one after another, and where each row's pieces start."""


def _concatenate(start: np.ndarray, length: np.ndarray, seq_len: int) -> Pieces:
    total = int(length.sum())
    start, length, position = _cut(start, length, np.arange(seq_len, total, seq_len))
    row_start = np.searchsorted(position, np.arange(0, total, seq_len))
    return start, length, np.append(row_start, len(start))


def _cut(
    start: np.ndarray, length: np.ndarray, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lays pieces end to end and cuts them at positions; gives each part's position too."""
    ends = np.cumsum(length)
    # Two sorted runs: a stable sort merges them in linear time.
    borders = np.sort(np.concatenate([ends, cuts]), kind="stable")
    borders = borders[np.flatnonzero(np.diff(borders, prepend=0))]
    position = np.append(0, borders)[:-1]
    piece = np.searchsorted(ends, position, side="right")
    return start[piece] + position - (ends - length)[piece], borders - position, position


def _best_fit(start: np.ndarray, length: np.ndarray, seq_len: int) -> Pieces:
    num_full, tail = np.divmod(length, seq_len)
    first_full = np.cumsum(num_full) - num_full
    nth_full = np.arange(num_full.sum()) - np.repeat(first_full, num_full)
    full_start = np.repeat(start, num_full) + nth_full * seq_len

    has_tail = tail > 0
    tail_start, tail = (start + num_full * seq_len)[has_tail], tail[has_tail]
    order, num_pieces = _pack_tails(tail, seq_len)
    row = np.repeat(np.arange(len(num_pieces)), num_pieces)
    tail_start, tail, row = _fill_holes(
        tail_start[order], tail[order], row, seq_len, len(full_start)
    )
    row_start = np.append(np.flatnonzero(np.diff(row, prepend=-1)), len(row))
    return (
        np.concatenate([full_start, tail_start]),
        np.concatenate([np.full(len(full_start), seq_len), tail]),
        np.concatenate([np.arange(len(full_start)), len(full_start) + row_start]),
    )


def _pack_tails(length: np.ndarray, seq_len: int) -> tuple[np.ndarray, np.ndarray]:
    """Best-fit decreasing: the order of the pieces, row by row, and each row's count of pieces."""
    counts = np.bincount(length, minlength=seq_len + 1)
    # numpy sorts 16-bit integers by radix, in linear time.
    narrow = length.astype(np.uint16 if seq_len <= 1 << 16 else np.int64)
    by_length = np.argsort(narrow, kind="stable")
    next_piece = np.cumsum(counts) - counts
    orders, num_pieces = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for num_rows, pattern in _best_fit_patterns(counts, seq_len):
        columns = []
        while pattern is not None:
            pattern, piece_length, times = pattern
            first = next_piece[piece_length]
            next_piece[piece_length] += num_rows * times
            columns.append(by_length[first : first + num_rows * times].reshape(num_rows, times))
        rows = np.concatenate(columns, axis=1)
        orders.append(rows.ravel())
        num_pieces.append(np.full(num_rows, rows.shape[1]))
    return np.concatenate(orders), np.concatenate(num_pieces)


def _best_fit_patterns(counts: np.ndarray, seq_len: int) -> list[tuple[int, Pattern]]:
    """Best-fit decreasing over groups of equal rows.

    Args:
      counts: [seq_len + 1], how many pieces there are of each length.
      seq_len: Slots in a row.

    Returns:
      Groups of rows: how many, and what each holds.
    """
    groups: list[list[tuple[int, Pattern]]] = [[] for _ in range(seq_len + 1)]  # By room left.
    with_room = 0  # Bit r is set where groups[r] is not empty.
    for length in np.flatnonzero(counts)[::-1].tolist():
        left = int(counts[length])
        while left:
            fitting = with_room >> length
            room = length + (fitting & -fitting).bit_length() - 1 if fitting else seq_len
            num_rows, pattern = groups[room].pop() if fitting else (left, None)
            times = room // length
            taken = min(num_rows, left // times)
            if taken == 0:
                taken, times = 1, left
            if fitting and taken < num_rows:
                groups[room].append((num_rows - taken, pattern))
            elif fitting and not groups[room]:
                with_room &= ~(1 << room)
            left -= taken * times
            room -= times * length
            groups[room].append((taken, (pattern, length, times)))
            with_room |= 1 << room
    return [group for equal_room in groups for group in equal_room]


def _fill_holes(
    start: np.ndarray, length: np.ndarray, row: np.ndarray, seq_len: int, num_full: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dissolves as many of the emptiest rows as `TARGET_FILL` takes; gives pieces sorted by row.

    Args:
      start: Start of each piece.
      length: Length of each piece.
      row: Row of each piece, ascending from 0.
      seq_len: Slots in a row.
      num_full: Rows that are full already and not among these.
    """
    used = np.bincount(row, weights=length).astype(np.int64)
    total = int(used.sum()) + num_full * seq_len
    num_wanted = max(-(-total // seq_len), int(total / (TARGET_FILL * seq_len)))
    surplus = len(used) + num_full - num_wanted
    if surplus <= 0:
        return start, length, row
    emptiest = np.argsort(used, kind="stable")
    is_loose = np.isin(row, emptiest[:surplus])
    holes_end = np.cumsum(seq_len - used[emptiest[surplus:]])
    cuts = holes_end[holes_end < length[is_loose].sum()]
    loose_start, loose_length, position = _cut(start[is_loose], length[is_loose], cuts)
    loose_row = emptiest[surplus:][np.searchsorted(holes_end, position, side="right")]

    row = np.concatenate([row[~is_loose], loose_row])
    by_row = np.argsort(row, kind="stable")
    start = np.concatenate([start[~is_loose], loose_start])[by_row]
    length = np.concatenate([length[~is_loose], loose_length])[by_row]
    return start, length, row[by_row]
