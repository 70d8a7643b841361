"""Work on the documents of one part, each a picklable function of the part's number.

Every kind of work reads a part of one stage and writes the part of the same number of another.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jaxlm.data.dedup.config import NearConfig
from jaxlm.data.dedup.decontaminate import EvaluationIndex, matches
from jaxlm.data.dedup.exact import exact_keys
from jaxlm.data.dedup.minhash import band_keys, shingle_sets
from jaxlm.data.filters import c4, pii, rules
from jaxlm.data.normalise import normalise_table
from jaxlm.data.shop.config import PrepareConfig, SourceConfig
from jaxlm.data.shop.judgement import source_rules
from jaxlm.data.shop.stage import Record, Stage
from jaxlm.data.shop.units import Unit, read_unit

TEXTS = pa.schema([("id", pa.string()), ("text", pa.string())])
MATCHES = pa.schema(
    [
        ("hash", pa.uint64()),
        ("item", pa.int64()),
        ("document", pa.int64()),
        ("start", pa.int64()),
        ("end", pa.int64()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class ReadTexts:
    """Reads, normalises, removes personal data.

    Attributes:
      config: The shop's settings.
      units: What each part is read from.
      to: Stage of `TEXTS`.
    """

    config: PrepareConfig
    units: tuple[Unit, ...]
    to: Stage

    def __call__(self, part: int) -> None:
        """Makes a part."""
        unit = self.units[part]
        source = self.config.sources[unit.source]
        counts = _ReadCounts()
        with self.to.write(part, TEXTS, counts.record) as writer:
            for table, bad in read_unit(unit, source):
                counts.read(table, [asdict(document) for document in bad])
                writer.add(self._cleaned(table, source, counts))

    def _cleaned(self, table: pa.Table, source: SourceConfig, counts: "_ReadCounts") -> pa.Table:
        if source.clean:
            table, changed = normalise_table(table, self.config.normalise)
            counts.add("normalised", changed)
        texts = []
        for text in table["text"].to_pylist():
            if source.clean:
                text, found = pii.redact(text, self.config.pii)
                counts.add("pii", found)
            texts.append(self._without_lines(text, source, counts))
        place = table.schema.get_field_index("text")
        return counts.write(table.set_column(place, "text", pa.array(texts, pa.string())))

    def _without_lines(self, text: str, source: SourceConfig, counts: "_ReadCounts") -> str:
        settings = self.config.filters.c4_lines
        if settings is None or "c4" not in source.rules:
            return text
        text, removed = c4.remove_lines(text, settings)
        counts.add("c4_lines", removed)
        return text


class _ReadCounts:
    """Counts what reading met, into a stage's record."""

    def __init__(self) -> None:
        self.record: Record = {
            "read_bytes": 0,
            "documents": 0,
            "bytes": 0,
            "bad": [],
            "normalised": {},
            "pii": {},
            "c4_lines": {},
        }

    def read(self, table: pa.Table, bad: list[Record]) -> None:
        """Counts a table as it was read."""
        self.record["read_bytes"] += _num_bytes(table)
        self.record["bad"] += bad

    def write(self, table: pa.Table) -> pa.Table:
        """Counts a table as it is written."""
        self.record["documents"] += table.num_rows
        self.record["bytes"] += _num_bytes(table)
        return table

    def add(self, name: str, counts: dict[str, int]) -> None:
        """Adds counts by kind."""
        self.record[name] = dict(Counter(self.record[name]) + Counter(counts))


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Measures what rules judge by.

    Attributes:
      config: The shop's settings.
      units: What each part was read from.
      texts: Stage of the texts.
      to: Stage of `bytes`, `is_blank` and a column for each rule of the source.
    """

    config: PrepareConfig
    units: tuple[Unit, ...]
    texts: Stage
    to: Stage

    def __call__(self, part: int) -> None:
        """Makes a part."""
        source = self.config.sources[self.units[part].source]
        judges = source_rules(self.config, source)
        names = [rule.name for rule in judges]
        fields = [
            ("bytes", pa.int32()),
            ("is_blank", pa.bool_()),
            *((name, pa.float32()) for name in names),
        ]
        with self.to.write(part, pa.schema(fields), {}) as writer:
            for table in self.texts.batches(part, ["text"]):
                values = rules.measure(table["text"].to_pylist(), judges)
                columns = {name: values[name] for name in names}
                columns["bytes"] = pc.binary_length(table["text"])
                trimmed = pc.binary_length(pc.utf8_trim_whitespace(table["text"]))
                columns["is_blank"] = pc.equal(trimmed, 0)
                writer.add(pa.table(columns))


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Hashes documents, so that copies and near copies have keys in common.

    Attributes:
      config: The shop's settings.
      texts: Stage of the texts.
      starts: Number of the first document of each part.
      to: Stage of `number`, `exact`, `bands`.
    """

    config: PrepareConfig
    texts: Stage
    starts: tuple[int, ...]
    to: Stage

    def __call__(self, part: int) -> None:
        """Makes a part."""
        exact, near = self.config.exact, self.config.near
        bands = pa.list_(pa.uint64(), near.num_bands) if near else pa.null()
        schema = pa.schema([("number", pa.int64()), ("exact", pa.binary(16)), ("bands", bands)])
        with self.to.write(part, schema, {}) as writer:
            for numbers, texts in numbered(self.texts, part, self.starts[part]):
                rows = len(texts)
                keys = exact_keys(texts, exact) if exact else pa.nulls(rows, pa.binary(16))
                near_keys = band_keys(texts, near) if near else pa.nulls(rows)
                writer.add(pa.table({"number": numbers, "exact": keys, "bands": near_keys}))


