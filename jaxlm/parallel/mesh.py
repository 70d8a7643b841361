"""The device mesh: named axes, their sizes, and who sits where."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
from jax.sharding import AxisType, Mesh

from jaxlm.errors import UserError

# Outermost first: the last axis varies fastest and so sits on the closest devices.
MESH_AXES = ("data", "fsdp")


@dataclass(frozen=True, kw_only=True)
class ParallelConfig:
    """Sizes of the mesh axes; at most one may be -1, which takes the devices that are left.

    Attributes:
      data: Copies of the model that each read their own rows.
      fsdp: Devices that share the parameters and read their own rows.
    """

    data: int = -1
    fsdp: int = 1


def mesh_sizes(config: ParallelConfig, num_devices: int) -> dict[str, int]:
    """Resolves the axis sizes for a number of devices.

    Raises:
      UserError: The sizes do not multiply to `num_devices`.
    """
    sizes = {axis: getattr(config, axis) for axis in MESH_AXES}
    wild = [axis for axis, size in sizes.items() if size == -1]
    known = 1
    for size in sizes.values():
        known *= size if size != -1 else 1
    if len(wild) > 1 or any(size < 1 and size != -1 for size in sizes.values()):
        raise UserError(f"parallel: {sizes}: sizes are positive, and at most one may be -1")
    if wild and num_devices % known == 0:
        sizes[wild[0]] = num_devices // known
        known = num_devices
    if known != num_devices:
        divisors = [n for n in range(1, num_devices + 1) if num_devices % n == 0]
        raise UserError(
            f"parallel: {sizes} needs a multiple of {known} devices, but there are {num_devices}; "
            f"choose sizes whose product is {num_devices} (its divisors: {divisors}), or one -1"
        )
    return sizes


def make_mesh(config: ParallelConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Builds the mesh over `devices` (all by default).

    Axes are Auto: the compiler places collectives from the shardings of inputs and outputs.
    `jax.make_mesh` would default to Explicit, where every sharded weight is gathered by hand.

    Raises:
      UserError: The sizes do not fit the number of devices.
    """
    devices = list(devices) if devices is not None else jax.devices()
    sizes = mesh_sizes(config, len(devices))
    return jax.make_mesh(
        tuple(sizes.values()),
        MESH_AXES,
        axis_types=(AxisType.Auto,) * len(MESH_AXES),
        devices=devices,
    )
