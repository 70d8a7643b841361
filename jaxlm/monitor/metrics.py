"""The metrics of a run: one JSON record a line, each step once, across restarts."""

import contextlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jaxlm.errors import ExitCode, UserError

Record = dict[str, Any]

# JSON has no spelling for these; strings keep every line valid for strict parsers.
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def training_record(
    *,
    step: int,
    loss: float,
    grad_norm: float,
    learning_rate: float,
    tokens: int,
    tokens_per_second: float,
    step_seconds: float,
    data_wait_seconds: float,
    sample_digest: str,
) -> Record:
    """One training step's record.

    Args:
      step: Number of the step, from 1.
      loss: Mean training loss of the step, in nats a token.
      grad_norm: Global gradient norm before clipping.
      learning_rate: Learning rate that the step used.
      tokens: Tokens trained on from the start of training to the end of this step.
      tokens_per_second: This step's tokens over `step_seconds`.
      step_seconds: Wall time of the step, waiting for data included, evaluation and saving not.
      data_wait_seconds: Part of `step_seconds` that was spent waiting for the batch.
      sample_digest: Digest of the sample ids of the step's global batch.
    """
    return {
        "step": int(step),
        "loss": float(loss),
        # Decimal digits may round; the hexadecimal form proves two curves equal bit for bit.
        "loss_hex": float(loss).hex(),
        "grad_norm": float(grad_norm),
        "learning_rate": float(learning_rate),
        "tokens": int(tokens),
        "tokens_per_second": float(tokens_per_second),
        "step_seconds": float(step_seconds),
        "data_wait_seconds": float(data_wait_seconds),
        "sample_digest": sample_digest,
    }


def validation_record(*, step: int, loss: float, bits_per_byte: float) -> Record:
    """One evaluation's record; `step` is 0 for the evaluation before the first step."""
    return {
        "step": int(step),
        "validation_loss": float(loss),
        "validation_bits_per_byte": float(bits_per_byte),
    }


def encode(record: Mapping[str, Any]) -> str:
    """One line of strict JSON; NaN and infinities become the strings NaN, Infinity, -Infinity."""
    return json.dumps({key: _plain(value) for key, value in record.items()}, allow_nan=False)


def read(path: str | os.PathLike[str]) -> list[Record]:
    """All records of a file of JSON lines; a torn last line, left by a kill, is passed over.

    Raises:
      UserError: a line before the last is not a JSON object.
    """
    lines = Path(path).read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, start=1):
        record = _decode(line)
        if record is not None:
            records.append(record)
        elif line.strip() and number < len(lines):
            raise UserError(
                f"{path}, line {number}: not a JSON object, so the file was damaged after it was"
                " written. Remove that line, or move the file away, and start again.",
                ExitCode.UNUSABLE,
            )
    return records


class MetricsLog:
    """Appends records to `metrics.jsonl`, so that a joined curve has each step once.

    Opening it for a run that resumes from step s removes the records of later steps, which the run
    will write again; the evaluation after step s stays. Only one process may hold the file open.
    """

    def __init__(self, path: str | os.PathLike[str], resume_step: int = 0) -> None:
        """Opens the file, after cutting off what lies beyond `resume_step`.

        Raises:
          UserError: the file is damaged, or cannot be written.
        """
        self._path = Path(path)
        kept = [record for record in self._existing() if record.get("step", 0) <= resume_step]
        self._validated = {record["step"] for record in kept if "validation_loss" in record}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _rewrite(self._path, kept)
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise _storage_error(self._path, error) from error

    def _existing(self) -> list[Record]:
        return read(self._path) if self._path.exists() else []

    def write(self, record: Mapping[str, Any]) -> None:
        """Appends one record and hands it to the operating system.

        Raises:
          UserError: the disk is full or gone.
        """
        try:
            self._file.write(encode(record) + "\n")
            self._file.flush()
        except OSError as error:
            # What is still buffered would fail again when the file is closed.
            with contextlib.suppress(OSError):
                self._file.close()
            raise _storage_error(self._path, error) from error
        if "validation_loss" in record:
            self._validated.add(int(record["step"]))

    def has_validation(self, step: int) -> bool:
        """Whether the evaluation after `step` is on record."""
        return step in self._validated

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _plain(value: Any) -> Any:
    """A value that strict JSON can hold; arrays of one element become numbers."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _decode(line: bytes) -> Record | None:
    """The record of a line, or none where the line is not a JSON object."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    return {
        key: _NON_FINITE.get(value, value) if isinstance(value, str) else value
        for key, value in record.items()
    }


def _rewrite(path: Path, records: Iterable[Record]) -> None:
    """Replaces the file in one step: a kill leaves the old records or the new ones."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.writelines(encode(record) + "\n" for record in records)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _storage_error(path: Path, error: OSError) -> UserError:
    return UserError(
        f"{path}: cannot write metrics: {error.strerror or error}. Free some space or mend the"
        " permissions, then start the same command again; it resumes from the last checkpoint.",
        ExitCode.STORAGE,
    )
