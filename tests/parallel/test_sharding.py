"""The rules table and its checks."""

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from jaxlm.parallel.mesh import ParallelConfig, make_mesh
from jaxlm.parallel.sharding import constrain, partition_spec, shardings


def test_names_become_mesh_axes():
    spec = partition_spec(("layers", "embed", "mlp"))
    assert spec == PartitionSpec(None, ("fsdp",), None)


def test_unknown_names_and_double_use_are_refused_with_the_path():
    mesh = make_mesh(ParallelConfig(data=1, fsdp=8))
    leaf = {"w": jax.ShapeDtypeStruct((8, 8), np.float32)}
    with pytest.raises(ValueError, match="w: unknown logical axis 'embde'"):
        shardings({"w": ("embde", "mlp")}, leaf, mesh)
    with pytest.raises(ValueError, match=r"w: logical axes .* twice"):
        shardings({"w": ("batch", "embed")}, leaf, mesh)


def test_sizes_must_divide():
    mesh = make_mesh(ParallelConfig(data=1, fsdp=8))
    leaf = {"w": jax.ShapeDtypeStruct((12, 8), np.float32)}
    with pytest.raises(ValueError, match=r"w: axis 'embed' of size 12"):
        shardings({"w": ("embed", "mlp")}, leaf, mesh)


def test_constrain_places_activations_only_under_a_mesh():
    x = np.zeros((8, 4), np.float32)
    assert constrain(x, "batch", "seq") is x
    mesh = make_mesh(ParallelConfig(data=4, fsdp=2))
    with jax.set_mesh(mesh):
        y = jax.jit(lambda x: constrain(x * 2, "batch", "seq"))(x)
    assert y.addressable_shards[0].data.shape == (1, 4)
