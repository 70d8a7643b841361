"""Results on disk that belong to the digest of all that decides them.

A stage is a directory of parts. Its name ends in the digest of its settings, of the versions of
the libraries that it uses and of the stages that it reads, so that a changed option makes another
directory and leaves alone what does not depend on it; a part is named by the digest of what it
alone is made of, so that files added to a source are new parts beside the old ones. A part exists
once its record does: the data is written under another name and renamed, the record follows.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jaxlm.errors import ExitCode, UserError

DIGITS = 16
_COMPRESSION = "zstd"
# Arrow writes a row group from memory: small ones keep a worker small.
_ROWS = 4096

Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of the shop.

    Attributes:
      name: What it does, in a word.
      digest: Hexadecimal SHA-256 of all that decides its content.
      root: Directory of all stages.
      keys: Name of each part, in order.
    """

    name: str
    digest: str
    root: Path
    keys: tuple[str, ...]

    @property
    def directory(self) -> Path:
        """Where its parts lie."""
        return self.root / f"{self.name}-{self.digest[:DIGITS]}"

    def path(self, part: int) -> Path:
        """The data of a part."""
        return self.directory / f"{self.keys[part]}.parquet"

    @property
    def num_parts(self) -> int:
        """Parts that it has when complete."""
        return len(self.keys)

    def paths(self) -> list[Path]:
        """The data of all parts, in order."""
        return [self.path(part) for part in range(self.num_parts)]

    def missing(self) -> list[int]:
        """The parts that are still to be made; a damaged one counts as missing."""
        return [part for part in range(self.num_parts) if not self._is_whole(part)]

    def record(self, part: int) -> Record:
        """What was counted while a part was made."""
        record: Record = json.loads(self._record_path(part).read_text("utf-8"))["record"]
        return record

    def records(self) -> list[Record]:
        """The records of all parts, in order."""
        return [self.record(part) for part in range(self.num_parts)]

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Reads the parts in order, whole."""
        for part in range(self.num_parts):
            yield self.table(part, columns)

    def table(self, part: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Reads a part, whole."""
        with self._damage(part):
            return pq.read_table(self.path(part), columns=columns)

    def batches(self, part: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Reads a part in small tables."""
        with self._damage(part):
            file = pq.ParquetFile(self.path(part))
        with file:
            for group in range(file.num_row_groups):
                with self._damage(part):
                    table = file.read_row_group(group, columns=columns)
                yield table

    @contextmanager
    def _damage(self, part: int) -> Iterator[None]:
        """Forgets a part that cannot be read, so that the next run makes it again."""
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            self._record_path(part).unlink(missing_ok=True)
            raise UserError(
                f"{self.path(part)} is damaged: {error}. Start again: it will be made anew",
                ExitCode.RESTART,
            ) from error

    @contextmanager
    def write(self, part: int, schema: pa.Schema, record: Record) -> Iterator["PartWriter"]:
        """Writes a part; it exists once the block has ended well.

        Args:
          part: Its number.
          schema: Columns.
          record: What is counted; may be filled until the block ends.
        """
        temporary = self.path(part).with_suffix(f".{os.getpid()}.tmp")
        with storage_faults(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            writer = pq.ParquetWriter(temporary, schema, compression=_COMPRESSION)
        try:
            with writer:
                yield PartWriter(writer, schema, self.directory)
            with storage_faults(self.directory):
                size = _durable(temporary)
                os.replace(temporary, self.path(part))
        finally:
            temporary.unlink(missing_ok=True)
        write_durably(self._record_path(part), json.dumps({"bytes": size, "record": record}))

    def _record_path(self, part: int) -> Path:
        return self.path(part).with_suffix(".json")

    def _is_whole(self, part: int) -> bool:
        try:
            size = json.loads(self._record_path(part).read_text("utf-8"))["bytes"]
            return bool(self.path(part).stat().st_size == size)
        except (OSError, ValueError, KeyError):
            return False


class PartWriter:
    """Appends tables to a part."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema, directory: Path) -> None:
        self._writer = writer
        self._schema = schema
        self._directory = directory

    def add(self, table: pa.Table) -> None:
        """Appends a table, whose columns are put into the schema's order."""
        columns = table.select(self._schema.names).cast(self._schema)
        with storage_faults(self._directory):
            self._writer.write_table(columns, row_group_size=_ROWS)


def digest(content: Any) -> str:
    """Hexadecimal SHA-256 of JSON content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def table_digest(table: pa.Table) -> str:
    """Hexadecimal SHA-256 of a table whose columns are numbers."""
    content = hashlib.sha256()
    for name in table.column_names:
        content.update(f"{name} {table.num_rows} ".encode())
        content.update(table[name].to_numpy().tobytes())
    return content.hexdigest()


def write_durably(path: Path, text: str) -> None:
    """Replaces a small file in one step."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with storage_faults(path.parent):
        temporary.write_text(text, "utf-8")
        _durable(temporary)
        os.replace(temporary, path)


def _durable(path: Path) -> int:
    """Waits until a file is on the disk; returns its size."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


@contextmanager
def storage_faults(directory: Path) -> Iterator[None]:
    """Turns a failed write into an error that names the place."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write {directory}: {error.strerror or error}. Free space or choose another "
            "out_dir, then start again; what is finished is kept",
            ExitCode.STORAGE,
        ) from error
