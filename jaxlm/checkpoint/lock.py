"""One writer per run directory."""

import contextlib
import errno
import fcntl
import getpass
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from jaxlm.errors import ExitCode, UserError

LOCK_FILE = "run.lock"

_UNSUPPORTED = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_descriptors: set[int] = set()


class RunLock:
    """Holds `<run_dir>/run.lock` while in the `with` block; a second writer is refused at once.

    The kernel's file lock (`flock`) is the truth and ends with the process, however it dies. The
    file's JSON says who holds it. Where a file system knows no `flock`, the JSON alone decides: it
    names a process, by id and start time, that is checked to be alive. On several hosts only
    process 0 takes the lock.
    """

    def __init__(self, run_dir: Path | str) -> None:
        self._path = Path(run_dir) / LOCK_FILE
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Takes the lock.

        Raises:
          UserError: Another live process holds it (73), or the file cannot be written (74).
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._acquire()
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(_this_process()).encode(), 0)
        except OSError as error:
            self._close()
            raise UserError(
                f"cannot lock the run directory: {self._path}: {error.strerror or error}. "
                "Choose a run directory on a disk that you can write to.",
                ExitCode.STORAGE,
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The file stays, empty: unlinking it would let two writers lock two different files.
        if self._descriptor in _descriptors:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
        self._close()

    def _acquire(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        _descriptors.add(self._descriptor)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._refuse(_patient_read(self._path), "")
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            holder = _read(self._path)
            if holder and _may_be_alive(holder):
                remedy = f" If that process is certainly gone, delete {self._path}."
                self._refuse(holder, remedy)

    def _refuse(self, holder: dict[str, Any], remedy: str) -> NoReturn:
        self._close()
        who = (
            f"process {holder['pid']} on host {holder['host']}, "
            f"started by {holder['user']} at {holder['started']}"
            if holder
            else "another process"
        )
        raise UserError(
            f"run directory {self._path.parent} is in use by {who}. "
            f"Wait for it, stop it, or choose another run directory.{remedy}",
            ExitCode.LOCKED,
        )

    def _close(self) -> None:
        if self._descriptor in _descriptors:
            _descriptors.remove(self._descriptor)
            os.close(self._descriptor)
        self._descriptor = -1


def _drop_in_child() -> None:
    """A forked worker that outlives its parent must not keep the parent's lock alive."""
    for descriptor in _descriptors:
        os.close(descriptor)
    _descriptors.clear()


os.register_at_fork(after_in_child=_drop_in_child)


def _this_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "user": _user(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "start_ticks": _start_ticks(os.getpid()),
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user id without an entry in the password file
        return f"user id {os.getuid()}"


def _read(path: Path) -> dict[str, Any]:
    try:
        holder = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    wanted = {"host", "pid", "user", "started", "start_ticks"}
    return holder if isinstance(holder, dict) and wanted <= holder.keys() else {}


def _patient_read(path: Path, seconds: float = 1.0) -> dict[str, Any]:
    """Reads who holds the lock; one that has just taken it may not have written its name yet."""
    deadline = time.monotonic() + seconds
    while not (holder := _read(path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return holder


def _may_be_alive(holder: dict[str, Any]) -> bool:
    """Tells whether a lock's owner may still run; another host's process cannot be checked."""
    if holder["host"] != socket.gethostname():
        return True
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return bool(holder["start_ticks"] == _start_ticks(holder["pid"]))


def _start_ticks(pid: int) -> int | None:
    """Start of a process in clock ticks since boot, to tell a reused id; None where unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])
