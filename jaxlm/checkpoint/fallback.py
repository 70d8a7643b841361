"""Finding the newest checkpoint that can be trusted, and setting damaged ones aside."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from jaxlm.checkpoint.manifest import Damage, find_damage
from jaxlm.checkpoint.steps import QUARANTINE, CheckpointInfo, step_directories
from jaxlm.errors import ExitCode, UserError


def newest_good(
    directory: Path | str,
    notify: Callable[[str], None],
    *,
    verify: bool = True,
    set_aside: bool = True,
) -> CheckpointInfo | None:
    """Returns the newest undamaged checkpoint; moves damaged newer ones into quarantine.

    Args:
      directory: The checkpoint directory; it need not exist.
      notify: Called with one message for each damaged checkpoint; it names the bad file.
      verify: Check the SHA-256 of every file; otherwise the manifest and the sizes only.
      set_aside: Move damaged checkpoints; only for the holder of the run's lock.

    Returns:
      The checkpoint, or None where none was ever saved.

    Raises:
      UserError: There are checkpoints, but every one is damaged (exit code 77).
    """
    directory = Path(directory)
    damages = []
    for info in reversed(step_directories(directory)):
        damage = find_damage(info, hashes=verify)
        if damage is None:
            return info
        if not info.path.exists():  # a running trainer deleted it by its retention in the meantime
            continue
        damages.append(f"step {info.step}, {damage}")
        fate = _set_aside(info, damage) if set_aside else "Trying the checkpoint before it."
        notify(f"checkpoint {info.path} is damaged: {damage}. {fate}")
    damages += _quarantined(directory, exclude=damages)
    if damages:
        raise UserError(
            f"no checkpoint in {directory} can be used:\n  " + "\n  ".join(damages) + "\n"
            "Copy a good step back into this directory, or start anew with another run directory.",
            ExitCode.UNUSABLE,
        )
    return None


def quarantine(info: CheckpointInfo, damage: Damage) -> Path:
    """Moves a damaged step into `<directory>/quarantine/`, with the reason in `reason.json`."""
    folder = info.path.parent / QUARANTINE
    folder.mkdir(exist_ok=True)
    target = folder / info.path.name
    attempt = 1
    while target.exists():
        attempt += 1
        target = folder / f"{info.path.name}-{attempt}"
    os.rename(info.path, target)
    reason = {"step": info.step, "file": damage.file, "reason": damage.reason, "time": time.time()}
    with contextlib.suppress(OSError):  # a full disk must not stop the way back to a good step
        (target / "reason.json").write_text(json.dumps(reason, indent=1) + "\n")
    return target


def _set_aside(info: CheckpointInfo, damage: Damage) -> str:
    try:
        return f"Moved to {quarantine(info, damage)}; trying the checkpoint before it."
    except OSError as error:  # for example a read-only disk: falling back matters more
        return f"Left in place ({error.strerror or error}); trying the checkpoint before it."


def _quarantined(directory: Path, exclude: list[str]) -> list[str]:
    """Describes steps set aside before: where there are any, an empty directory is no new run."""
    described = []
    for path in sorted((directory / QUARANTINE).glob("*/reason.json")):
        try:
            reason = json.loads(path.read_text())
            line = f"step {reason['step']}, {reason['file']}: {reason['reason']}"
        except (OSError, ValueError, KeyError, TypeError):
            line = f"{path.parent.name}, in quarantine"
        if line not in exclude:
            described.append(line)
    return described
