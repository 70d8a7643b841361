"""A directory that appears complete or not at all, and the removal of what a killed build left."""

import errno
import os
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jaxlm.errors import ExitCode, UserError

_MARK = ".building"
_FULL = (errno.ENOSPC, errno.EDQUOT)

# Another host's process cannot be asked whether it lives. A build writes all the time.
_ABANDONED_SECONDS = 24 * 3600


@contextmanager
def staged_directory(target: Path) -> Iterator[Path]:
    """Gives an empty directory beside `target` that takes its name when the block ends well.

    If the block fails, or another process was faster, the directory is removed.

    Args:
      target: Name of the finished directory. If it exists by the end it is kept.

    Raises:
      UserError: The disk is full or the place cannot be written (exit 74).
    """
    staging = target.with_name(f"{target.name}{_MARK}-{_host()}-{os.getpid()}")
    # The own name cannot be in use: it is of an earlier process with the same number.
    shutil.rmtree(staging, ignore_errors=True)
    with _storage_faults(target.parent):
        staging.mkdir(parents=True)
    try:
        # The block may read as well as write: of its faults, only a full disk is known to be ours.
        with _storage_faults(target.parent, _FULL):
            yield staging
        with _storage_faults(target.parent):
            _install(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def remove_abandoned(parent: Path) -> list[Path]:
    """Removes what killed builds left in `parent`; leaves alone those of living processes."""
    removed = []
    for path in sorted(parent.glob(f"*{_MARK}-*")):
        if path.is_dir() and _is_abandoned(path):
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path)
    return removed


def _install(staging: Path, target: Path) -> None:
    try:
        os.replace(staging, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _is_abandoned(path: Path) -> bool:
    host, _, process = path.name.rpartition(f"{_MARK}-")[2].rpartition("-")
    if host == _host() and process.isdigit():
        return not _is_alive(int(process))
    try:
        newest = max(entry.stat().st_mtime for entry in (path, *path.iterdir()))
    except FileNotFoundError:
        # The other host is at work on it, or has just given it its name.
        return False
    return time.time() - newest > _ABANDONED_SECONDS


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _host() -> str:
    return socket.gethostname().split(".")[0]


@contextmanager
def _storage_faults(folder: Path, only: Sequence[int] = ()) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if only and error.errno not in only:
            raise
        remedy = "Free space, or choose" if error.errno in _FULL else "Choose"
        raise UserError(
            f"cannot write the token store below {folder}: {error.strerror or error}. "
            f"{remedy} another data.store_dir, then start again",
            ExitCode.STORAGE,
        ) from error
