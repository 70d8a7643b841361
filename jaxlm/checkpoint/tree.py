"""A state as a flat dict from path to array, and the comparison of two such trees.

Checkpoints hold flat dicts, so that files know nothing of optax's named tuples or of our
dataclasses: renaming a class does not make old checkpoints unreadable.
"""

from typing import Any

import jax
import numpy as np

Description = dict[str, str]  # path to dtype and shape, "params/wq": "float32[12,384,384]"

_MOST_DIFFERENCES = 10


def flatten(state: Any) -> dict[str, Any]:
    """Returns the leaves of a pytree by path, for example `params/blocks/wq`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    flat = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
    assert len(flat) == len(leaves), "two leaves share one path"
    return flat


def unflatten(flat: dict[str, Any], like: Any) -> Any:
    """Returns a pytree of the structure of `like` with the leaves of `flat`."""
    return jax.tree.unflatten(jax.tree.structure(like), [flat[path] for path in flatten(like)])


def describe(flat: dict[str, Any]) -> Description:
    """Returns shape and dtype of every leaf, ready for JSON."""
    return {path: _describe(leaf) for path, leaf in flat.items()}


def differences(saved: Description, wanted: Description) -> list[str]:
    """Lists how two trees differ, one line a path; at most ten lines and a count of the rest."""
    paths = [
        path for path in sorted(saved.keys() | wanted.keys()) if saved.get(path) != wanted.get(path)
    ]
    lines = [
        f"{path}: saved {saved.get(path, 'nothing')}, wanted {wanted.get(path, 'nothing')}"
        for path in paths[:_MOST_DIFFERENCES]
    ]
    if len(paths) > _MOST_DIFFERENCES:
        lines.append(f"... and {len(paths) - _MOST_DIFFERENCES} more")
    return lines


def num_bytes(flat: dict[str, Any]) -> int:
    """Returns the size of all arrays together, each global array counted once."""
    return sum(_as_array(leaf).nbytes for leaf in flat.values())


def _describe(leaf: Any) -> str:
    array = _as_array(leaf)
    return f"{np.dtype(array.dtype).name}[{','.join(map(str, array.shape))}]"


def _as_array(leaf: Any) -> Any:
    """Gives Python scalars a dtype; leaves arrays, abstract ones too, where they are."""
    return leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
