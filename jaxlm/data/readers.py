"""Documents out of .txt, .jsonl and .parquet files; what cannot be read is named, never skipped."""

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from jaxlm.errors import ExitCode, UserError

SUFFIXES = (".txt", ".jsonl", ".parquet")

# A longer text file becomes several documents, cut at line ends, so that memory stays bounded.
MAX_DOCUMENT_BYTES = 1 << 27

_COMPRESSIONS = (".gz", ".zst")
_PARQUET_ROWS = 1024


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text with a stable name.

    Attributes:
      id: Path below the source's folder, and the line, row or first byte where a file has
        several. It decides the split, so it depends on neither the machine nor the order of files.
      text: Any text that UTF-8 can write.
      source: Name of its source.
    """

    id: str
    text: str
    source: str


@dataclass(frozen=True, kw_only=True)
class BadDocument:
    """A document that cannot be read.

    Attributes:
      path: Its file.
      line: Line or row in the file, from 1.
      reason: What is wrong.
    """

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


Record = Document | BadDocument


def is_supported(path: Path) -> bool:
    """Whether the name says that a reader exists."""
    return _format_of(path) in SUFFIXES


def read_file(path: Path, file_id: str, *, source: str, text_field: str) -> Iterator[Record]:
    """Reads the documents of one file in order.

    Args:
      path: The file; its name tells format and compression.
      file_id: Beginning of the documents' ids.
      source: Name of the source.
      text_field: Field or column that holds the text.

    Raises:
      UserError: The file is damaged as a whole (truncated compression, no Parquet, no such
        column): an unknown part of it would be lost (exit 77).
    """
    read = {".txt": _read_text, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    with _file_faults(path):
        for key, line, text in read[_format_of(path)](path, text_field):
            if isinstance(text, _Fault):
                yield BadDocument(path=str(path), line=line + text.lines_below, reason=text.reason)
            else:
                document_id = f"{file_id}:{key}" if key else file_id
                yield Document(id=document_id, text=text, source=source)


@dataclass(frozen=True, kw_only=True)
class _Fault:
    """Why there is no text, and how many lines below the document's first."""

    reason: str
    lines_below: int = 0


# Key within the file (0 for its beginning), first line, and text.
_Item = tuple[int, int, str | _Fault]


def _read_text(path: Path, _: str) -> Iterator[_Item]:
    with _open(path) as file:
        start, line, rest, is_last = 0, 1, b"", False
        while not is_last:
            block = rest + file.read(MAX_DOCUMENT_BYTES - len(rest))
            is_last = len(block) < MAX_DOCUMENT_BYTES
            end = len(block) if is_last else _part_end(block)
            if start == 0:
                yield 0, 1, _decode(block[:end].removeprefix(codecs.BOM_UTF8))
            elif end:
                yield start, line, _decode(block[:end])
            start += end
            line += block.count(b"\n", 0, end)
            rest = block[end:]


def _read_jsonl(path: Path, field: str) -> Iterator[_Item]:
    with _open(path) as file:
        for line, data in enumerate(file, start=1):
            content = data.removeprefix(codecs.BOM_UTF8) if line == 1 else data
            if content.strip():
                yield line, line, _parse_record(content, field)


def _read_parquet(path: Path, field: str) -> Iterator[_Item]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        if field not in schema.names:
            raise UserError(
                f"{path}: no column {field!r} (data.text_field); it has {', '.join(schema.names)}",
                ExitCode.UNUSABLE,
            )
        row = 0
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, columns=[field]):
            for value in batch.column(0):
                row += 1
                yield row, row, _parquet_text(value, field)


def _decode(data: bytes) -> str | _Fault:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return _Fault(
            reason=f"not UTF-8: byte 0x{data[error.start]:02x} at byte {error.start}",
            lines_below=data.count(b"\n", 0, error.start),
        )


def _parse_record(data: bytes, field: str) -> str | _Fault:
    decoded = _decode(data)
    if isinstance(decoded, _Fault):
        return decoded
    try:
        record = json.loads(decoded)
    except (ValueError, RecursionError) as error:
        return _Fault(reason=f"not JSON: {error}")
    if not isinstance(record, dict):
        return _Fault(reason=f"not a JSON object but {type(record).__name__}")
    if field not in record:
        return _Fault(reason=f"no field {field!r}; it has {', '.join(record) or 'none'}")
    return _check_text(record[field], f"field {field!r}")


def _parquet_text(value: Any, field: str) -> str | _Fault:
    try:
        return _check_text(value.as_py(), f"column {field!r}")
    except UnicodeDecodeError as error:
        return _Fault(reason=f"not UTF-8: {error.reason} at byte {error.start}")


def _check_text(value: Any, place: str) -> str | _Fault:
    if not isinstance(value, str):
        return _Fault(reason=f"{place} holds {type(value).__name__}, not text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        return _Fault(reason=f"{place} holds half of a surrogate pair at character {error.start}")
    return value


def _part_end(block: bytes) -> int:
    """End of the last whole line, or where there is none, of the last whole character."""
    if end := block.rfind(b"\n") + 1:
        return end
    end = len(block) - 1
    while end > len(block) - 4 and block[end] & 0xC0 == 0x80:
        end -= 1
    return end


def _format_of(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _COMPRESSIONS:
        return suffix
    inner = path.with_suffix("").suffix.lower()
    return inner if inner != ".parquet" else ""


def _open(path: Path) -> BinaryIO:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if suffix == ".zst":
        import pyarrow

        # zstandard.open takes a truncated file for a short one; Arrow refuses it.
        return io.BufferedReader(pyarrow.CompressedInputStream(str(path), "zstd"))
    return open(path, "rb")


@contextmanager
def _file_faults(path: Path) -> Iterator[None]:
    """Turns a file that is damaged as a whole into an error that names it."""
    try:
        yield
    except (OSError, EOFError, zlib.error, ValueError) as error:
        # pyarrow.ArrowInvalid is a ValueError.
        raise UserError(
            f"{path}: cannot read the file to its end: {error}. It may be truncated or damaged: "
            "fetch it again, or leave it out of data.path",
            ExitCode.UNUSABLE,
        ) from error
