"""A run's log: device metrics become records, a progress line and TensorBoard scalars."""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxlm.config import TrainConfig
from jaxlm.data.stream import sample_digest
from jaxlm.errors import ExitCode, UserError
from jaxlm.monitor.metrics import MetricsLog, training_record, validation_record
from jaxlm.monitor.progress import Progress
from jaxlm.monitor.throughput import flops_per_token, mfu, peak_flops
from jaxlm.monitor.writers import TensorBoardWriter
from jaxlm.run_directory import RunDirectory

# Steps in a row without a finite loss and gradient after which a run stops.
MAX_SKIPPED = 3


class Pending(NamedTuple):
    """A dispatched step whose numbers are still on the device.

    Attributes:
      step: Number of the step, from 1.
      metrics: Scalars on the device.
      data_wait_seconds: How long the loop waited for the batch.
      sample_ids: int64 [batch], the samples that the loader delivered.
    """

    step: int
    metrics: Mapping[str, jax.Array]
    data_wait_seconds: float
    sample_ids: np.ndarray


def fetch(metrics: Mapping[str, jax.Array]) -> dict[str, float]:
    """Waits for a step and brings its metrics to the host; nothing else in the loop does."""
    return {name: float(value) for name, value in jax.device_get(dict(metrics)).items()}


class RunLog:
    """Writes what happens to the run's directory and to the screen."""

    def __init__(
        self,
        config: TrainConfig,
        directory: RunDirectory,
        progress: Progress,
        devices: list[jax.Device],
        dtype: str,
        data_digest: Callable[[int], str],
        start: int,
    ) -> None:
        """Opens the files.

        Args:
          config: The run.
          directory: Its directory.
          progress: The screen.
          devices: Devices of the mesh.
          dtype: Type that products are computed in.
          data_digest: Identity of the data of all samples before one.
          start: Steps that were taken before.
        """
        self._config = config
        self._directory = directory
        self._progress = progress
        self._num_devices = len(devices)
        self._peak_flops = peak_flops(devices[0].device_kind, dtype)
        self._flops_per_token = flops_per_token(config)
        self._data_digest = data_digest
        self._file = MetricsLog(directory.metrics, start)
        self._board = (
            TensorBoardWriter(directory.tensorboard, start) if config.monitor.tensorboard else None
        )
        self.has_validation = self._file.has_validation
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leaves what happened since the last step, a save or an evaluation, out of the next."""
        self._clock = time.perf_counter()

    def step(self, pending: Pending, last_saved: tuple[int, float] | None) -> None:
        """Fetches, checks and writes a step's metrics.

        Raises:
          UserError: The loss or the gradient was not finite too many times in a row.
        """
        values = fetch(pending.metrics)
        now = time.perf_counter()
        seconds, self._clock = now - self._clock, now
        self._check(pending.step, values)
        batch = self._config.batch
        record = training_record(
            step=pending.step,
            loss=values["loss"],
            grad_norm=values["grad_norm"],
            learning_rate=values["learning_rate"],
            tokens=pending.step * batch.size * batch.seq_len,
            tokens_per_second=batch.size * batch.seq_len / seconds,
            step_seconds=seconds,
            data_wait_seconds=pending.data_wait_seconds,
            sample_digest=sample_digest(
                pending.sample_ids,
                self._data_digest(pending.step * batch.size),
                self._config.seed,
            ),
        )
        share = mfu(
            record["tokens_per_second"], self._flops_per_token, self._peak_flops, self._num_devices
        )
        if share is not None:
            record["mfu"] = share
        self._write(record | self._extra_terms(values))
        self._progress.update(pending.step, record, last_saved)

    def validation(self, step: int, loss: float, bits_per_byte: float, seconds: float) -> None:
        """Writes an evaluation."""
        record = validation_record(step=step, loss=loss, bits_per_byte=bits_per_byte)
        self._write(record)
        self._directory.event("evaluation", step=step, seconds=seconds)
        self._progress.note(
            f"step {step}: validation loss {loss:.4f}, bits per byte {bits_per_byte:.4f}"
        )

    def close(self) -> None:
        """Closes the files."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._file.close)
            if self._board is not None:
                stack.callback(self._board.close)

    def _extra_terms(self, values: dict[str, float]) -> dict[str, float]:
        """Terms of the loss besides the only one, under their own names."""
        terms = self._config.objective.weights()
        return {name: values[name] for name in terms} if len(terms) > 1 else {}

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(record)
        if self._board is not None:
            self._board.write(record)

    def _check(self, step: int, values: dict[str, float]) -> None:
        skipped = int(values["skipped"])
        if not skipped:
            return
        what = f"loss {values['loss']}, gradient norm {values['grad_norm']}"
        self._directory.event("skipped", step=step)
        self._progress.note(f"step {step}: {what}: not finite, update dropped")
        if skipped >= MAX_SKIPPED:
            raise UserError(
                f"{skipped} steps in a row, the last of them {step}, had no finite loss and "
                f"gradient ({what}); parameters are as before them. Lower optim.peak_lr, lengthen "
                "optim.warmup_steps or lower optim.clip_norm, and look at the data of these steps",
                ExitCode.NUMERIC,
            )
