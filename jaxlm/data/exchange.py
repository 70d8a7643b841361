"""Token stores in the formats of others: Parquet and ArrayRecord, out and in.

The result is a folder: a file of documents for each source of each split, the tokenizer and other
files of the store, and `store.json`, which says what the files are. A row of Parquet has the
columns `tokens` (list of integers) and, where the store has ids, `id`. A record of an ArrayRecord
is the tokens of a document as little-endian integers of the type of the store; ids then stand in a
second file. A store that is brought back has the digest that it had.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jaxlm.data.staging import staged_directory
from jaxlm.data.store import DTYPES, Source, SourceWriter, StoreWriter, TokenStore
from jaxlm.errors import ExitCode, UserError

DESCRIPTION_FILE = "store.json"
FORMAT = "jaxlm exchange"
_BATCH_DOCUMENTS = 4096


Documents = tuple[list[np.ndarray], list[str] | None]
"""Tokens of some documents, and their ids where they have any."""


class DocumentFormat(Protocol):
    """Writes and reads the documents of one source in a file format."""

    def write(self, path: Path, source: Source) -> None:
        """Writes all documents of a source."""

    def read(self, path: Path, dtype: np.dtype[Any], has_ids: bool) -> Iterator[Documents]:
        """Reads documents in order."""


@dataclass(frozen=True)
class Parquet:
    """Columns `tokens` and, where there are ids, `id`."""

    def write(self, path: Path, source: Source) -> None:
        tokens = pa.list_(pa.from_numpy_dtype(source.tokens.dtype))
        fields = [("tokens", tokens)] + ([("id", pa.string())] if _has_ids(source) else [])
        with pq.ParquetWriter(path, pa.schema(fields), compression="zstd") as writer:
            for numbers in _batches(source):
                columns: list[Any] = [[source.document(n) for n in numbers]]
                if _has_ids(source):
                    columns.append([source.document_id(n) for n in numbers])
                writer.write_table(pa.table(columns, pa.schema(fields)))

    def read(self, path: Path, dtype: np.dtype[Any], has_ids: bool) -> Iterator[Documents]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH_DOCUMENTS):
                tokens = batch.column("tokens")
                values = tokens.flatten().to_numpy().astype(dtype, copy=False)
                ends = np.cumsum(pc.list_value_length(tokens).to_numpy())
                ids = batch.column("id").to_pylist() if has_ids else None
                yield np.split(values, ends[:-1]) if len(ends) else [], ids


@dataclass(frozen=True)
class ArrayRecord:
    """A record a document; the ids, where there are any, in a second file."""

    def write(self, path: Path, source: Source) -> None:
        _write_records(path, (source.document(n).tobytes() for n in _numbers(source)))
        if _has_ids(source):
            ids = ((source.document_id(n) or "").encode() for n in _numbers(source))
            _write_records(_ids_path(path), ids)

    def read(self, path: Path, dtype: np.dtype[Any], has_ids: bool) -> Iterator[Documents]:
        ids = _read_records(_ids_path(path)) if has_ids else None
        for records in _read_records(path):
            names = [name.decode() for name in next(ids)] if ids is not None else None
            yield [np.frombuffer(record, dtype) for record in records], names


FORMATS: dict[str, DocumentFormat] = {"parquet": Parquet(), "array_record": ArrayRecord()}


def export_store(directory: Path, target: Path, kind: str) -> None:
    """Writes a store's documents in another format.

    Args:
      directory: The store.
      target: Folder to make.
      kind: `parquet` or `array_record`.

    Raises:
      UserError: The store is damaged, the folder is there already, or a package is missing.
    """
    store = TokenStore.open(directory)
    _refuse_existing(target)
    own: set[str] = set()
    with staged_directory(target) as folder:
        splits: dict[str, list[dict[str, Any]]] = {}
        for split, entries in store.manifest["splits"].items():
            for entry, source in zip(entries, store.split(split), strict=True):
                name = f"{split}.{len(splits.setdefault(split, []))}.{kind}"
                FORMATS[kind].write(folder / name, source)
                kept = {key: entry[key] for key in ("name", "weight", "num_bytes")}
                splits[split].append({**kept, "file": name, "has_ids": _has_ids(source)})
                own |= {
                    str(entry[key])
                    for key in ("tokens", "offsets", "ids", "id_offsets")
                    if key in entry
                }
        others = [name for name in store.manifest["files"] if name not in own]
        _copy(store.directory, folder, others)
        description = {
            "format": FORMAT,
            "kind": kind,
            "digest": store.digest,
            "dtype": store.manifest["dtype"],
            "splits": splits,
            "files": others,
            "extra": store.manifest["extra"],
        }
        (folder / DESCRIPTION_FILE).write_text(json.dumps(description, indent=1), "utf-8")


def import_store(folder: Path, target: Path) -> TokenStore:
    """Makes a token store of a folder that `export_store` wrote.

    Args:
      folder: The folder.
      target: Directory of the store to make.

    Raises:
      UserError: The folder is incomplete or names files outside it, its documents are not those
        that were exported, or the store is there already.
    """
    description = _read_description(folder)
    _check_description(folder, description)
    _refuse_existing(target)
    dtype = DTYPES[description["dtype"]]
    with staged_directory(target) as directory:
        _copy(folder, directory, description["files"])
        writer = StoreWriter(directory, dtype)
        for split, entries in description["splits"].items():
            for entry in entries:
                source = writer.add_source(split, entry["name"], entry["weight"])
                path = folder / entry["file"]
                documents = _read_documents(path, description["kind"], dtype, entry["has_ids"])
                _append(source, documents, entry["num_bytes"])
        writer.finish(description["extra"])
        if TokenStore.open(directory, verify="size").digest != description["digest"]:
            raise UserError(
                f"{folder}: the documents are not those that were exported from store "
                f"{description['digest'][:12]}; export it again",
                ExitCode.UNUSABLE,
            )
    return TokenStore.open(target, verify="size")


def _append(writer: SourceWriter, batches: Iterable[Documents], num_bytes: int) -> None:
    """Appends documents; only the sum of their bytes is known, which the first one gets."""
    for documents, ids in batches:
        sizes = [num_bytes] + [0] * (len(documents) - 1)
        writer.append(documents, sizes[: len(documents)], ids)
        num_bytes = 0


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION_FILE
    try:
        description = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); give a folder that `python -m jaxlm.data export` "
            "made. Text in Parquet is read by data.path",
            ExitCode.UNUSABLE,
        ) from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise UserError(f"{path} does not say format {FORMAT!r}", ExitCode.UNUSABLE)
    return description


def _check_description(folder: Path, description: dict[str, Any]) -> None:
    """Refuses a description that lacks something or names what is not in the folder."""
    try:
        if description["kind"] not in FORMATS or description["dtype"] not in DTYPES:
            raise ValueError(f"kind {description['kind']!r}, dtype {description['dtype']!r}")
        if not isinstance(description["digest"], str):
            raise ValueError(f"digest {description['digest']!r}")
        dict(description["extra"])
        names = list(description["files"])
        for split, entries in description["splits"].items():
            # A split's name begins those of its files.
            _check_inside(split)
            for entry in entries:
                str(entry["name"]), float(entry["weight"]), int(entry["num_bytes"])
                if not isinstance(entry["has_ids"], bool):
                    raise ValueError(f"has_ids {entry['has_ids']!r}")
                names.append(entry["file"])
        for name in names:
            _check_inside(name)
            if not (folder / name).is_file():
                raise ValueError(f"there is no file {name!r}")
    except KeyError as error:
        raise _unusable(folder / DESCRIPTION_FILE, f"has no {error}") from None
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise _unusable(folder / DESCRIPTION_FILE, f"cannot be followed ({error})") from None


def _check_inside(name: Any) -> None:
    """Refuses a name that leads out of the folder that it is put below."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name!r} is not a place in the folder")


