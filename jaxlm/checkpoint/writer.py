"""Saving checkpoints while training goes on."""

import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import jax
from jax.experimental import multihost_utils

from jaxlm.checkpoint import commit, tree
from jaxlm.checkpoint.arrays import ArrayWriter
from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.checkpoint.manifest import write_manifest
from jaxlm.checkpoint.retention import apply_retention
from jaxlm.checkpoint.steps import ARRAYS, MANIFEST, METADATA, TEMPORARY, list_steps, step_name
from jaxlm.checkpoint.storage_errors import no_space, retention_error, storage_error
from jaxlm.errors import UserError

_OVERHEAD_BYTES = 1 << 20  # metadata, indices and directories beside the arrays


class Writer:
    """Saves training states in the background; a step exists once its manifest is committed.

    All processes of a run call it alike. Orbax writes every process's arrays; process 0 hashes and
    commits them.

    Attributes:
      last_saved: The last committed step and its Unix time in seconds, or none; kept on process 0.
    """

    def __init__(self, directory: Path | str, config: CheckpointConfig) -> None:
        """Sets the writer up; the run's lock must be held and the directory prepared."""
        self.last_saved = _last_saved(Path(directory))
        self._directory = Path(directory).absolute()
        self._config = config
        self._arrays = ArrayWriter()
        self._thread: threading.Thread | None = None
        self._error: UserError | None = None
        self._is_primary = jax.process_index() == 0

    def save(self, step: int, state: Any, metadata: dict[str, Any]) -> None:
        """Starts saving a state; blocks only while it is copied off the device.

        When it returns, the state's buffers may be donated. If the save before is not finished, it
        is waited for.

        Args:
          step: The training step, the checkpoint's name. An older checkpoint of that step is
            replaced.
          state: Pytree of `jax.Array`s, sharded or not, and NumPy values.
          metadata: Saved as JSON beside the arrays; must not use the names `step` and `tree`.

        Raises:
          UserError: This save or the one before failed (exit code 74); older checkpoints are
            intact.
        """
        assert metadata.keys().isdisjoint({"step", "tree"})
        self.wait()
        flat = tree.flatten(state)
        temporary = self._directory / f"{TEMPORARY}{step_name(step)}"
        try:
            if self._is_primary:
                self._check_space(tree.num_bytes(flat))
                commit.begin(temporary)
                document = {**metadata, "step": step, "tree": tree.describe(flat)}
                (temporary / METADATA).write_text(json.dumps(document, indent=1) + "\n")
            self._arrays.start(temporary / ARRAYS, flat)
        except Exception as error:
            shutil.rmtree(temporary, ignore_errors=True)
            if not isinstance(error, OSError):
                raise
            raise storage_error(self._directory, step, error) from error
        self._thread = threading.Thread(
            target=self._finish, args=(step, temporary), name=f"checkpoint-{step}"
        )
        self._thread.start()

    def check(self) -> None:
        """Raises the error of a failed background save, if there is one; never blocks."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def wait(self) -> None:
        """Waits until the last save is committed, on all processes.

        Raises:
          UserError: It failed (exit code 74).
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            if jax.process_count() > 1:
                multihost_utils.sync_global_devices("checkpoint committed")
        self.check()

    def close(self) -> None:
        """Waits for the last save and ends the background threads; raises as `wait` does."""
        try:
            self.wait()
        finally:
            self._arrays.close()

    def _finish(self, step: int, temporary: Path) -> None:
        try:
            self._arrays.wait()
            if self._is_primary:
                self._commit(step, temporary)
        except Exception as error:
            if not isinstance(error, UserError):
                error = storage_error(self._directory, step, error)
            self._error = error
            shutil.rmtree(temporary, ignore_errors=True)

    def _commit(self, step: int, temporary: Path) -> None:
        write_manifest(step, temporary)
        commit.commit(temporary, self._directory / step_name(step))
        self.last_saved = (step, time.time())
        try:
            apply_retention(self._directory, self._config, verified_step=step)
        except OSError as error:
            raise retention_error(self._directory, step, error) from error

    def _check_space(self, num_bytes: int) -> None:
        needed = num_bytes + _OVERHEAD_BYTES
        free = shutil.disk_usage(self._directory).free
        if free < needed:
            raise no_space(needed, free)


def _last_saved(directory: Path) -> tuple[int, float] | None:
    """Newest step of earlier runs and its time."""
    infos = list_steps(directory)
    return (infos[-1].step, (infos[-1].path / MANIFEST).stat().st_mtime) if infos else None
