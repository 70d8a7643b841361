"""A table of documents with what several statistics measure of it, each measured once."""

import hashlib
import re
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jaxlm.data.analysis import characters
from jaxlm.errors import ExitCode, UserError

# A list of the words of a longer text would take too much memory.
_LONG = 1 << 22
_WORD = re.compile(r"\S+")
_COLUMNS = ("id", "text", "source")


class Batch:
    """Documents of one source.

    Attributes:
      source: Their source.
      table: All columns.
      ids: Names of the documents.
      texts: Their texts; a missing text is an empty one.
    """

    def __init__(self, source: str, table: pa.Table) -> None:
        self.source = source
        self.table = table
        self.ids: list[str] = table["id"].to_pylist()
        self.texts: list[str] = [text or "" for text in table["text"].to_pylist()]

    @cached_property
    def num_characters(self) -> np.ndarray:
        """Characters of each document, int64 [documents]."""
        return np.fromiter(map(len, self.texts), np.int64, len(self.texts))

    @cached_property
    def num_bytes(self) -> np.ndarray:
        """UTF-8 bytes of each document, int64 [documents]."""
        lengths = pc.binary_length(self.table["text"]).fill_null(0)
        return lengths.to_numpy().astype(np.int64)

    @cached_property
    def num_words(self) -> np.ndarray:
        """Words between white space, int64 [documents]."""
        return np.fromiter(map(_count_words, self.texts), np.int64, len(self.texts))

    @cached_property
    def classes(self) -> np.ndarray:
        """Characters of each class, int64 [documents, classes]."""
        return characters.count_classes(self.texts)

    @cached_property
    def order(self) -> list[int]:
        """A number for each document, fixed by its name, that puts documents in random order."""
        return [order_of(self.source, document_id) for document_id in self.ids]


def by_source(table: pa.Table) -> list[Batch]:
    """Parts a table of documents by source.

    Raises:
      UserError: A column is missing.
    """
    if missing := [name for name in _COLUMNS if name not in table.column_names]:
        raise UserError(
            f"analysis: the table has no column {', '.join(missing)}; documents have the columns "
            f"{', '.join(_COLUMNS)}, and this table has {', '.join(table.column_names)}",
            ExitCode.UNUSABLE,
        )
    names = np.array(table["source"].to_pylist(), object)
    return [
        Batch(name, table.filter(pa.array(names == name))) for name in dict.fromkeys(names.tolist())
    ]


def order_of(source: str, document_id: str) -> int:
    """A random number fixed by a document's name, 64 bits."""
    name = f"{source}\0{document_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")


def _count_words(text: str) -> int:
    return len(text.split()) if len(text) < _LONG else sum(1 for _ in _WORD.finditer(text))
