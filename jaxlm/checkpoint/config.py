"""Settings of checkpoints."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """When to save and what to keep.

    Attributes:
      every_steps: Steps between saves; the last step is always saved.
      keep: Newest good checkpoints to keep, at least 2.
      keep_every_steps: Keep each step that is a multiple of this for ever; 0 keeps none.
      verify: Check sizes and SHA-256 of every file before a restore.
    """

    every_steps: int = 100
    keep: int = 2
    keep_every_steps: int = 0
    verify: bool = True
