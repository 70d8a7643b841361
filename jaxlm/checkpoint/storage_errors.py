"""Turning what storage and Orbax raise into one line that a user can act on."""

import errno
from collections.abc import Iterator
from pathlib import Path

from jaxlm.errors import ExitCode, UserError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_WORDS = ("No space left on device", "Disk quota exceeded", "File too large")
_FULL_SIGNS = (*_FULL_WORDS, "RESOURCE_EXHAUSTED")  # TensorStore reports by text alone


def storage_error(directory: Path, step: int, error: BaseException) -> UserError:
    """Returns the error of a save that failed (exit code 74)."""
    reason = "the disk is full" if is_disk_full(error) else "writing failed"
    remedy = (
        "Free space or keep fewer checkpoints (checkpoint.keep)"
        if is_disk_full(error)
        else "Check the disk and its permissions"
    )
    return UserError(
        f"step {step} was not saved to {directory}: {reason} ({_detail(error)}). "
        f"Older checkpoints are intact. {remedy}, "
        "then start the run again to go on from the newest one.",
        ExitCode.STORAGE,
    )


def retention_error(directory: Path, step: int, error: OSError) -> UserError:
    """Returns the error of a step that was saved, after which older ones could not be deleted."""
    return UserError(
        f"step {step} was saved, but an older checkpoint in {directory} could not be deleted: "
        f"{_detail(error)}. Check the disk and its permissions, then start the run again.",
        ExitCode.STORAGE,
    )


def no_space(needed_bytes: int, free_bytes: int) -> OSError:
    """Returns the error of a save that would not fit."""
    return OSError(errno.ENOSPC, f"needs {_amount(needed_bytes)}, {_amount(free_bytes)} free")


def is_disk_full(error: BaseException) -> bool:
    """Tells whether the disk or a quota is full; TensorStore says so only in its message."""
    return any(
        getattr(cause, "errno", None) in _FULL or any(sign in str(cause) for sign in _FULL_SIGNS)
        for cause in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _detail(error: BaseException) -> str:
    text = (
        (error.strerror if isinstance(error, OSError) else None)
        or str(error)
        or type(error).__name__
    )
    words = [word for word in _FULL_WORDS if word in text]
    return (words or text.splitlines())[0]


def _amount(num_bytes: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes / 1e3:.1f} kB"
