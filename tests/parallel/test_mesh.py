"""Mesh sizes."""

import jax
import pytest

from jaxlm.errors import UserError
from jaxlm.parallel.mesh import ParallelConfig, make_mesh, mesh_sizes


def test_minus_one_takes_the_rest():
    assert mesh_sizes(ParallelConfig(data=-1, fsdp=2), 8) == {"data": 4, "fsdp": 2}
    assert dict(make_mesh(ParallelConfig(data=2, fsdp=-1)).shape) == {"data": 2, "fsdp": 4}


def test_a_mesh_can_take_some_of_the_devices():
    mesh = make_mesh(ParallelConfig(data=2, fsdp=1), jax.devices()[:2])
    assert list(mesh.devices.flat) == jax.devices()[:2]


@pytest.mark.parametrize(
    "config",
    [
        ParallelConfig(data=3, fsdp=1),
        ParallelConfig(data=-1, fsdp=3),
        ParallelConfig(data=-1, fsdp=-1),
        ParallelConfig(data=0, fsdp=8),
    ],
)
def test_sizes_that_do_not_fit_are_refused(config):
    with pytest.raises(UserError, match="parallel"):
        mesh_sizes(config, 8)