def _read_documents(
    path: Path, kind: str, dtype: np.dtype[Any], has_ids: bool
) -> Iterator[Documents]:
    """Reads the documents of a source; what cannot be read is the folder's fault."""
    try:
        for documents, ids in FORMATS[kind].read(path, dtype, has_ids):
            if ids is not None and None in ids:
                raise ValueError("a document has no id")
            yield documents, ids
    # Columns of other names and types fail in the first five ways, ArrayRecord in the last.
    except (
        pa.ArrowException,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OSError,
        RuntimeError,
    ) as error:
        raise _unusable(path, f"cannot be read ({error})") from error


def _unusable(path: Path, why: str) -> UserError:
    return UserError(f"{path} {why}; export the store again", ExitCode.UNUSABLE)


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise UserError(f"{target} exists; give another name, or delete it first")


def _copy(source: Path, target: Path, names: Iterable[str]) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def _has_ids(source: Source) -> bool:
    return source.id_offsets is not None


def _numbers(source: Source) -> range:
    return range(len(source.offsets) - 1)


def _batches(source: Source) -> Iterator[range]:
    numbers = _numbers(source)
    for first in range(0, len(numbers), _BATCH_DOCUMENTS):
        yield numbers[first : first + _BATCH_DOCUMENTS]


def _ids_path(path: Path) -> Path:
    return path.with_suffix(f".ids{path.suffix}")


def _write_records(path: Path, records: Iterable[bytes]) -> None:
    # One record a group, which is what random access reads fastest.
    writer = _array_record().ArrayRecordWriter(str(path), "group_size:1")
    try:
        for record in records:
            writer.write(record)
    finally:
        writer.close()


def _read_records(path: Path) -> Iterator[list[bytes]]:
    reader = _array_record().ArrayRecordReader(str(path))
    try:
        for first in range(0, reader.num_records(), _BATCH_DOCUMENTS):
            yield reader.read(first, min(first + _BATCH_DOCUMENTS, reader.num_records()))
    finally:
        reader.close()


def _array_record() -> Any:
    try:
        from array_record.python import array_record_module
    except ImportError:
        raise UserError(
            "ArrayRecord needs the package array_record, which grain brings on Linux; "
            "pip install array_record, or use Parquet",
            ExitCode.UNUSABLE,
        ) from None
    return array_record_module
