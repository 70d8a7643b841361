"""Making a written step exist, atomically, and tidying up after writers that died."""

import os
import shutil
from pathlib import Path

from jaxlm.checkpoint.steps import SUPERSEDED, TEMPORARY, TRASH
from jaxlm.errors import ExitCode, UserError


def prepare_directory(directory: Path | str) -> None:
    """Creates the directory, proves that it can be written, and removes what dead writers left.

    The caller must hold the run's lock: a live writer's temporary data would be removed too.

    Raises:
      UserError: The directory cannot be created or written (exit code 74).
    """
    directory = Path(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _probe(directory)
        _restore_superseded(directory)
        for prefix in (TEMPORARY, SUPERSEDED, TRASH):
            for left_over in directory.glob(f"{prefix}*"):
                shutil.rmtree(left_over)
    except OSError as error:
        raise UserError(
            f"checkpoint directory {directory} cannot be used: {error.strerror or error}. "
            "Choose a run directory on a disk that you can write to.",
            ExitCode.STORAGE,
        ) from error


def begin(temporary: Path) -> None:
    """Makes an empty directory to write a step into; what a failed save left there goes first."""
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()


def commit(temporary: Path, final: Path) -> None:
    """Moves a complete step, manifest included, to its final name; power may fail at any point."""
    _sync_tree(temporary)
    superseded = final.with_name(f"{SUPERSEDED}{final.name}")
    if final.exists():  # after a roll-back, a step is reached for the second time
        os.rename(final, superseded)
    os.rename(temporary, final)
    _sync(final.parent)
    shutil.rmtree(superseded, ignore_errors=True)


def delete(step_directory: Path) -> None:
    """Deletes a step; renaming first makes it vanish at once, so no reader sees half of it."""
    trash = step_directory.with_name(f"{TRASH}{step_directory.name}")
    os.rename(step_directory, trash)
    shutil.rmtree(trash)


def _restore_superseded(directory: Path) -> None:
    """Puts back a step whose replacement had not taken its place when the writer died."""
    for superseded in directory.glob(f"{SUPERSEDED}*"):
        final = directory / superseded.name.removeprefix(SUPERSEDED)
        if not final.exists():
            os.rename(superseded, final)


def _probe(directory: Path) -> None:
    probe = directory / f"{TEMPORARY}probe"
    probe.write_bytes(b"jaxlm")
    _sync(probe)
    probe.unlink()


def _sync_tree(directory: Path) -> None:
    for path in directory.rglob("*"):
        _sync(path)
    _sync(directory)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
