"""Settings of progress and metrics."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MonitorConfig:
    """What a run prints and writes.

    Attributes:
      log_every_steps: Steps between plain progress lines; a terminal updates every step.
      tensorboard: Also write TensorBoard event files.
    """

    log_every_steps: int = 10
    tensorboard: bool = True
