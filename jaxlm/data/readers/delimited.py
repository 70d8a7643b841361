"""CSV and TSV: a header names the columns; quoted fields may hold line ends.

Source: RFC 4180, as the standard library's `csv` reads it (strictly).
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

from jaxlm.data.readers.lines import read_lines
from jaxlm.data.readers.records import (
    Fault,
    Item,
    Items,
    ReadOptions,
    check_columns,
    decode,
    record_item,
    too_long,
)


def read_csv(file: io.BufferedReader, options: ReadOptions) -> Items:
    """Yields the text column of a comma-separated table."""
    return _read(file, options, ",")


def read_tsv(file: io.BufferedReader, options: ReadOptions) -> Items:
    """Yields the text column of a tab-separated table; quotes mean the same as in CSV."""
    return _read(file, options, "\t")


def _read(file: io.BufferedReader, options: ReadOptions, delimiter: str) -> Items:
    # The limit belongs to the process and guards against a quote that is never closed; here
    # the lines do that, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), options.max_document_bytes))
    lines = _Lines(read_lines(file, options.max_document_bytes), options)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    header = _header(rows, options)
    while True:
        lines.begin_row()
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Item(lines.first, lines.first, lines.fault or Fault(reason=f"not CSV: {error}"))
            continue
        if lines.fault:
            yield Item(lines.first, lines.first, lines.fault)
        elif row:
            yield _item(lines.first, header, row, options)


def _header(rows: Iterator[list[str]], options: ReadOptions) -> list[str]:
    """The names of the columns; raises ValueError where one that is needed is missing."""
    try:
        header = next(rows, [])
    except csv.Error as error:
        raise ValueError(f"its header is not CSV: {error}") from error
    if header:
        check_columns(header, options)
    return header


def _item(line: int, header: list[str], row: list[str], options: ReadOptions) -> Item:
    if len(row) != len(header):
        reason = f"{len(row)} values where the header has {len(header)} columns"
        return Item(line, line, Fault(reason=reason))
    record = dict(zip(header, row, strict=True))
    return record_item(line, record, options, "column")


class _Lines:
    """Lines for `csv`, counted, with a bound on those of one row.

    Attributes:
      first: Number of the present row's first line.
      fault: Why the present row cannot be read, where its lines are the cause.
    """

    def __init__(self, lines: Iterator[bytes | None], options: ReadOptions) -> None:
        self._lines = lines
        self._options = options
        self._number = 0
        self._row_bytes = 0
        self.first = 1
        self.fault: Fault | None = None

    def begin_row(self) -> None:
        self.first = self._number + 1
        self.fault = None
        self._row_bytes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._number += 1
        self._row_bytes += len(line or b"")
        if line is None or self._row_bytes > self._options.max_document_bytes:
            self.fault = too_long("the row (is a quote left open?)", self._options)
            raise csv.Error
        text = decode(line)
        if isinstance(text, str):
            return text
        self.fault = replace(text, lines_below=self._number - self.first)
        return line.decode(errors="replace")
