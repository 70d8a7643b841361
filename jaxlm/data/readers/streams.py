"""Bytes of a file, decompressed; what grows without end or changes meanwhile is refused."""

import io
import lzma
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from jaxlm.data.readers.records import Location, ReadOptions
from jaxlm.errors import ExitCode, UserError

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}

_BLOCK_BYTES = 1 << 18
# Below this size even a bomb does no harm.
_EXPANSION_FLOOR = 1 << 26
_URL = re.compile(r"[a-z][a-z0-9+.-]*://")
# What file systems call the thing that changes with the content.
_VERSION_KEYS = ("etag", "generation", "md5hash", "mtime", "lastmodified", "updated", "created")


def is_url(location: Location) -> bool:
    """Whether a place is named by scheme, as in `gs://bucket/file`."""
    return isinstance(location, str) and _URL.match(location) is not None


def file_name(location: Location) -> str:
    """The last part of a path or URL, without the query of a web address."""
    name = str(location).rstrip("/").rpartition("/")[2] if is_url(location) else Path(location).name
    return name.partition("?")[0] if str(location).startswith("http") else name


def file_system(location: str) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path in it.

    Raises:
      UserError: Its scheme is unknown, or needs a package that is not installed.
    """
    import fsspec

    try:
        return cast(tuple[Any, str], fsspec.core.url_to_fs(location))
    except (ImportError, ValueError) as error:
        raise UserError(f"{location}: cannot reach it: {error}", ExitCode.UNUSABLE) from error


def version_of(location: Location) -> str:
    """Size and time of change (or tag) of a file: what identifies its content without reading.

    Raises:
      UserError: It cannot be found.
    """
    with storage_faults(location):
        if not is_url(location):
            stat = Path(location).stat()
            return f"{stat.st_size} {stat.st_mtime_ns}"
        system, path = file_system(str(location))
        system.invalidate_cache(path)
        return remote_version(system.info(path))


def remote_version(info: dict[str, Any]) -> str:
    """The same from what fsspec tells of a file."""
    plain = {key.lower().replace("_", "").replace("-", ""): value for key, value in info.items()}
    tag = next((plain[key] for key in _VERSION_KEYS if plain.get(key)), "")
    return f"{info.get('size')} {tag}".replace("\n", " ").strip()


@contextmanager
def open_raw(location: Location, version: str = "") -> Iterator["CountedFile"]:
    """Opens a file as it lies, and refuses it at the end if it changed meanwhile.

    Args:
      location: The file.
      version: `version_of` it when it was listed; empty takes that of now.

    Raises:
      UserError: It cannot be opened or read (exit 74), or is not the file that was listed (77).
    """
    before = version or version_of(location)
    with storage_faults(location):
        raw = CountedFile(_open_plain(location), location)
    try:
        with raw:
            yield raw
    finally:
        # Also after damage: a file that is still being written looks truncated.
        if version_of(location) != before:
            raise UserError(
                f"{location}: its contents changed while they were read, so the text would be a "
                "mixture; start again when nobody writes to it",
                ExitCode.UNUSABLE,
            )


@contextmanager
def open_stream(
    location: Location, options: ReadOptions, version: str = ""
) -> Iterator[io.BufferedReader]:
    """Opens the decompressed content of a file.

    Raises:
      OSError: While reading, if the compression is damaged or grows beyond `max_expansion`.
      UserError: As `open_raw`.
    """
    suffix = Path(file_name(location)).suffix.lower()
    with open_raw(location, version) as raw:
        if suffix not in COMPRESSIONS:
            yield io.BufferedReader(raw, _BLOCK_BYTES)
            return
        stream = _Expanding(_decompress(raw, suffix), raw, options.max_expansion)
        yield io.BufferedReader(stream, _BLOCK_BYTES)


def _open_plain(location: Location) -> BinaryIO:
    if not is_url(location):
        return open(location, "rb", buffering=0)
    system, path = file_system(str(location))
    return cast(BinaryIO, system.open(path, "rb"))


def _decompress(raw: "CountedFile", suffix: str) -> Any:
    if suffix == ".xz":
        return lzma.open(cast(BinaryIO, raw), "rb")
    import pyarrow

    # Arrow refuses a truncated stream, which zstandard takes for a short one, and is faster
    # than the standard library's gzip.
    return pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, "r"), COMPRESSIONS[suffix])


class CountedFile(io.RawIOBase):
    """A file whose failures name it, and which counts what is read.

    Attributes:
      num_bytes: Bytes read so far.
    """

    def __init__(self, file: BinaryIO, location: Location) -> None:
        self._file = file
        self._location = location
        self.num_bytes = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with storage_faults(self._location):
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        with storage_faults(self._location):
            count = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self.num_bytes += count or 0
        return count or 0

    def close(self) -> None:
        self._file.close()
        super().close()


class _Expanding(io.RawIOBase):
    """Decompressed bytes, as long as their number stays within reason."""

    def __init__(self, file: Any, raw: CountedFile, max_expansion: int) -> None:
        self._file = file
        self._raw = raw
        self._max_expansion = max_expansion
        self._num_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = int(self._file.readinto(buffer))
        self._num_bytes += count
        limit = self._max_expansion * self._raw.num_bytes
        if self._num_bytes > max(_EXPANSION_FLOOR, limit):
            raise OSError(
                f"its {self._raw.num_bytes:,} bytes expand more than {self._max_expansion} times "
                "(max_expansion): a decompression bomb"
            )
        return count


@contextmanager
def storage_faults(location: Location) -> Iterator[None]:
    """Turns a failure of the storage, which is no fault of the content, into an error.

    Raises:
      UserError: Whatever fails below (exit 74).
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # each remote file system has exceptions of its own
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(
            f"{location}: cannot read the file: {reason or type(error).__name__}; check that it "
            "exists, that you may read it, and that its storage is reachable",
            ExitCode.STORAGE,
        ) from error
