"""What readers yield and how they are told to read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jaxlm.errors import ExitCode, UserError

# A file on this machine, or a URL that fsspec or the reader of Hugging Face datasets knows.
Location = str | Path

# A longer text file becomes several documents, cut at line ends, so that memory stays bounded.
MAX_DOCUMENT_BYTES = 1 << 27


@dataclass(frozen=True, kw_only=True)
class Document:
    """A text with a stable name.

    Attributes:
      id: Path below the source's folder, and the line, row or first byte where a file has
        several; or the document's own id, where it has one. It decides the split, so it depends
        on neither the machine nor the order of files.
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
      line: Line, row or record in the file, from 1.
      reason: What is wrong.
    """

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


Record = Document | BadDocument


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How files are read.

    Attributes:
      text_field: Field of a record or column of a table that holds the text.
      id_field: Field or column that holds the documents' ids, which must be unique in their
        source; empty makes ids from file names and places.
      max_document_bytes: A longer text file is cut into several documents; a longer line, row or
        page is a bad document. Bounds the memory.
      max_expansion: A compressed file that grows more than so many times, and above 64 MiB, is
        taken for a decompression bomb. Text grows 3 to 10 times, repeated lines 200 times.
      on_damage: What happens where the rest of a file is lost (truncated, no such column):
        `raise` refuses the file; `report` gives one bad document with the place, and the reading
        may go on with the next file.
    """

    text_field: str = "text"
    id_field: str = ""
    max_document_bytes: int = MAX_DOCUMENT_BYTES
    max_expansion: int = 1000
    on_damage: Literal["raise", "report"] = "raise"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why there is no text, and how many lines below the document's first."""

    reason: str
    lines_below: int = 0


class Item(NamedTuple):
    """What a format's reader yields.

    Attributes:
      key: Place in the file that completes the id; 0 where the file is one document.
      line: First line, row or record, from 1.
      text: The text, or why there is none.
      id: The document's own id; empty where it has none.
    """

    key: int
    line: int
    text: str | Fault
    id: str = ""


Items = Iterator[Item]


def decode(data: bytes) -> str | Fault:
    """Text of UTF-8 bytes, or the place of the first wrong one."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return Fault(
            reason=f"not UTF-8: byte 0x{data[error.start]:02x} at byte {error.start}",
            lines_below=data.count(b"\n", 0, error.start),
        )


def check_text(value: Any, place: str) -> str | Fault:
    """The value, if it is text that UTF-8 can write; `place` names where it was found."""
    if not isinstance(value, str):
        return Fault(reason=f"{place} holds {type(value).__name__}, not text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            return Fault(
                reason=f"{place} holds half of a surrogate pair at character {error.start}"
            )
    return value


def check_id(value: Any, place: str) -> str | Fault:
    """An id as text; whole numbers are ids too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value == "":
        return Fault(reason=f"{place} is empty")
    return check_text(value, place)


def record_item(key: int, record: dict[str, Any], options: ReadOptions, kind: str) -> Item:
    """The item of a record; `kind` is what the format calls its parts (field, column)."""
    for name in filter(None, (options.text_field, options.id_field)):
        if name not in record:
            reason = f"no {kind} {name!r}; it has {', '.join(record) or 'none'}"
            return Item(key, key, Fault(reason=reason))
    text = check_text(record[options.text_field], f"{kind} {options.text_field!r}")
    if not options.id_field:
        return Item(key, key, text)
    own_id = check_id(record[options.id_field], f"{kind} {options.id_field!r}")
    if isinstance(own_id, Fault):
        return Item(key, key, own_id)
    return Item(key, key, text, own_id)


class MissingColumnError(ValueError):
    """A table has no column of the name that the options give, or several."""


def check_columns(names: Sequence[str], options: ReadOptions) -> None:
    """Refuses a table whose columns are not those that the options name.

    Raises:
      MissingColumnError: It has none, or several, of one name.
    """
    for name in filter(None, (options.text_field, options.id_field)):
        if names.count(name) != 1:
            number = "no" if name not in names else "more than one"
            raise MissingColumnError(f"{number} column {name!r}; it has {', '.join(names)}")


def too_long(what: str, options: ReadOptions) -> Fault:
    """The fault of a document above the bound."""
    return Fault(reason=f"{what} is longer than max_document_bytes={options.max_document_bytes:,}")


def missing_extra(package: str, purpose: str) -> UserError:
    """The error of a package that the base installation lacks."""
    return UserError(
        f"{purpose} needs the package {package}: pip install 'jaxlm[data]'", ExitCode.UNUSABLE
    )
