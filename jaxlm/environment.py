"""What a run ran on and with: the content of versions.json.

An allow-list: nothing else of the machine or of its environment variables, which may hold secrets,
is looked at.
"""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

import jaxlm

PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "numpy",
    "sentencepiece",
)


def versions(devices: Sequence[jax.Device] | None = None) -> dict[str, Any]:
    """The content of versions.json.

    Args:
      devices: Devices of the run; all by default.

    Returns:
      `jaxlm`, `python`, `platform`, `packages` (name to version, none if not installed),
      `device_kind`, `device_platform`, `num_devices`, `num_processes`, `xla_flags` and `git_commit`
      (none outside a repository; ends in `-dirty` when tracked files were changed).
    """
    devices = jax.devices() if devices is None else devices
    return {
        "jaxlm": jaxlm.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()}-{platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "device_kind": devices[0].device_kind,
        "device_platform": devices[0].platform,
        "num_devices": len(devices),
        "num_processes": len({device.process_index for device in devices}),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "git_commit": git_commit(Path(jaxlm.__file__).parent),
    }


def git_commit(folder: Path) -> str | None:
    """The commit that holds a folder's files, or none where git does not track them."""
    if not _git(folder, "ls-files", "--", "."):
        return None
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    is_dirty = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if commit and is_dirty else commit


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, or none if it fails or is not installed."""
    # Reading a repository's state would otherwise refresh, and so write, its index.
    git = ["git", "--no-optional-locks", "-C", str(folder)]
    try:
        result = subprocess.run(
            [*git, *arguments], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
