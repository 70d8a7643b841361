"""The token store: flat token files that are memory-mapped, document offsets and a manifest.

A store is a directory. Each source of each split has a file of tokens (all documents end to end)
and a file of int64 offsets (where each document starts, and the end). `manifest.json` is written
last and holds the size and SHA-256 of every other file, the counts, and a digest of itself, so that
a store is either whole or refused.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from jaxlm.errors import ExitCode, UserError

if TYPE_CHECKING:
    from jaxlm.tokenizers import Tokenizer

FORMAT = "jaxlm token store"
FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
TOKENIZER_FILE = "tokenizer.model"
OFFSET_DTYPE: np.dtype[Any] = np.dtype("<i8")
DTYPES: dict[str, np.dtype[Any]] = {"uint16": np.dtype("<u2"), "uint32": np.dtype("<u4")}
FLUSH_TOKENS = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source of one split.

    Attributes:
      name: Name of the source.
      weight: Share of the split's samples, relative to the other sources.
      tokens: [num_tokens] uint16 or uint32, memory-mapped, documents end to end.
      offsets: [num_documents + 1] int64, memory-mapped; document d is
        `tokens[offsets[d]:offsets[d + 1]]`.
    """

    name: str
    weight: float
    tokens: np.ndarray
    offsets: np.ndarray


class SourceWriter:
    """Appends documents to one source of a store; made by `StoreWriter.add_source`."""

    def __init__(self, directory: Path, stem: str, dtype: np.dtype[Any]) -> None:
        self._tokens_path = directory / f"{stem}.tokens"
        self._offsets_path = directory / f"{stem}.offsets"
        self._dtype = dtype
        self._pending: list[np.ndarray] = []
        self._pending_tokens = 0
        self._ends: list[np.ndarray] = [np.zeros(1, OFFSET_DTYPE)]
        self._num_tokens = 0
        self._num_bytes = 0
        _write(self._tokens_path, b"", mode="wb")

    def append(self, documents: list[np.ndarray], num_bytes: list[int]) -> None:
        """Appends documents in order.

        Args:
          documents: Token ids of each document, beginning and end marks included.
          num_bytes: UTF-8 bytes of the text that each document stands for.

        Raises:
          UserError: The disk is full or cannot be written (exit 74).
        """
        if len(documents) != len(num_bytes):
            raise ValueError(f"{len(documents)} documents but {len(num_bytes)} byte counts")
        if not documents:
            return
        tokens = np.concatenate(documents)
        limit = np.iinfo(self._dtype).max
        if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) <= limit:
            raise ValueError(f"token ids {tokens.min()} to {tokens.max()} exceed {self._dtype}")
        lengths = np.fromiter(map(len, documents), OFFSET_DTYPE, len(documents))
        self._ends.append(self._num_tokens + np.cumsum(lengths))
        self._num_tokens += len(tokens)
        self._num_bytes += sum(num_bytes)
        self._pending.append(tokens.astype(self._dtype, copy=False))
        self._pending_tokens += len(tokens)
        if self._pending_tokens >= FLUSH_TOKENS:
            self._flush()

    def close(self) -> dict[str, Any]:
        """Writes what is pending, makes both files durable and returns the manifest's entry."""
        self._flush(durable=True)
        offsets = np.concatenate(self._ends)
        _write(self._offsets_path, offsets.data, mode="wb", durable=True)
        return {
            "tokens": self._tokens_path.name,
            "offsets": self._offsets_path.name,
            "num_documents": len(offsets) - 1,
            "num_tokens": self._num_tokens,
            "num_bytes": self._num_bytes,
        }

    def _flush(self, durable: bool = False) -> None:
        # The file is opened for each flush, so that a preparation that fails leaves no open file.
        tokens = np.concatenate([np.empty(0, self._dtype), *self._pending])
        _write(self._tokens_path, tokens.data, mode="ab", durable=durable)
        self._pending.clear()
        self._pending_tokens = 0


