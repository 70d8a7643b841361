"""Reads a file of any format: one document after another, or as tables."""

import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jaxlm.data.readers.delimited import read_csv, read_tsv
from jaxlm.data.readers.html import read_html
from jaxlm.data.readers.huggingface import is_dataset, read_dataset
from jaxlm.data.readers.jsonl import read_jsonl
from jaxlm.data.readers.parquet import read_parquet
from jaxlm.data.readers.records import (
    BadDocument,
    Document,
    Fault,
    Items,
    Location,
    MissingColumnError,
    ReadOptions,
    Record,
)
from jaxlm.data.readers.streams import COMPRESSIONS, file_name, open_raw, open_stream
from jaxlm.data.readers.text import read_text
from jaxlm.data.readers.warc import read_warc
from jaxlm.errors import ExitCode, UserError

if TYPE_CHECKING:
    import pyarrow

# Formats that are read from first byte to last, compressed or not.
_STREAMED: dict[str, Callable[..., Items]] = {
    ".txt": read_text,
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".html": read_html,
    ".htm": read_html,
    ".warc": read_warc,
}

SUFFIXES = (*_STREAMED, ".parquet")
DEFAULTS = ReadOptions()

_TABLE_BYTES = 1 << 24
# What says that the rest of a file is lost. pyarrow.ArrowInvalid is a ValueError.
_DAMAGE = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)


def is_supported(location: Location) -> bool:
    """Whether the name says that a reader exists."""
    return is_dataset(location) or format_of(location) in SUFFIXES


def format_of(location: Location) -> str:
    """The suffix that tells the format, below that of a compression; empty where there is none."""
    name = Path(file_name(location))
    suffix = name.suffix.lower()
    if suffix not in COMPRESSIONS:
        return suffix
    inner = name.with_suffix("").suffix.lower()
    return inner if inner in _STREAMED else ""


def read_file(
    location: Location,
    file_id: str,
    *,
    source: str,
    options: ReadOptions = DEFAULTS,
    version: str = "",
) -> Iterator[Record]:
    """Reads the documents of one file in order.

    Args:
      location: The file; its name tells format and compression.
      file_id: Beginning of the ids of documents that have none of their own.
      source: Name of the source.
      options: How to read it.
      version: `version_of` the file when it was listed; empty where nobody did.

    Raises:
      UserError: The file is damaged as a whole and `options.on_damage` is `raise` (exit 77), its
        storage fails (74), or it is not the one that was listed or changes meanwhile (77).
    """
    last = 0
    try:
        for key, last, text, own_id in _items(location, options, version):
            if isinstance(text, Fault):
                line = last + text.lines_below
                yield BadDocument(path=str(location), line=line, reason=text.reason)
            else:
                document_id = own_id or (f"{file_id}:{key}" if key else file_id)
                yield Document(id=document_id, text=text, source=source)
    except _DAMAGE as error:
        if options.on_damage == "raise":
            raise _damaged(location, last, error) from error
        reason = f"the rest of the file cannot be read: {error}"
        yield BadDocument(path=str(location), line=last + 1, reason=reason)


def read_tables(
    location: Location,
    file_id: str,
    *,
    source: str,
    options: ReadOptions = DEFAULTS,
    version: str = "",
    table_bytes: int = _TABLE_BYTES,
) -> Iterator[tuple["pyarrow.Table", list[BadDocument]]]:
    """Reads the documents of one file as tables of `id`, `text` and `source`.

    Args:
      location: As in `read_file`, also the following.
      file_id: Beginning of ids.
      source: Name of the source.
      options: How to read it.
      version: What was listed.
      table_bytes: Bytes of texts, ids and reasons after which a table ends.

    Yields:
      A table and the documents that could not be read on the way to it. Only a table that comes
      with bad documents may be empty.

    Raises:
      UserError: As `read_file`.
    """
    documents: list[Document] = []
    bad: list[BadDocument] = []
    size = 0
    for record in read_file(location, file_id, source=source, options=options, version=version):
        if isinstance(record, BadDocument):
            bad.append(record)
        else:
            documents.append(record)
        size += _num_bytes(record)
        if size >= table_bytes:
            yield _table(documents, source), bad
            documents, bad, size = [], [], 0
    if documents or bad:
        yield _table(documents, source), bad


def _items(location: Location, options: ReadOptions, version: str) -> Items:
    """What the format's reader yields."""
    if not is_supported(location):
        raise UserError(
            f"{location}: no reader for such a name; supported are {', '.join(SUFFIXES)}"
        )
    if is_dataset(location):
        yield from read_dataset(str(location), options)
    elif (suffix := format_of(location)) == ".parquet":
        with open_raw(location, version) as raw:
            yield from read_parquet(io.BufferedReader(raw), options)
    else:
        with open_stream(location, options, version) as stream:
            yield from _STREAMED[suffix](stream, options)


def _damaged(location: Location, last: int, error: Exception) -> UserError:
    if isinstance(error, MissingColumnError):
        message = f"{location}: {error}. Name the right one (text_field, id_field), or leave it out"
        return UserError(message, ExitCode.UNUSABLE)
    place = f" (after line or row {last:,})" if last else ""
    return UserError(
        f"{location}: cannot read the file to its end{place}: {error}. It may be truncated or "
        "damaged: fetch it again, or leave it out",
        ExitCode.UNUSABLE,
    )


def _num_bytes(record: Record) -> int:
    if isinstance(record, BadDocument):
        return len(record.reason)
    text = record.text
    return len(record.id) + (len(text) if text.isascii() else len(text.encode()))


def _table(documents: list[Document], source: str) -> "pyarrow.Table":
    import pyarrow

    columns = {
        "id": [document.id for document in documents],
        "text": [document.text for document in documents],
        "source": [source] * len(documents),
    }
    string = pyarrow.string()
    return pyarrow.table({k: pyarrow.array(v, string) for k, v in columns.items()})
