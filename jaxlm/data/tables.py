"""Packed sources under one numbering of rows, and the epochs of each source.

By default every epoch of a source has the same rows. Where documents are segmented anew in each
epoch, their lengths differ and with them the rows: each epoch then is a table of its own, made when
its first sample is asked for. Only the last few stay open; of the others their counts are kept, in
a file too, so that a run that is resumed opens no epoch that is over.
"""

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np

from jaxlm.data.packing import RowIndex, join, pack
from jaxlm.data.store import Source
from jaxlm.errors import ExitCode, UserError

Packing = Literal["best_fit", "concatenate"]

OPEN_EPOCHS = 2
"""Epochs of a source that stay open; batches at the turn of an epoch read two."""


class Redraw(Protocol):
    """Gives the documents of a source as an epoch has them."""

    def __call__(self, position: int, epoch: int) -> Source:
        """Documents of the source at a position in an epoch."""

    def record(self, position: int, epoch: int) -> Path:
        """The file that keeps what was counted of an epoch; it may be missing."""


class Count(NamedTuple):
    """What is in the rows of an epoch of a source.

    Attributes:
      num_rows: Rows.
      num_transitions: Slots that hold a transition.
    """

    num_rows: int
    num_transitions: int


class Key(NamedTuple):
    """Names a table: position of the source, and the epoch, 0 where all epochs are alike."""

    position: int
    epoch: int


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
      number: Place of each table among them.
      index: The rows of all of them; starts of pieces count in the tokens of the row's table.
      first_row: [num_tables] int64, first row of each table.
    """

    tables: tuple[Table, ...]
    number: Mapping[Key, int]
    index: RowIndex
    first_row: np.ndarray

    @classmethod
    def of(cls, tables: Mapping[Key, Table]) -> "JoinedTables":
        """Joins tables."""
        num_rows = [table.index.num_rows for table in tables.values()]
        index = join([table.index for table in tables.values()])
        number = {key: nth for nth, key in enumerate(tables)}
        return cls(tuple(tables.values()), number, index, np.cumsum([0, *num_rows[:-1]]))

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """The table that holds each row."""
        return np.searchsorted(self.first_row, rows, side="right") - 1


class Places(NamedTuple):
    """Places of some samples of a source in one table.

    Attributes:
      which: [n] int64, which of the samples.
      epoch: [n] int64, their epochs.
      nth: [n] int64, place of each in its epoch, before the shuffle.
      num_rows: Rows of the table.
      table: The table.
    """

    which: np.ndarray
    epoch: np.ndarray
    nth: np.ndarray
    num_rows: int
    table: Key


class EpochTables:
    """The tables of all sources; of drawn epochs, the ones in use.

    Attributes:
      redraw: What draws an epoch of a source; none where all epochs are alike.
    """

    def __init__(
        self, sources: Sequence[Source], seq_len: int, packing: Packing, redraw: Redraw | None
    ) -> None:
        """Counts the first epoch of every source."""
        self.redraw = redraw
        self._sources = sources
        self._seq_len = seq_len
        self._packing = packing
        self._lock = threading.Lock()
        self._open: dict[Key, Table] = {}
        self._joined: JoinedTables | None = None
        self._counts = [[self._count(Key(k, 0))] for k in range(len(sources))]

    @property
    def num_open(self) -> int:
        """Tables that are held open."""
        return len(self._open)

    @cached_property
    def first_epoch(self) -> tuple[Count, ...]:
        """Counts of the first epoch of each source."""
        return tuple(counts[0] for counts in self._counts)

    def find(self, position: int, index: np.ndarray) -> Iterator[Places]:
        """Yields, table by table, where samples of a source lie.

        Args:
          position: Position of the source.
          index: [n] int64, how many samples of the source come before each.
        """
        if self.redraw is None:
            num_rows = self.first_epoch[position].num_rows
            epoch, nth = np.divmod(index, num_rows)
            yield Places(np.arange(len(index)), epoch, nth, num_rows, Key(position, 0))
            return
        ends = self._epoch_ends(position, int(index.max(initial=0)))
        epoch = np.searchsorted(ends, index, side="right")
        for number in np.unique(epoch).tolist():
            which = np.flatnonzero(epoch == number)
            start = int(ends[number - 1]) if number else 0
            num_rows = int(ends[number]) - start
            yield Places(which, epoch[which], index[which] - start, num_rows, Key(position, number))

    def join(self, needed: Sequence[Key]) -> JoinedTables:
        """Opens tables; gives them, and maybe others, under one numbering of rows."""
        with self._lock:
            # For no samples any table will do: there is a numbering all the same.
            tables = {key: self._table(key) for key in needed or [Key(0, 0)]}
            if not tables.keys() <= self._open.keys():
                return JoinedTables.of(tables)
            if self._joined is None:
                self._joined = JoinedTables.of(self._open)
            return self._joined

    def _epoch_ends(self, position: int, last: int) -> np.ndarray:
        """Rows of a source up to the end of each epoch; counts epochs until row `last` is there."""
        with self._lock:
            counts = self._counts[position]
            num_rows = sum(count.num_rows for count in counts)
            while num_rows <= last:
                counts.append(self._count(Key(position, len(counts))))
                num_rows += counts[-1].num_rows
            return np.cumsum([count.num_rows for count in counts])

    def _count(self, key: Key) -> Count:
        """Counts an epoch; takes the record's word, where there is one, without opening it."""
        found = self._recorded(key)
        if found is None:
            found = _count_of(self._table(key))
            self._record(key, found)
        return found

    def _table(self, key: Key) -> Table:
        """A table, open; closes the epoch of the source that was opened first if it is too many."""
        if key not in self._open:
            source = self.redraw(*key) if self.redraw else self._sources[key.position]
            index = pack(source.offsets, self._seq_len, self._packing)
            table = Table(position=key.position, source=source, index=index)
            self._check(key, table)
            self._open[key] = table
            mine = [other for other in self._open if other.position == key.position]
            for old in mine[:-OPEN_EPOCHS]:
                del self._open[old]
            self._joined = None
        return self._open[key]

    def _check(self, key: Key, table: Table) -> None:
        """Refuses rows that are not those on which the epochs after them were counted."""
        found = self._recorded(key)
        if self.redraw and found is not None and found != _count_of(table):
            path = self.redraw.record(*key)
            raise UserError(
                f"{path} says {found.num_rows} rows, but there are {table.index.num_rows}; delete "
                "the file, then start again",
                ExitCode.UNUSABLE,
            )

    def _recorded(self, key: Key) -> Count | None:
        if self.redraw is None:
            return None
        num_rows, num_transitions = _read(self.redraw.record(*key)).get(self._name, (0, 0))
        return Count(num_rows, num_transitions) if num_rows > 0 else None

    def _record(self, key: Key, count: Count) -> None:
        if self.redraw is None:
            return
        path = self.redraw.record(*key)
        content = json.dumps(_read(path) | {self._name: list(count)})
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        # The record spares work and nothing else: where it cannot be written, rows are counted.
        with suppress(OSError):
            temporary.write_text(content, "utf-8")
            os.replace(temporary, path)

    @property
    def _name(self) -> str:
        return f"{self._packing} {self._seq_len}"


def _count_of(table: Table) -> Count:
    num_transitions = int(table.index.piece_length.sum(dtype=np.int64))
    return Count(table.index.num_rows, num_transitions)


def _read(path: Path) -> dict[str, tuple[int, int]]:
    """The counts in a record; none where it cannot be read, as they can be had again."""
    try:
        content = json.loads(path.read_text("utf-8"))
        return {name: (int(rows), int(slots)) for name, (rows, slots) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