class StoreWriter:
    """Writes a store into an existing directory; it is no store until `finish` returns."""

    def __init__(self, directory: Path, dtype: str | np.dtype | type) -> None:
        """Starts a store.

        Args:
          directory: An existing directory; other files in it become part of the store.
          dtype: Type of a token id, uint16 or uint32.
        """
        self._directory = Path(directory)
        self._dtype_name = np.dtype(dtype).name
        self._dtype = DTYPES[self._dtype_name]
        self._sources: dict[str, list[tuple[str, float, SourceWriter]]] = {}

    def add_source(self, split: str, name: str, weight: float) -> SourceWriter:
        """Adds a source to a split; the order of these calls is the order of the sources."""
        sources = self._sources.setdefault(split, [])
        # Files are numbered because a source's name may hold any character.
        writer = SourceWriter(self._directory, f"{split}.{len(sources)}", self._dtype)
        sources.append((name, float(weight), writer))
        return writer

    def finish(self, extra: dict[str, Any]) -> None:
        """Hashes every file of the directory and writes the manifest last.

        Args:
          extra: JSON values to record: tokenizer fingerprint, settings, library versions.
        """
        splits = {
            split: [{"name": name, "weight": w, **writer.close()} for name, w, writer in sources]
            for split, sources in self._sources.items()
        }
        with _storage_faults(self._directory):
            files = _describe_files(self._directory)
        manifest = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "dtype": self._dtype_name,
            "splits": splits,
            "files": files,
            "extra": extra,
        }
        _write_manifest(self._directory, manifest | {"digest": _digest(manifest)})


