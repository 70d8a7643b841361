"""Names inside a checkpoint directory, and which of its steps exist.

```
<directory>/step_00000100/{arrays/..., metadata.json, manifest.json}
<directory>/quarantine/step_00000200/{..., reason.json}     damaged, kept for a person to look at
<directory>/.tmp-step_00000300/                             being written
<directory>/.old-step_00000100/                             being replaced by a new step 100
<directory>/.trash-step_00000100/                           being deleted
```
"""

import re
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.json"
METADATA = "metadata.json"
ARRAYS = "arrays"
QUARANTINE = "quarantine"
TEMPORARY = ".tmp-"
SUPERSEDED = ".old-"
TRASH = ".trash-"

_STEP_NAME = re.compile(r"step_(\d{8,})")


@dataclass(frozen=True, order=True)
class CheckpointInfo:
    """One checkpoint on disk: the training step and its directory."""

    step: int
    path: Path


def step_name(step: int) -> str:
    """Returns the directory name of a step, for example `step_00000100`."""
    return f"step_{step:08d}"


def step_directories(directory: Path) -> list[CheckpointInfo]:
    """Lists everything named like a step, oldest first, whether or not it was ever committed."""
    if not directory.is_dir():
        return []
    matches = ((path, _STEP_NAME.fullmatch(path.name)) for path in directory.iterdir())
    return sorted(CheckpointInfo(int(match[1]), path) for path, match in matches if match)


def list_steps(directory: Path | str) -> list[CheckpointInfo]:
    """Lists the committed steps, oldest first: those with a manifest, which is written last."""
    return [info for info in step_directories(Path(directory)) if (info.path / MANIFEST).is_file()]
