"""The token store: flat token files that are memory-mapped, document offsets and a manifest.

A store is a directory. Each source of each split has a file of tokens (all documents end to end)
and a file of int64 offsets (where each document starts, and the end); where the documents have ids,
these are two more such files, of UTF-8 bytes and offsets. `manifest.json` is written last and holds
the size and SHA-256 of every other file, the counts, and a digest of itself, so that a store is
either whole or refused.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from jaxlm.data.manifest import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST_FILE,
    content_digest,
    describe_files,
    find_damage,
    read_manifest,
    refusal,
    unreadable,
)
from jaxlm.errors import ExitCode, UserError

if TYPE_CHECKING:
    from jaxlm.tokenizers import Tokenizer

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
      id_bytes: [num_bytes] uint8, memory-mapped, the documents' ids end to end; none without ids.
      id_offsets: [num_documents + 1] int64, memory-mapped, where each id starts, and the end.
    """

    name: str
    weight: float
    tokens: np.ndarray
    offsets: np.ndarray
    id_bytes: np.ndarray | None = None
    id_offsets: np.ndarray | None = None

    def document(self, number: int) -> np.ndarray:
        """Tokens of one document."""
        return self.tokens[self.offsets[number] : self.offsets[number + 1]]

    def document_id(self, number: int) -> str | None:
        """Id of one document, where the store has ids."""
        if self.id_bytes is None or self.id_offsets is None:
            return None
        return (
            self.id_bytes[self.id_offsets[number] : self.id_offsets[number + 1]].tobytes().decode()
        )


class _RaggedWriter:
    """Writes arrays end to end into one file, and where each starts into another."""

    def __init__(self, stem: Path, values: str, offsets: str, dtype: np.dtype[Any]) -> None:
        self.values_path = stem.with_name(f"{stem.name}.{values}")
        self.offsets_path = stem.with_name(f"{stem.name}.{offsets}")
        self._dtype = dtype
        self._pending: list[np.ndarray] = []
        self._num_pending = 0
        self._ends: list[np.ndarray] = [np.zeros(1, OFFSET_DTYPE)]
        self.num_values = 0
        _write(self.values_path, b"", mode="wb")

    def append(self, values: np.ndarray, lengths: np.ndarray) -> None:
        """Appends arrays that lie end to end in `values`."""
        self._ends.append(self.num_values + np.cumsum(lengths))
        self.num_values += len(values)
        self._pending.append(values.astype(self._dtype, copy=False))
        self._num_pending += len(values)
        if self._num_pending >= FLUSH_TOKENS:
            self._flush()

    def close(self) -> None:
        """Writes what is pending and makes both files durable."""
        self._flush(durable=True)
        _write(self.offsets_path, np.concatenate(self._ends).data, mode="wb", durable=True)

    def _flush(self, durable: bool = False) -> None:
        # The file is opened for each flush, so that a preparation that fails leaves no open file.
        values = np.concatenate([np.empty(0, self._dtype), *self._pending])
        _write(self.values_path, values.data, mode="ab", durable=durable)
        self._pending.clear()
        self._num_pending = 0


