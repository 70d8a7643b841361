"""The rules table: logical axes of arrays to axes of the mesh.

Models name the axes of their parameters and activations with the words below and know nothing of
devices. Changing how a run is sharded means changing this table or the sizes of the mesh.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Axes = tuple[str | None, ...]
Rules = Mapping[str, tuple[str, ...]]

# Parameters are sharded over `fsdp` along their embed axis and gathered where they are used;
# activations keep their rows on the devices that read them.
RULES: Rules = {
    "batch": ("data", "fsdp"),
    "seq": (),
    "embed": ("fsdp",),
    "heads": (),
    "kv_heads": (),
    "head_dim": (),
    "mlp": (),
    "vocab": (),
    "layers": (),
    "act_embed": (),
    "act_heads": (),
    "act_mlp": (),
    "act_vocab": (),
}


def partition_spec(axes: Axes, rules: Rules = RULES) -> PartitionSpec:
    """Maps logical axis names to a partition spec.

    Raises:
      ValueError: A name is unknown, or two axes of one array map to the same mesh axis.
    """
    used: list[str] = []
    entries: list[tuple[str, ...] | None] = []
    for axis in axes:
        if axis is not None and axis not in rules:
            raise ValueError(f"unknown logical axis {axis!r}; known: {sorted(rules)}")
        mesh_axes = rules[axis] if axis is not None else ()
        used.extend(mesh_axes)
        entries.append(mesh_axes or None)
    if len(set(used)) != len(used):
        raise ValueError(f"logical axes {axes} use a mesh axis twice: {used}")
    return PartitionSpec(*entries)


def shardings(axes_tree: Any, shapes: Any, mesh: Mesh, rules: Rules = RULES) -> Any:
    """Maps a tree of logical axes to shardings, checking them against the arrays' shapes.

    Args:
      axes_tree: Pytree whose leaves are tuples of logical axis names.
      shapes: Parallel pytree of arrays or `ShapeDtypeStruct`s.
      mesh: The device mesh.
      rules: Logical axis to mesh axes.

    Raises:
      ValueError: A rule does not fit an array; names the path of the array.
    """

    def place(path: Any, array: Any, axes: Axes) -> NamedSharding:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        try:
            spec = partition_spec(axes, rules)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        for size, axis in zip(array.shape, axes, strict=True):
            mesh_axes = rules[axis] if axis is not None else ()
            parts = math.prod(mesh.shape[a] for a in mesh_axes)
            if size % parts:
                raise ValueError(
                    f"{name}: axis {axis!r} of size {size} does not divide over {parts} devices "
                    f"of mesh axes {mesh_axes}"
                )
        return NamedSharding(mesh, spec)

    return jax.tree_util.tree_map_with_path(place, shapes, axes_tree)


def batch_sharding(mesh: Mesh, rules: Rules = RULES) -> NamedSharding:
    """The sharding of a batch's arrays: rows over the devices, positions whole."""
    return NamedSharding(mesh, partition_spec(("batch",), rules))


def constrain(x: jax.Array, *axes: str | None) -> jax.Array:
    """States the sharding of an activation; does nothing where no mesh is set.

    The one seam between layers and devices.
    """
    if jax.sharding.get_abstract_mesh().empty:
        return x
    return jax.lax.with_sharding_constraint(x, partition_spec(axes))


def num_shards(axis: str) -> int:
    """Parts into which the mesh that is set cuts a logical axis; 1 without a mesh."""
    mesh = jax.sharding.get_abstract_mesh()
    return 1 if mesh.empty else math.prod(mesh.shape[a] for a in RULES[axis])
