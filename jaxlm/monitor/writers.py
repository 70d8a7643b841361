"""TensorBoard event files."""

import contextlib
import os
import time
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


# Seconds between flushes, each of which waits for the disk.
_FLUSH_SECONDS = 30.0


class TensorBoardWriter:
    """Writes the numbers of `metrics.jsonl` as TensorBoard scalars.

    Not through `tensorboardX.SummaryWriter`: its thread dies on a full disk, and its queue then
    blocks the caller for ever.
    """

    def __init__(self, directory: str | os.PathLike[str], resume_step: int = 0) -> None:
        """Opens a new event file; TensorBoard hides older events of steps beyond `resume_step`.

        Raises:
          UserError: The file cannot be written.
        """
        # Here, because a run without TensorBoard need not wait for protobuf to load.
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog
        from tensorboardX.proto.summary_pb2 import Summary

        self._event, self._summary = Event, Summary
        self._directory = os.fspath(directory)
        self._flushed = time.monotonic()
        with self._storage_faults():
            os.makedirs(self._directory, exist_ok=True)
            self._events = EventsWriter(os.path.join(self._directory, "events"))
        if resume_step:
            self._add(step=resume_step + 1, session_log=SessionLog(status=SessionLog.START))

    def write(self, record: Mapping[str, Any]) -> None:
        """Adds the scalars of one record of `metrics.jsonl`; numbers without a tag are left out.

        Raises:
          UserError: The disk is full or gone.
        """
        values = [
            self._summary.Value(tag=tag, simple_value=float(record[key]))
            for key, tag in _TAGS.items()
            if record.get(key) is not None
        ]
        self._add(step=int(record["step"]), summary=self._summary(value=values))
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self._flushed = time.monotonic()
            with self._storage_faults():
                self._events.flush()

    def close(self) -> None:
        """Writes what is buffered and closes the file.

        Raises:
          UserError: The disk is full or gone.
        """
        with self._storage_faults():
            self._events.close()

    def _add(self, **content: Any) -> None:
        with self._storage_faults():
            self._events.write_event(self._event(wall_time=time.time(), **content))

    @contextlib.contextmanager
    def _storage_faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"{self._directory}: cannot write TensorBoard events: {error.strerror or error}. "
                "Free some space, or set monitor.tensorboard=false, then start the same command "
                "again",
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
