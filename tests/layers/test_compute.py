"""The choices of `auto`, by device."""

from types import SimpleNamespace

import pytest

from jaxlm.layers.compute import ComputeConfig, resolve


@pytest.mark.parametrize(
    ("platform", "capability", "dtype", "attention"),
    [
        ("cpu", None, "float32", "blocked"),
        ("tpu", None, "bfloat16", "blocked"),
        ("gpu", "9.0", "bfloat16", "cudnn"),
        ("gpu", "7.5", "float32", "blocked"),
    ],
)
def test_auto_follows_the_device(platform, capability, dtype, attention):
    device = SimpleNamespace(platform=platform, compute_capability=capability)
    compute = resolve(ComputeConfig(), device)
    assert compute.dtype.name == dtype
    assert compute.attention == attention
    assert dtype in compute.describe()
    assert attention in compute.describe()


def test_given_choices_are_kept():
    device = SimpleNamespace(platform="tpu")
    config = ComputeConfig(
        dtype="float32", param_dtype="bfloat16", attention="plain", remat="full", scan_layers=False
    )
    compute = resolve(config, device)
    assert compute.dtype.name == "float32"
    assert compute.param_dtype.name == "bfloat16"
    assert (compute.attention, compute.remat, compute.scan_layers) == ("plain", "full", False)
