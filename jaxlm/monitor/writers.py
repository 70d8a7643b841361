"""TensorBoard event files."""

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

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
        self._writer = SummaryWriter(os.fspath(directory), purge_step=purge_step)

    def write(self, record: Mapping[str, Any]) -> None:
        """Adds the scalars of one record of `metrics.jsonl`; numbers without a tag are left out."""
        for key, tag in _TAGS.items():
            if record.get(key) is not None:
                self._writer.add_scalar(tag, float(record[key]), int(record["step"]))

    def close(self) -> None:
        """Writes what is buffered and closes the file."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