class TokenStore:
    """A verified store, opened for reading; tokens stay on disk until they are read.

    Attributes:
      directory: Where the store is.
      manifest: The manifest.
      digest: SHA-256 of the manifest's content, which holds the SHA-256 of every file: the
        identity of the data.
    """

    def __init__(self, directory: Path, manifest: dict[str, Any]) -> None:
        self.directory = directory
        self.manifest = manifest
        self.digest: str = manifest["digest"]

    @classmethod
    def open(cls, directory: str | Path, verify: Literal["size", "hash"] = "hash") -> Self:
        """Opens a store after verifying it.

        Args:
          directory: The store.
          verify: `size` checks that every file is there with its size and that the offsets are
            in order; `hash` also reads every file and checks its SHA-256.

        Raises:
          UserError: The store is missing, incomplete, of another version or damaged (exit 77).
        """
        directory = Path(directory)
        manifest = _read_manifest(directory)
        _check_files(directory, manifest["files"], with_hashes=verify == "hash")
        return cls(directory, manifest)

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer that made the tokens."""
        return self.directory / TOKENIZER_FILE

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """The tokenizer that made the tokens, loaded on first use."""
        from jaxlm import tokenizers

        return tokenizers.load(self.tokenizer_path)

    def split(self, name: str) -> tuple[Source, ...]:
        """The sources of a split, memory-mapped, in the order of the manifest.

        Raises:
          UserError: The store has no such split, or its offsets are damaged (exit 77).
        """
        splits = self.manifest["splits"]
        if name not in splits:
            raise UserError(
                f"token store {self.directory} has no split {name!r}, only {sorted(splits)}",
                ExitCode.UNUSABLE,
            )
        return tuple(self._source(entry) for entry in splits[name])

    def _source(self, entry: dict[str, Any]) -> Source:
        dtype = DTYPES[self.manifest["dtype"]]
        tokens = _map(self.directory / entry["tokens"], dtype, entry["num_tokens"])
        path = self.directory / entry["offsets"]
        offsets = _map(path, OFFSET_DTYPE, entry["num_documents"] + 1)
        if offsets[0] != 0 or offsets[-1] != len(tokens) or np.any(offsets[1:] < offsets[:-1]):
            raise _damaged(
                path, f"offsets that rise from 0 to {len(tokens)}", "offsets out of order"
            )
        return Source(name=entry["name"], weight=entry["weight"], tokens=tokens, offsets=offsets)


def _map(path: Path, dtype: np.dtype[Any], length: int) -> np.ndarray:
    """A read-only view of a file; an empty file cannot be mapped."""
    if length == 0:
        return np.empty(0, dtype)
    try:
        return np.asarray(np.memmap(path, dtype, mode="r", shape=(length,)))
    except (OSError, ValueError) as error:
        raise _damaged(path, f"{length} values of {dtype.name}", str(error)) from error


def _read_manifest(directory: Path) -> dict[str, Any]:
    path = directory / MANIFEST_FILE
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        found = "no such file" if directory.is_dir() else "no such directory"
        raise _damaged(path, "the manifest of a complete token store", found) from error
    except OSError as error:
        raise _damaged(path, "a readable manifest", str(error)) from error
    except ValueError as error:
        raise _damaged(path, "a manifest in JSON", str(error)) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _damaged(path, f'"format": "{FORMAT}"', "another or no format")
    if manifest.get("version") != FORMAT_VERSION:
        raise _damaged(path, f"format version {FORMAT_VERSION}", str(manifest.get("version")))
    digest = _digest({key: value for key, value in manifest.items() if key != "digest"})
    if manifest.get("digest") != digest:
        raise _damaged(path, f"content of digest {manifest.get('digest')}", f"digest {digest}")
    return manifest


def _check_files(directory: Path, files: dict[str, Any], with_hashes: bool) -> None:
    """Raises for the first file that is missing, of another size or (if asked) another hash."""
    for name, entry in files.items():
        path = directory / name
        if not path.is_file():
            raise _damaged(path, f"a file of {entry['size']} bytes", "no such file")
        if (size := path.stat().st_size) != entry["size"]:
            raise _damaged(path, f"{entry['size']} bytes", f"{size} bytes")
    if not with_hashes:
        return
    paths = [directory / name for name in files]
    for path, entry, found in zip(paths, files.values(), _hash_files(paths), strict=True):
        if found != entry["sha256"]:
            raise _damaged(path, f"SHA-256 {entry['sha256']}", f"SHA-256 {found}")


def _damaged(path: Path, expected: str, found: str) -> UserError:
    return UserError(
        f"token store cannot be used: {path}: expected {expected}, found {found}. "
        f"Restore the file from a copy, or delete {path.parent} and prepare the data again",
        ExitCode.UNUSABLE,
    )


def _describe_files(directory: Path) -> dict[str, Any]:
    """Size and SHA-256 of every file below a directory, the manifest aside."""
    paths = sorted(p for p in directory.rglob("*") if p.is_file() and p.name != MANIFEST_FILE)
    return {
        path.relative_to(directory).as_posix(): {"size": path.stat().st_size, "sha256": sha256}
        for path, sha256 in zip(paths, _hash_files(paths), strict=True)
    }


def _hash_files(paths: list[Path]) -> Iterator[str]:
    """SHA-256 of each file, in order; hashing releases the interpreter, so threads help."""
    with ThreadPoolExecutor() as pool:
        yield from pool.map(_hash_file, paths)


def _hash_file(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _damaged(path, "a readable file", str(error)) from error


def _digest(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _write_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    """Writes the manifest under its name only when it is whole and on disk."""
    temporary = directory / f"{MANIFEST_FILE}.tmp"
    content = json.dumps(manifest, indent=1, sort_keys=True).encode()
    _write(temporary, content, mode="wb", durable=True)
    with _storage_faults(directory):
        os.replace(temporary, directory / MANIFEST_FILE)
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write(
    path: Path, data: bytes | memoryview, *, mode: Literal["wb", "ab"], durable: bool = False
) -> None:
    with _storage_faults(path), open(path, mode) as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def _storage_faults(path: Path) -> Iterator[None]:
    """Turns a failed write into an error that names the path."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write the token store at {path}: {error}. "
            "Free space or choose another data.store_dir, then start again",
            ExitCode.STORAGE,
        ) from error
