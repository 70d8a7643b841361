"""Which files a glob, a folder, a URL or a dataset stands for, without reading them."""

import glob
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxlm.data.readers.huggingface import (
    SCHEME,
    dataset_version,
    is_dataset,
    parse_address,
)
from jaxlm.data.readers.read import SUFFIXES, is_supported
from jaxlm.data.readers.records import Location
from jaxlm.data.readers.streams import (
    COMPRESSIONS,
    file_name,
    file_system,
    is_url,
    remote_version,
    storage_faults,
    version_of,
)
from jaxlm.errors import ExitCode, UserError

_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True, kw_only=True)
class ListedFile:
    """A file as it was listed.

    Attributes:
      location: Path or URL.
      id: Path below the folder that the listing starts from.
      size: Bytes on disk; 0 where the storage does not say.
      version: What identifies its content without reading it (`version_of`).
    """

    location: Location
    id: str
    size: int
    version: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of one pattern in a fixed order.

    Attributes:
      root: The folder that the pattern starts from.
      files: The files, sorted by location.
    """

    root: str
    files: tuple[ListedFile, ...]

    @property
    def name(self) -> str:
        """A name for the whole: that of the only file without its suffixes, or of the folder."""
        only = file_name(self.files[0].location) if len(self.files) == 1 else ""
        return re.split(r"[.:@#]", only)[0] or file_name(self.root)


def list_files(pattern: str, *, setting: str = "data.path") -> Listing:
    """Lists what a pattern stands for.

    Args:
      pattern: A glob, a folder (all files below it that a reader exists for) or a file, on this
        machine or as a URL of any scheme that fsspec knows; or a Hugging Face dataset.
      setting: Name of the setting that holds the pattern, for messages.

    Raises:
      UserError: There is no such file (exit 77), or one that no reader exists for (64).
    """
    if is_dataset(pattern):
        return _list_dataset(pattern)
    listing = _list_remote(pattern) if is_url(pattern) else _list_local(pattern)
    if not listing.files:
        raise UserError(
            f"{setting}={pattern}: no files found below {listing.root}; expected files that end "
            f"in {', '.join(SUFFIXES)}, or in such a name and {', '.join(COMPRESSIONS)}",
            ExitCode.UNUSABLE,
        )
    _check_supported(f"{setting}={pattern}", [file.location for file in listing.files])
    return listing


def _check_supported(where: str, locations: Iterable[Location]) -> None:
    if unsupported := [str(location) for location in locations if not is_supported(location)]:
        raise UserError(
            f"{where}: cannot read {unsupported[0]}"
            + (f" and {len(unsupported) - 1} more" if len(unsupported) > 1 else "")
            + f"; supported are {', '.join(SUFFIXES)}. Make the glob narrower, as in '*.txt'"
        )


def _list_dataset(location: str) -> Listing:
    version, size = dataset_version(location)
    file_id = location.removeprefix(SCHEME)
    file = ListedFile(location=location, id=file_id, size=size, version=version)
    return Listing(root=parse_address(location).name, files=(file,))


def _list_local(pattern: str) -> Listing:
    path = Path(pattern).expanduser()
    if path.is_dir():
        root, found = path, [file for file in path.rglob("*") if is_supported(file)]
    elif path.is_file():
        root, found = path.parent, [path]
    else:
        root = _fixed_folder(path)
        found = [Path(file) for file in glob.glob(str(path), recursive=True)]
    files = tuple(_local_file(file, root) for file in sorted(found) if file.is_file())
    return Listing(root=str(root.absolute()), files=files)


def _local_file(path: Path, root: Path) -> ListedFile:
    return ListedFile(
        location=path,
        id=path.relative_to(root).as_posix(),
        size=path.stat().st_size,
        version=version_of(path),
    )


def _fixed_folder(pattern: Path) -> Path:
    """The part of a glob before its first wildcard."""
    fixed = itertools.takewhile(lambda part: not _WILDCARD.search(part), pattern.parts)
    return Path(*fixed) if _WILDCARD.search(str(pattern)) else pattern.parent


def _list_remote(pattern: str) -> Listing:
    system, path = file_system(pattern)
    with storage_faults(pattern):
        if _is_glob(pattern):
            root, found = _WILDCARD.split(path)[0].rpartition("/")[0], system.glob(path)
        elif not pattern.startswith("http") and system.isdir(path):
            root, found = path, [name for name in system.find(path) if is_supported(name)]
        else:
            root, found = path.rpartition("/")[0], [path] if system.exists(path) else []
        names = sorted(name for name in found if system.isfile(name))
        files = tuple(_remote_file(system, name, root) for name in names)
    return Listing(root=root or pattern, files=files)


def _is_glob(url: str) -> bool:
    # A question mark in a web address begins its query.
    return "*" in url if url.startswith("http") else bool(_WILDCARD.search(url))


def _remote_file(system: Any, path: str, root: str) -> ListedFile:
    info = system.info(path)  # a listing may say less, or the same in other words
    location = system.unstrip_protocol(path)
    return ListedFile(
        location=location,
        id=path.removeprefix(root).lstrip("/") or file_name(location),
        size=int(info.get("size") or 0),
        version=remote_version(info),
    )
