"""From rows of a packing index to the arrays of a batch, by arithmetic over all rows at once.

What limits this is memory, not arithmetic: the system clears each fresh page. So the arrays that
are handed out are the only large fresh ones, and everything else is made in place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from jaxlm.data.packing import RowIndex

Batch = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """Pieces of some rows in the order of their slots, each row's padding as its last piece.

    Attributes:
      seq_len: Slots in a row.
      ends: [num_rows + 1] int64; row r has the pieces `ends[r]` to `ends[r + 1]`.
      row: [num_pieces] int64, which of the rows.
      start: [num_pieces] int64, first token; 0 for padding.
      length: [num_pieces] int64, slots; a full row's padding has none.
      segment: [num_pieces] int32, number in the row from 1; 0 for padding.
      slot: [num_pieces] int64, first slot, counted through all rows.
    """

    seq_len: int
    ends: np.ndarray
    row: np.ndarray
    start: np.ndarray
    length: np.ndarray
    segment: np.ndarray
    slot: np.ndarray

    def of_rows(self, first: int, end: int) -> "Pieces":
        """The pieces of some of the rows."""
        mine = slice(self.ends[first], self.ends[end])
        return Pieces(
            seq_len=self.seq_len,
            ends=self.ends[first : end + 1] - self.ends[first],
            row=self.row[mine] - first,
            start=self.start[mine],
            length=self.length[mine],
            segment=self.segment[mine],
            slot=self.slot[mine] - first * self.seq_len,
        )


def find_pieces(index: RowIndex, rows: np.ndarray) -> Pieces:
    """Looks up the pieces of rows; row `index.num_rows` holds none and is all padding."""
    first = index.row_start[rows]
    count = index.row_start[np.minimum(rows + 1, index.num_rows)] - first + 1
    ends = np.append(0, np.cumsum(count))
    row = np.repeat(np.arange(len(rows)), count)
    nth = np.arange(len(row)) - ends[row]
    is_padding = np.zeros(len(row), bool)
    is_padding[ends[1:] - 1] = True
    piece = np.where(is_padding, 0, first[row] + nth)
    length = np.where(is_padding, 0, index.piece_length[piece]).astype(np.int64)
    length[ends[1:] - 1] = index.seq_len - np.add.reduceat(length, ends[:-1])
    return Pieces(
        seq_len=index.seq_len,
        ends=ends,
        row=row,
        start=np.where(is_padding, 0, index.piece_start[piece]),
        length=length,
        segment=np.where(is_padding, 0, nth + 1).astype(np.int32),
        slot=np.cumsum(length) - length,
    )


def gather(tokens: Sequence[np.ndarray], source: np.ndarray, pieces: Pieces) -> Batch:
    """Reads rows.

    Args:
      tokens: Tokens of each source.
      source: [num_rows] int64, each row's source; any, for a row that is all padding.
      pieces: The rows' pieces.

    Returns:
      int32 [num_rows, seq_len] `tokens`, `targets`, `positions`, `segment_ids`, and float32
      `loss_weights`; see `Stream.rows`.
    """
    shape = (len(source), pieces.seq_len)
    num_slots = shape[0] * shape[1]
    positions = np.repeat(-pieces.slot.astype(np.int32), pieces.length)
    positions += _numbers(num_slots, np.int32)
    values = _row_tokens(tokens, source, pieces).reshape(-1)
    batch = {
        "tokens": values,
        "targets": _targets(tokens, source, pieces, values),
        "positions": positions,
        "segment_ids": np.repeat(pieces.segment, pieces.length),
        "loss_weights": np.ones(num_slots, np.float32),
    }
    padding = _padding(pieces)
    if len(padding):
        for name in ("tokens", "targets", "positions", "loss_weights"):
            batch[name][padding] = 0
    return {name: array.reshape(shape) for name, array in batch.items()}


def _row_tokens(tokens: Sequence[np.ndarray], source: np.ndarray, pieces: Pieces) -> np.ndarray:
    """Tokens of the rows, int32 [num_rows, seq_len]; those of padding are arbitrary."""
    present = _present(source)
    start, length = pieces.start, pieces.length
    if len(present) > 1:
        # With the rows of each source side by side, no slot has to be picked out for its source.
        by_source = np.argsort(source[pieces.row], kind="stable")
        start, length = start[by_source], length[by_source]
    where = np.repeat(start - (np.cumsum(length) - length), length)
    where += _numbers(len(where))
    left = where.reshape(-1, pieces.seq_len)
    values = np.empty(left.shape, np.int32)
    for position in present:
        rows = np.flatnonzero(source == position)
        # `clip` skips a copy; it alters only the places of padding.
        taken = tokens[position].take(left[: len(rows)], mode="clip")
        values[rows if len(present) > 1 else ...] = taken
        left = left[len(rows) :]
    return values


def _targets(
    tokens: Sequence[np.ndarray], source: np.ndarray, pieces: Pieces, values: np.ndarray
) -> np.ndarray:
    """The next slot's token; the last of a piece is followed by what stands next in its source."""
    targets = np.empty_like(values)
    targets[:-1] = values[1:]
    real = np.flatnonzero(pieces.segment)
    where, last = (pieces.start + pieces.length)[real], (pieces.slot + pieces.length - 1)[real]
    own = source[pieces.row[real]]
    for position in _present(own):
        mine = own == position
        targets[last[mine]] = tokens[position].take(where[mine])
    return targets


def _padding(pieces: Pieces) -> np.ndarray:
    """The slots that hold nothing."""
    chosen = np.flatnonzero((pieces.segment == 0) & (pieces.length > 0))
    slot, length = pieces.slot[chosen], pieces.length[chosen]
    return np.repeat(slot - (np.cumsum(length) - length), length) + np.arange(length.sum())


def _present(source: np.ndarray) -> list[int]:
    """The sources that occur, in order; much faster than `np.unique` for a few rows."""
    return np.flatnonzero(np.bincount(source)).tolist()


@lru_cache(maxsize=8)
def _numbers(count: int, dtype: type = np.int64) -> np.ndarray:
    """0, 1, 2, ...; made once, as no batch changes them."""
    numbers: np.ndarray = np.arange(count, dtype=dtype)
    numbers.flags.writeable = False
    return numbers
