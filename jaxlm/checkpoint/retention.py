"""Which checkpoints to keep."""

from pathlib import Path

from jaxlm.checkpoint import commit
from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.checkpoint.manifest import find_damage
from jaxlm.checkpoint.steps import CheckpointInfo, list_steps


def apply_retention(
    directory: Path, config: CheckpointConfig, verified_step: int | None = None
) -> list[int]:
    """Deletes committed steps that the settings do not keep.

    The newest `keep` steps of the right size stay, and the multiples of `keep_every_steps`. Steps
    with files of wrong size neither count nor go: they wait for the quarantine. Nothing is deleted
    unless a step that stays is known to be good by its hashes.

    Args:
      directory: The checkpoint directory.
      config: What to keep.
      verified_step: A step whose hashes were computed just now and need no second reading.

    Returns:
      The deleted steps, oldest first.
    """
    whole = [info for info in list_steps(directory) if find_damage(info, hashes=False) is None]
    kept = [info for info in whole if _is_kept(info, whole, config)]
    doomed = [info for info in whole if info not in kept]
    if not doomed or not _any_good(kept, verified_step):
        return []
    for info in doomed:
        commit.delete(info.path)
    return [info.step for info in doomed]


def _is_kept(info: CheckpointInfo, whole: list[CheckpointInfo], config: CheckpointConfig) -> bool:
    newest = info in whole[-config.keep :]
    forever = config.keep_every_steps > 0 and info.step % config.keep_every_steps == 0
    return newest or forever


def _any_good(kept: list[CheckpointInfo], verified_step: int | None) -> bool:
    """Tells whether a kept step is intact, reading as few as possible."""
    if any(info.step == verified_step for info in kept):
        return True
    return any(find_damage(info) is None for info in reversed(kept))