@dataclass(frozen=True, kw_only=True)
class FindEvaluationText:
    """Looks for the n-grams of evaluation sets.

    Attributes:
      config: The shop's settings.
      texts: Stage of the texts.
      starts: Number of the first document of each part.
      index: What to look for.
      to: Stage of the rows of `dedup.decontaminate.matches`.
    """

    config: PrepareConfig
    texts: Stage
    starts: tuple[int, ...]
    index: EvaluationIndex
    to: Stage

    def __call__(self, part: int) -> None:
        """Makes a part."""
        with self.to.write(part, MATCHES, {}) as writer:
            for numbers, texts in numbered(self.texts, part, self.starts[part]):
                writer.add(matches(texts, numbers, self.index, self.config.decontaminate))


@dataclass(frozen=True, kw_only=True)
class Shingles:
    """Collects the shingles of some documents, to compare them exactly.

    Attributes:
      config: What shingles are.
      texts: Stage of the texts.
      starts: Number of the first document of each part.
      wanted: Ascending numbers of the documents, by part.
    """

    config: NearConfig
    texts: Stage
    starts: tuple[int, ...]
    wanted: dict[int, np.ndarray]

    def __call__(self, part: int) -> dict[int, np.ndarray]:
        """The shingles of a part's documents, by number."""
        found: dict[int, np.ndarray] = {}
        for numbers, texts in numbered(self.texts, part, self.starts[part]):
            here = np.flatnonzero(np.isin(numbers, self.wanted[part]))
            if len(here):
                sets = shingle_sets(texts.take(pa.array(here)), self.config)
                found |= dict(zip(numbers[here].tolist(), sets, strict=True))
        return found


def numbered(stage: Stage, part: int, start: int) -> Iterator[tuple[np.ndarray, pa.ChunkedArray]]:
    """Reads the texts of a part with the documents' numbers, in small tables."""
    for table in stage.batches(part, ["text"]):
        yield np.arange(start, start + table.num_rows), table["text"]
        start += table.num_rows


def _num_bytes(table: pa.Table) -> int:
    return int(pc.sum(pc.binary_length(table["text"])).as_py() or 0)
