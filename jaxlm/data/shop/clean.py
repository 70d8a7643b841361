"""What is done to the text of the documents that are kept; the last work of the shop.

First evaluation text is cut out and lines that many documents share go; then, in the text that is
left, long passages that repeat an earlier one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jaxlm.data.dedup import lines, passages, substrings
from jaxlm.data.dedup.config import DecontaminateConfig, LinesConfig, SubstringsConfig
from jaxlm.data.dedup.decontaminate import decontaminate
from jaxlm.data.shop.rows import numbered
from jaxlm.data.shop.stage import PartWriter, Record, Stage

CLEAN = pa.schema([("number", pa.int64()), ("id", pa.string()), ("text", pa.string())])
LINES = pa.schema([("number", pa.int64()), ("hash", pa.uint64())])
ANCHORS = pa.schema([("hash", pa.uint64())])
WINDOWS = pa.schema([("hash", pa.uint64()), ("document", pa.int64()), ("start", pa.int64())])


@dataclass(frozen=True, kw_only=True)
class HashLines:
    """Hashes the lines of the documents that are kept.

    Attributes:
      config: What a line is.
      texts: Stage of the texts.
      starts: Number of the first document of each part.
      is_kept: [num_documents] bool, which documents are kept.
      to: Stage of `LINES`.
    """

    config: LinesConfig
    texts: Stage
    starts: tuple[int, ...]
    is_kept: np.ndarray
    to: Stage

    def __call__(self, part: int) -> None:
        """Makes a part."""
        with self.to.write(part, LINES, {}) as writer:
            for numbers, texts in numbered(self.texts, part, self.starts[part]):
                here = self.is_kept[numbers]
                found = lines.line_hashes(texts.filter(pa.array(here)), numbers[here], self.config)
                writer.add(found.rename_columns({"document": "number"}))


@dataclass(frozen=True, kw_only=True)
class KeepTexts:
    """Leaves dropped documents out, and takes evaluation text and shared lines from the others.

    Attributes:
      texts: Stage of the texts.
      starts: Number of the first document of each part.
      is_kept: [num_documents] bool, which documents are kept.
      decontaminate: How evaluation text is cut, or none.
      matches: Where evaluation text is.
      lines: What a line is, or none.
      shared: Lines that go, as of `dedup.lines.repeated_lines`.
      to: Stage of `CLEAN`.
    """

    texts: Stage
    starts: tuple[int, ...]
    is_kept: np.ndarray
    decontaminate: DecontaminateConfig | None
    matches: pa.Table
    lines: LinesConfig | None
    shared: pa.Table
    to: Stage

    def __call__(self, part: int) -> None:
        """Makes a part."""
        record = new_record()
        with self.to.write(part, CLEAN, record) as writer:
            start = self.starts[part]
            for table in self.texts.batches(part):
                numbers = np.arange(start, start + table.num_rows)
                start += table.num_rows
                here = self.is_kept[numbers]
                ids, texts = (table[name].filter(pa.array(here)) for name in ("id", "text"))
                texts = self._cut(texts, numbers[here], record)
                write_texts(writer, numbers[here], ids, texts, record)

    def _cut(self, texts: pa.ChunkedArray, numbers: np.ndarray, record: Record) -> pa.Array:
        if self.decontaminate is not None:
            result = decontaminate(texts, numbers, self.matches, self.decontaminate)
            texts = result["text"]
            record["removed_passages"] += _total(result["removed_passages"])
        if self.lines is not None:
            result = lines.remove_lines(texts, numbers, self.shared, self.lines)
            texts = result["text"]
            record["removed_lines"] += _total(result["removed_lines"])
        return texts


@dataclass(frozen=True, kw_only=True)
class FindAnchors:
    """Hashes the anchors of texts; see `dedup.substrings`.

    Attributes:
      config: Lengths.
      clean: Stage of `CLEAN`.
      to: Stage of `ANCHORS`.
    """

    config: SubstringsConfig
    clean: Stage
    to: Stage

    def __call__(self, part: int) -> None:
        """Makes a part."""
        with self.to.write(part, ANCHORS, {}) as writer:
            for _, texts in clean_texts(self.clean, part):
                hashes = substrings.anchors(texts, self.config)
                writer.add(pa.table({"hash": hashes}))


@dataclass(frozen=True, kw_only=True)
class FindWindows:
    """Finds the passages that hold an anchor which occurs elsewhere.

    Attributes:
      config: Lengths.
      clean: Stage of `CLEAN`.
      repeated: Ascending hashes of those anchors.
      to: Stage of `WINDOWS`.
    """

    config: SubstringsConfig
    clean: Stage
    repeated: np.ndarray
    to: Stage

    def __call__(self, part: int) -> None:
        """Makes a part."""
        with self.to.write(part, WINDOWS, {}) as writer:
            for numbers, texts in clean_texts(self.clean, part):
                writer.add(substrings.windows(texts, numbers, self.repeated, self.config))


@dataclass(frozen=True, kw_only=True)
class CutPassages:
    """Cuts repeated passages.

    Attributes:
      clean: Stage of `CLEAN`.
      passages: As of `dedup.substrings.repeated_passages`.
      to: Stage of `CLEAN`.
    """

    clean: Stage
    passages: pa.Table
    to: Stage

    def __call__(self, part: int) -> None:
        """Makes a part."""
        record = new_record()
        with self.to.write(part, CLEAN, record) as writer:
            for table in self.clean.batches(part):
                numbers = table["number"].to_numpy()
                result = passages.cut(table["text"], numbers, self.passages)
                record["removed_passages"] += _total(result["removed_passages"])
                write_texts(writer, numbers, table["id"], result["text"], record)


def new_record() -> Record:
    """Counts of a part of `CLEAN`."""
    return {
        "documents": 0,
        "bytes": 0,
        "removed_passages": 0,
        "removed_lines": 0,
        "emptied": 0,
    }


def clean_texts(stage: Stage, part: int) -> Iterator[tuple[np.ndarray, pa.ChunkedArray]]:
    """Reads numbers and texts of a part of `CLEAN` in small tables."""
    for table in stage.batches(part, ["number", "text"]):
        yield table["number"].to_numpy(), table["text"]


def write_texts(
    writer: PartWriter,
    numbers: np.ndarray,
    ids: pa.ChunkedArray,
    texts: pa.Array | pa.ChunkedArray,
    record: Record,
) -> None:
    """Writes documents that still have text, and counts them."""
    lengths = pc.binary_length(pc.utf8_trim_whitespace(texts))
    has_text = pc.greater(lengths, 0)
    table = pa.table({"number": numbers, "id": ids, "text": texts}).filter(has_text)
    record["emptied"] += len(numbers) - table.num_rows
    record["documents"] += table.num_rows
    record["bytes"] += _total(pc.binary_length(table["text"]))
    writer.add(table)


def _total(values: pa.Array | pa.ChunkedArray) -> int:
    return int(pc.sum(values).as_py() or 0)
