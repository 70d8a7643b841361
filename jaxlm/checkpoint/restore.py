"""Reading a checkpoint back into a state of the same structure, on any mesh."""

import json
from typing import Any

from jaxlm.checkpoint import tree
from jaxlm.checkpoint.arrays import read_arrays
from jaxlm.checkpoint.steps import ARRAYS, METADATA, CheckpointInfo
from jaxlm.errors import ExitCode, UserError


def read_metadata(info: CheckpointInfo) -> dict[str, Any]:
    """Returns what the caller saved beside the arrays, and `step`.

    Raises:
      UserError: The file is missing or no JSON (exit code 77).
    """
    metadata = _load(info)
    del metadata["tree"]
    return metadata


def restore(info: CheckpointInfo, abstract_state: Any, *, part: str = "") -> Any:
    """Restores a state saved by `Writer`, bit for bit.

    Args:
      info: The checkpoint, usually from `newest_good`, which has verified it.
      abstract_state: Pytree of `jax.ShapeDtypeStruct` with shardings, of any mesh. A leaf without a
        sharding is returned as a NumPy array.
      part: Restore only this branch of the saved state, for example `params`; `abstract_state` then
        describes the branch alone.

    Returns:
      Arrays in the structure of `abstract_state`.

    Raises:
      UserError: Structure, shapes or dtypes are not those of the saved state (exit code 77).
    """
    prefix = f"{part}/" if part else ""
    abstract = {prefix + path: leaf for path, leaf in tree.flatten(abstract_state).items()}
    saved = {path: entry for path, entry in _load(info)["tree"].items() if path.startswith(prefix)}
    if lines := tree.differences(saved, tree.describe(abstract)):
        raise UserError(
            f"checkpoint {info.path} does not fit this model and optimizer:\n  "
            + "\n  ".join(lines)
            + "\n"
            "Use the configuration that the checkpoint was made with, or another run directory.",
            ExitCode.UNUSABLE,
        )
    flat = read_arrays(info.path / ARRAYS, abstract, partial=bool(part))
    return tree.unflatten(
        {path.removeprefix(prefix): leaf for path, leaf in flat.items()}, abstract_state
    )


def _load(info: CheckpointInfo) -> dict[str, Any]:
    path = info.path / METADATA
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"checkpoint file {path} cannot be read: {error}. "
            "Take another step, or restore the file from a copy.",
            ExitCode.UNUSABLE,
        ) from error