class SourceWriter:
    """Appends documents to one source of a store; made by `StoreWriter.add_source`."""

    def __init__(self, directory: Path, stem: str, dtype: np.dtype[Any]) -> None:
        self._stem = directory / stem
        self._limit = int(np.iinfo(dtype).max)
        self._tokens = _RaggedWriter(self._stem, "tokens", "offsets", dtype)
        self._ids: _RaggedWriter | None = None
        self._num_documents = 0
        self._num_bytes = 0

    def append(
        self, documents: list[np.ndarray], num_bytes: list[int], ids: Sequence[str] | None = None
    ) -> None:
        """Appends documents in order.

        Args:
          documents: Token ids of each document, beginning and end marks included.
          num_bytes: UTF-8 bytes of the text that each document stands for.
          ids: Name of each document; for all documents of a source or for none.

        Raises:
          UserError: The disk is full or cannot be written (exit 74).
        """
        if len(documents) != len(num_bytes):
            raise ValueError(f"{len(documents)} documents but {len(num_bytes)} byte counts")
        if not documents:
            return
        if ids is not None:
            self._append_ids(ids, len(documents))
        elif self._ids is not None:
            raise ValueError("the documents before these have ids; each needs one")
        tokens = np.concatenate(documents)
        if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) <= self._limit:
            raise ValueError(f"token ids {tokens.min()} to {tokens.max()} exceed {self._limit}")
        lengths = np.fromiter(map(len, documents), OFFSET_DTYPE, len(documents))
        self._tokens.append(tokens, lengths)
        self._num_documents += len(documents)
        self._num_bytes += sum(num_bytes)

    def close(self) -> dict[str, Any]:
        """Makes the files durable and returns the manifest's entry."""
        self._tokens.close()
        entry: dict[str, Any] = {
            "tokens": self._tokens.values_path.name,
            "offsets": self._tokens.offsets_path.name,
            "num_documents": self._num_documents,
            "num_tokens": self._tokens.num_values,
            "num_bytes": self._num_bytes,
        }
        if self._ids is not None:
            self._ids.close()
            entry["ids"] = self._ids.values_path.name
            entry["id_offsets"] = self._ids.offsets_path.name
            entry["num_id_bytes"] = self._ids.num_values
        return entry

    def _append_ids(self, ids: Sequence[str], num_documents: int) -> None:
        if len(ids) != num_documents or (self._ids is None and self._num_documents):
            raise ValueError(f"{len(ids)} ids for {num_documents} documents; each needs one")
        if self._ids is None:
            self._ids = _RaggedWriter(self._stem, "ids", "id_offsets", np.dtype(np.uint8))
        # The name of a file need not be UTF-8; Python then has surrogates in its place.
        encoded = [name.encode("utf-8", "backslashreplace") for name in ids]
        lengths = np.fromiter(map(len, encoded), OFFSET_DTYPE, len(encoded))
        self._ids.append(np.frombuffer(b"".join(encoded), np.uint8), lengths)


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
            files = describe_files(self._directory)
        manifest = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "dtype": self._dtype_name,
            "splits": splits,
            "files": files,
            "extra": extra,
        }
        _write_manifest(self._directory, manifest | {"digest": content_digest(manifest)})


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
        manifest = read_manifest(directory)
        for damage in find_damage(directory, manifest["files"], with_hashes=verify == "hash"):
            raise refusal(*damage)
        return cls(directory, manifest)

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer that made the tokens."""
        return self.directory / TOKENIZER_FILE

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the tokenizer that made the tokens.

        Raises:
          UserError: The store does not say it or has no tokenizer, so that no run can begin with
            it (exit 77).
        """
        found = self.manifest["extra"].get("tokenizer")
        if not isinstance(found, dict) or "fingerprint" not in found:
            path = self.directory / MANIFEST_FILE
            raise refusal(path, "the fingerprint of a tokenizer", "none")
        if not self.tokenizer_path.is_file():
            raise refusal(self.tokenizer_path, "the tokenizer of the store", "no such file")
        return str(found["fingerprint"])

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
        tokens, offsets = self._ragged(
            entry["tokens"], dtype, entry["num_tokens"], entry["offsets"], entry["num_documents"]
        )
        id_bytes = id_offsets = None
        if "ids" in entry:
            id_bytes, id_offsets = self._ragged(
                entry["ids"],
                np.dtype(np.uint8),
                entry["num_id_bytes"],
                entry["id_offsets"],
                entry["num_documents"],
            )
        return Source(
            name=entry["name"],
            weight=entry["weight"],
            tokens=tokens,
            offsets=offsets,
            id_bytes=id_bytes,
            id_offsets=id_offsets,
        )

    def _ragged(
        self, name: str, dtype: np.dtype[Any], num_values: int, offsets_name: str, num_arrays: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Arrays end to end and where each starts, both memory-mapped."""
        values = _map(self.directory / name, dtype, num_values)
        path = self.directory / offsets_name
        offsets = _map(path, OFFSET_DTYPE, num_arrays + 1)
        if offsets[0] != 0 or offsets[-1] != num_values or np.any(offsets[1:] < offsets[:-1]):
            raise refusal(path, f"offsets that rise from 0 to {num_values}", "offsets out of order")
        return values, offsets


def _map(path: Path, dtype: np.dtype[Any], length: int) -> np.ndarray:
    """A read-only view of a file; an empty file cannot be mapped."""
    if length == 0:
        return np.empty(0, dtype)
    try:
        return np.asarray(np.memmap(path, dtype, mode="r", shape=(length,)))
    except (OSError, ValueError) as error:
        raise unreadable(path, f"{length} values of {dtype.name}", error) from error


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
