"""TensorBoard event files."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from jaxlm.errors import ExitCode, UserError

# TensorBoard groups scalars by what precedes the slash.
_TAGS = {
    "loss": "train/loss",
    "grad_norm": "train/grad_norm",
    "learning_rate": "train/learning_rate",
    "tokens": "train/tokens",
    "tokens_per_second": "speed/tokens_per_second",
    "step_seconds": "speed/step_seconds",
    "data_wait_seconds": "speed/data_wait_seconds",
    "mfu": "speed/mfu",
    "validation_loss": "validation/loss",
    "validation_bits_per_byte": "validation/bits_per_byte",
}


class TensorBoardWriter:
    """Writes the numbers of `metrics.jsonl` as TensorBoard scalars."""

    def __init__(self, directory: str | os.PathLike[str], resume_step: int = 0) -> None:
        """Opens a new event file; TensorBoard hides older events of steps beyond `resume_step`."""
        # Here, because a run without TensorBoard need not wait for protobuf to load.
        from tensorboardX import SummaryWriter

        purge_step = resume_step + 1 if resume_step else None
        self._directory = directory
        with self._storage_faults():
            self._writer = SummaryWriter(os.fspath(directory), purge_step=purge_step)

    def write(self, record: Mapping[str, Any]) -> None:
        """Adds the scalars of one record of `metrics.jsonl`; numbers without a tag are left out."""
        with self._storage_faults():
            for key, tag in _TAGS.items():
                if record.get(key) is not None:
                    self._writer.add_scalar(tag, float(record[key]), int(record["step"]))

    def close(self) -> None:
        """Writes what is buffered and closes the file."""
        with self._storage_faults():
            self._writer.close()

    @contextlib.contextmanager
    def _storage_faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"{self._directory}: cannot write TensorBoard events: {error.strerror or error}. "
                "Free some space, or set monitor.tensorboard=false",
                ExitCode.STORAGE,
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
