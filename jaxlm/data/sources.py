"""From the entries of `data.path` to named sources of documents."""

import functools
import glob
import itertools
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jaxlm.data import embedded
from jaxlm.data.config import DataConfig
from jaxlm.data.readers import SUFFIXES, Document, Record, is_supported, read_file
from jaxlm.errors import ExitCode, UserError

EMBEDDED = "stdlib"

_NAMED_ENTRY = re.compile(r"([A-Za-z0-9][\w.-]*)=(.+)")
_WILDCARD = re.compile(r"[*?\[]")


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
    files: tuple[Path, ...]
    num_bytes: int
    read: Callable[[], Iterator[Record]]


def find_sources(config: DataConfig) -> tuple[TextSource, ...]:
    """Finds the sources that `data.path` names, reading none of the text.

    Raises:
      UserError: An entry matches no file or an unsupported one, two sources share a file or a
        name, or `data.weights` does not fit the sources.
    """
    sources: list[TextSource] = []
    for entry in config.path:
        if entry == EMBEDDED:
            sources += _embedded_sources()
        else:
            sources.append(_file_source(entry, config, {source.name for source in sources}))
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
    files = embedded.module_files()
    sizes = [path.stat().st_size for path in files]
    for field in ("code", "prose"):
        yield TextSource(
            name=field,
            entry=EMBEDDED,
            listing=(embedded.interpreter(), *map(str, sizes)),
            files=tuple(files),
            num_bytes=sum(sizes),
            read=functools.partial(_read_embedded, field),
        )


def _read_embedded(field: str) -> Iterator[Document]:
    for module in embedded.modules():
        # A module without docstrings has no prose; that is no empty document to count.
        if text := getattr(module, field):
            yield Document(id=module.name, text=text, source=field)


def _file_source(entry: str, config: DataConfig, taken: set[str]) -> TextSource:
    name, pattern = _split_name(entry)
    root, files = _find_files(entry, pattern)
    name = name or _free_name(root, files, taken)
    ids = [path.relative_to(root).as_posix() for path in files]
    stats = [path.stat() for path in files]
    return TextSource(
        name=name,
        entry=entry,
        listing=tuple(
            f"{file_id} {stat.st_size} {stat.st_mtime_ns}"
            for file_id, stat in zip(ids, stats, strict=True)
        ),
        files=tuple(files),
        num_bytes=sum(stat.st_size for stat in stats),
        read=functools.partial(_read_files, name, files, ids, config.text_field),
    )


def _read_files(source: str, files: list[Path], ids: list[str], field: str) -> Iterator[Record]:
    for path, file_id in zip(files, ids, strict=True):
        yield from read_file(path, file_id, source=source, text_field=field)


def _split_name(entry: str) -> tuple[str, str]:
    """Name (or empty) and pattern; a path that has an equals sign itself stays whole."""
    named = _NAMED_ENTRY.fullmatch(entry)
    if named is None or os.path.exists(entry):
        return "", entry
    return named[1], named[2]


def _find_files(entry: str, pattern: str) -> tuple[Path, list[Path]]:
    """The folder that the pattern starts from, and the files in a fixed order."""
    path = Path(pattern).expanduser()
    if path.is_dir():
        root, files = path, [file for file in path.rglob("*") if is_supported(file)]
    elif path.is_file():
        root, files = path.parent, [path]
    else:
        root = _fixed_folder(path)
        files = [Path(file) for file in glob.glob(str(path), recursive=True)]
    files = sorted(file for file in files if file.is_file())
    if not files:
        raise UserError(
            f"data.path={entry}: no files found below {root.absolute()}; "
            f"expected files that end in {', '.join(SUFFIXES)} (with .gz or .zst where it fits)",
            ExitCode.UNUSABLE,
        )
    if unsupported := [str(file) for file in files if not is_supported(file)]:
        raise UserError(
            f"data.path={entry}: cannot read {unsupported[0]}"
            + (f" and {len(unsupported) - 1} more" if len(unsupported) > 1 else "")
            + f"; supported are {', '.join(SUFFIXES)}. Make the glob narrower, as in '*.txt'"
        )
    return root, files


def _fixed_folder(pattern: Path) -> Path:
    """The part of a glob before its first wildcard."""
    fixed = itertools.takewhile(lambda part: not _WILDCARD.search(part), pattern.parts)
    return Path(*fixed) if _WILDCARD.search(str(pattern)) else pattern.parent


def _free_name(root: Path, files: list[Path], taken: set[str]) -> str:
    """A name from the file or the folder, with a number where it is taken."""
    only = files[0].name.split(".")[0] if len(files) == 1 else ""
    base = only or root.absolute().name or "text"
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
    entries: dict[Path, str] = {}
    for source in sources:
        for file in source.files:
            other = entries.setdefault(file.resolve(), source.entry)
            if other != source.entry:
                raise UserError(
                    f"data.path: {file} belongs to both {other!r} and {source.entry!r}, so its "
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
