"""From the entries of `data.path` to named sources of documents."""

import functools
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jaxlm.data import embedded
from jaxlm.data.config import DataConfig
from jaxlm.data.readers import (
    Document,
    ListedFile,
    Listing,
    Location,
    ReadOptions,
    Record,
    list_files,
    read_file,
)
from jaxlm.errors import UserError

EMBEDDED = "stdlib"

_NAMED_ENTRY = re.compile(r"([A-Za-z0-9][\w.-]*)=(.+)")


@dataclass(frozen=True, kw_only=True)
class TextSource:
    """A named stream of documents that can be read again and again in the same order.

    Attributes:
      name: Name in weights, statistics and reports; unique.
      entry: The entry of `data.path` that it comes from. Sources of one entry share the decision
        which documents are held out.
      listing: What identifies the text without reading it: a line for each file.
      files: The files.
      num_bytes: Their size on disk.
      read: Starts reading; yields documents and, in their place, unreadable ones.
    """

    name: str
    entry: str
    listing: tuple[str, ...]
    files: tuple[ListedFile, ...]
    num_bytes: int
    read: Callable[[], Iterator[Record]]


def find_sources(config: DataConfig, setting: str = "data.path") -> tuple[TextSource, ...]:
    """Finds the sources that `data.path` names, reading none of the text.

    Args:
      config: The settings.
      setting: What a user calls the paths, for messages.

    Raises:
      UserError: An entry matches no file or an unsupported one, two sources share a file or a
        name, or `data.weights` does not fit the sources.
    """
    sources: list[TextSource] = []
    for entry in config.path:
        if entry == EMBEDDED:
            sources += _embedded_sources()
        else:
            sources.append(
                _file_source(entry, config, {source.name for source in sources}, setting)
            )
    if not sources:
        raise UserError("data.path is empty; give a glob of text files, or `stdlib`")
    _check_names(sources)
    _check_files(sources)
    _check_weights(config, sources)
    return tuple(sources)


def fixed_weights(config: DataConfig) -> tuple[float, ...]:
    """Weights of the sources where they are known without reading: given, or the embedded 70:30."""
    if config.path == (EMBEDDED,) and not config.weights:
        return (embedded.CODE_SHARE, 1 - embedded.CODE_SHARE)
    return config.weights


def _embedded_sources() -> Iterator[TextSource]:
    files = tuple(
        ListedFile(location=path, id=path.name, size=path.stat().st_size, version="")
        for path in embedded.module_files()
    )
    sizes = [file.size for file in files]
    for field in ("code", "prose"):
        yield TextSource(
            name=field,
            entry=EMBEDDED,
            listing=(embedded.interpreter(), *map(str, sizes)),
            files=files,
            num_bytes=sum(sizes),
            read=functools.partial(_read_embedded, field),
        )


def _read_embedded(field: str) -> Iterator[Document]:
    for module in embedded.modules():
        # A module without docstrings has no prose; that is no empty document to count.
        if text := getattr(module, field):
            yield Document(id=module.name, text=text, source=field)


def _file_source(entry: str, config: DataConfig, taken: set[str], setting: str) -> TextSource:
    name, pattern = _split_name(entry)
    listing = list_files(pattern, setting=setting)
    name = name or _free_name(listing, taken)
    options = ReadOptions(text_field=config.text_field)
    return TextSource(
        name=name,
        entry=entry,
        listing=tuple(f"{file.id} {file.version}" for file in listing.files),
        files=listing.files,
        num_bytes=sum(file.size for file in listing.files),
        read=functools.partial(_read_files, name, listing.files, options),
    )


def _read_files(
    source: str, files: tuple[ListedFile, ...], options: ReadOptions
) -> Iterator[Record]:
    for file in files:
        yield from read_file(
            file.location, file.id, source=source, options=options, version=file.version
        )


def _split_name(entry: str) -> tuple[str, str]:
    """Name (or empty) and pattern; a path that has an equals sign itself stays whole."""
    named = _NAMED_ENTRY.fullmatch(entry)
    if named is None or os.path.exists(entry):
        return "", entry
    return named[1], named[2]


def _free_name(listing: Listing, taken: set[str]) -> str:
    """A name from the file or the folder, with a number where it is taken."""
    base = listing.name or "text"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def _check_names(sources: list[TextSource]) -> None:
    counts = Counter(source.name for source in sources)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise UserError(f"data.path names the source {repeated[0]!r} twice; use other names")


def _check_files(sources: list[TextSource]) -> None:
    """A file in two sources could be trained on in one and held out in the other."""
    entries: dict[Location, str] = {}
    for source in sources:
        for file in source.files:
            location = file.location
            key = location.resolve() if isinstance(location, Path) else location
            other = entries.setdefault(key, source.entry)
            if other != source.entry:
                raise UserError(
                    f"data.path: {location} belongs to both {other!r} and {source.entry!r}, so its "
                    "text could be trained on and held out at once; make the globs exclusive"
                )


def _check_weights(config: DataConfig, sources: list[TextSource]) -> None:
    names = ", ".join(source.name for source in sources)
    if config.weights and len(config.weights) != len(sources):
        raise UserError(
            f"data.weights has {len(config.weights)} values for {len(sources)} sources ({names}); "
            "give one positive number for each, or none"
        )
    if any(not 0 < weight < float("inf") for weight in config.weights):
        raise UserError(
            f"data.weights={config.weights}: each of the sources ({names}) needs a positive "
            "weight; leave a source out of data.path instead of giving it 0"
        )
