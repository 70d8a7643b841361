"""Packed sources under one numbering of rows, and the epochs of each source.

By default every epoch of a source has the same rows. Where documents are segmented anew in each
epoch, their lengths differ and with them the rows: each epoch then is a table of its own, made when
its first sample is asked for.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from jaxlm.data.packing import RowIndex, join, pack
from jaxlm.data.store import Source

Packing = Literal["best_fit", "concatenate"]
Redraw = Callable[[int, int], Source]
"""Gives the documents of the source at a position as an epoch has them: (position, epoch)."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Packed documents of a source, or of one epoch of it where each has its own.

    Attributes:
      position: Position of the source.
      source: The documents.
      index: Their rows.
    """

    position: int
    source: Source
    index: RowIndex


@dataclass(frozen=True)
class JoinedTables:
    """Tables under one numbering of rows.

    Attributes:
      tables: The tables.
      index: The rows of all of them; starts of pieces count in the tokens of the row's table.
      first_row: [num_tables] int64, first row of each table.
    """

    tables: tuple[Table, ...]
    index: RowIndex
    first_row: np.ndarray

    @classmethod
    def of(cls, tables: Sequence[Table]) -> "JoinedTables":
        """Joins tables."""
        num_rows = [table.index.num_rows for table in tables]
        index = join([table.index for table in tables])
        return cls(tuple(tables), index, np.cumsum([0, *num_rows[:-1]]))

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """The table that holds each row."""
        return np.searchsorted(self.first_row, rows, side="right") - 1


class Places(NamedTuple):
    """Places of some samples of a source in one table.

    Attributes:
      which: [n] int64, which of the samples.
      epoch: [n] int64, their epochs.
      nth: [n] int64, place of each in its epoch, before the shuffle.
      table: Number of the table.
    """

    which: np.ndarray
    epoch: np.ndarray
    nth: np.ndarray
    table: int


class EpochTables:
    """The tables of all sources, for as many epochs as were asked for.

    Attributes:
      joined: The tables so far; replaced as a whole, as other threads may be reading.
      redraw: What draws an epoch of a source; none where all epochs are alike.
    """

    def __init__(
        self, sources: Sequence[Source], seq_len: int, packing: Packing, redraw: Redraw | None
    ) -> None:
        """Packs the first epoch of every source."""
        self.redraw = redraw
        self._seq_len = seq_len
        self._packing = packing
        self._lock = threading.Lock()
        self._epochs = [[position] for position in range(len(sources))]
        first = [redraw(k, 0) if redraw else source for k, source in enumerate(sources)]
        self.joined = JoinedTables.of([self._pack(k, source) for k, source in enumerate(first)])

    def find(self, position: int, index: np.ndarray) -> Iterator[Places]:
        """Yields, table by table, where samples of a source lie.

        Args:
          position: Position of the source.
          index: [n] int64, how many samples of the source come before each.
        """
        if self.redraw is None:
            epoch, nth = np.divmod(index, self.joined.tables[position].index.num_rows)
            yield Places(np.arange(len(index)), epoch, nth, position)
            return
        ends = self._epoch_ends(position, int(index.max(initial=0)), self.redraw)
        epoch = np.searchsorted(ends, index, side="right")
        for number in np.unique(epoch).tolist():
            which = np.flatnonzero(epoch == number)
            nth = index[which] - (ends[number - 1] if number else 0)
            yield Places(which, epoch[which], nth, self._epochs[position][number])

    def _epoch_ends(self, position: int, last: int, redraw: Redraw) -> np.ndarray:
        """Rows of a source up to the end of each epoch; draws epochs until row `last` is there."""
        with self._lock:
            epochs = self._epochs[position]
            while True:
                tables = self.joined.tables
                ends = np.cumsum([tables[table].index.num_rows for table in epochs])
                if ends[-1] > last:
                    return ends
                drawn = self._pack(position, redraw(position, len(epochs)))
                self.joined = JoinedTables.of([*tables, drawn])
                epochs.append(len(tables))

    def _pack(self, position: int, source: Source) -> Table:
        index = pack(source.offsets, self._seq_len, self._packing)
        return Table(position=position, source=source, index=index)
