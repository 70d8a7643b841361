"""The raw files of all sources, cut into parts of work."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from jaxlm.data import embedded
from jaxlm.data.readers import BadDocument, ListedFile, ReadOptions, list_files, read_tables
from jaxlm.data.shop.config import SourceConfig
from jaxlm.errors import UserError

# A worker holds several documents of this size; a longer text file is cut.
MAX_DOCUMENT_BYTES = 1 << 24
# Work goes by tables of this size, several of which a worker holds in one form or another.
_TABLE_BYTES = 1 << 22
# The embedded corpus is two sources, each by a name of its own.
EMBEDDED = {"stdlib:code": "code", "stdlib:prose": "prose"}


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one part is read from.

    Attributes:
      source: Place of its source in the configuration.
      files: Files of that source, in order; none for an embedded corpus.
      embedded: `code` or `prose` for the embedded corpus, or empty.
    """

    source: int
    files: tuple[ListedFile, ...] = ()
    embedded: str = ""

    @property
    def num_bytes(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.files)

    def listing(self) -> list[str]:
        """What identifies its text without reading it."""
        if self.embedded:
            return [f"{self.embedded} {embedded.interpreter()}"]
        return [f"{file.location} {file.id} {file.version}" for file in self.files]


def plan_units(sources: Sequence[SourceConfig], part_bytes: int) -> tuple[Unit, ...]:
    """Cuts the files of each source into units of about `part_bytes`, in order.

    Raises:
      UserError: A pattern matches nothing, or two sources have one name or share a file.
    """
    _check_names(sources)
    units: list[Unit] = []
    owners: dict[str, str] = {}
    for number, source in enumerate(sources):
        for place, pattern in enumerate(source.path):
            if pattern in EMBEDDED:
                units.append(Unit(source=number, embedded=EMBEDDED[pattern]))
                continue
            files = list_files(pattern, setting=f"sources.{number}.path").files
            _check_files(files, f"{source.name}, pattern {place + 1}", owners)
            if len(source.path) > 1:  # files of one name in two folders are two
                files = tuple(replace(f, id=f"{place}/{f.id}") for f in files)
            units += [Unit(source=number, files=group) for group in _groups(files, part_bytes)]
    return tuple(units)


def read_unit(unit: Unit, source: SourceConfig) -> Iterator[tuple[pa.Table, list[BadDocument]]]:
    """Reads tables of `id`, `text`, `source`, with the bad documents on the way to each."""
    if unit.embedded:
        yield _embedded_table(unit.embedded, source.name), []
        return
    options = ReadOptions(
        text_field=source.text_field,
        id_field=source.id_field,
        max_document_bytes=MAX_DOCUMENT_BYTES,
        on_damage="report",
    )
    for file in unit.files:
        yield from read_tables(
            file.location,
            file.id,
            source=source.name,
            options=options,
            version=file.version,
            table_bytes=_TABLE_BYTES,
        )


def _embedded_table(field: str, source: str) -> pa.Table:
    found = [(module.name, getattr(module, field)) for module in embedded.modules()]
    names = [name for name, text in found if text]
    texts = [text for _, text in found if text]
    return pa.table({"id": names, "text": texts, "source": [source] * len(names)})


def _groups(files: Sequence[ListedFile], part_bytes: int) -> Iterator[tuple[ListedFile, ...]]:
    group: list[ListedFile] = []
    size = 0
    for file in files:
        file_bytes = file.size or part_bytes  # a storage may not say
        if group and size + file_bytes > part_bytes:
            yield tuple(group)
            group, size = [], 0
        group.append(file)
        size += file_bytes
    if group:
        yield tuple(group)


def _check_names(sources: Sequence[SourceConfig]) -> None:
    counts = Counter(source.name for source in sources)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise UserError(f"sources: two have the name {repeated[0]!r}; use other names")


def _check_files(files: Sequence[ListedFile], source: str, owners: dict[str, str]) -> None:
    for file in files:
        location = file.location
        place = location.resolve() if isinstance(location, Path) else location
        owner = owners.setdefault(str(place), source)
        if owner != source:
            raise UserError(
                f"sources: {file.location} belongs to both {owner!r} and {source!r}; make the "
                "globs exclusive"
            )
