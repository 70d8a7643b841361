"""Parquet: each row is a document, its text in one column."""

import io
from typing import Any

from jaxlm.data.readers.records import (
    Fault,
    Item,
    Items,
    ReadOptions,
    check_columns,
    record_item,
    too_long,
)

_ROWS = 1024


def read_parquet(file: io.BufferedReader, options: ReadOptions) -> Items:
    """Yields the text column, row by row.

    Raises:
      ValueError: The file is no Parquet, or lacks a column.
    """
    import pyarrow

    try:
        yield from _rows(file, options)
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from error


def _rows(file: io.BufferedReader, options: ReadOptions) -> Items:
    import pyarrow.parquet

    columns = [name for name in (options.text_field, options.id_field) if name]
    with pyarrow.parquet.ParquetFile(file) as table:
        check_columns(table.schema_arrow.names, options)
        row = 0
        for batch in table.iter_batches(batch_size=_ROWS, columns=columns):
            for values in zip(*(batch.column(name) for name in columns), strict=True):
                row += 1
                yield _item(row, dict(zip(columns, values, strict=True)), options)


def _item(row: int, values: dict[str, Any], options: ReadOptions) -> Item:
    try:
        record = {name: value.as_py() for name, value in values.items()}
    except UnicodeDecodeError as error:
        return Item(row, row, Fault(reason=f"not UTF-8: {error.reason} at byte {error.start}"))
    text = record[options.text_field]
    if isinstance(text, str) and len(text) > options.max_document_bytes:
        return Item(row, row, too_long("the row", options))
    return record_item(row, record, options, "column")
