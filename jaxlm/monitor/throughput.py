"""Model FLOPs, peak FLOPs and their ratio, the model FLOPs utilisation (MFU)."""

import jax

from jaxlm.config import TrainConfig
from jaxlm.layers.compute import reference
from jaxlm.models.base import ModelConfig

# Dense bfloat16 FLOP/s of one JAX device, by the exact `device.device_kind`. One device is one
# chip, except on TPU7x, where each of a chip's two TensorCores is a device of its own.
_PEAK_BFLOAT16 = {
    # Source: docs.cloud.google.com/tpu/docs, "peak compute per chip (BF16)" of each version.
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5e": 197e12,
    "TPU v5": 459e12,
    "TPU v5p": 459e12,
    "TPU v6 lite": 918e12,
    "TPU v6e": 918e12,
    "TPU7x": 2307e12 / 2,
    # Source: NVIDIA's data sheets; those that state rates with sparsity are halved here.
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
    "NVIDIA A100-PCIE-40GB": 312e12,
    "NVIDIA A100 80GB PCIe": 312e12,
    "NVIDIA H100 80GB HBM3": 989e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA H100 NVL": 835e12,
    "NVIDIA GH200 480GB": 989e12,
    "NVIDIA H200": 989e12,
    "NVIDIA H200 NVL": 835e12,
    "NVIDIA B200": 2250e12,
    "NVIDIA L4": 121e12,
}


def flops_per_token(config: TrainConfig) -> int:
    """FLOPs of the model for one token of training, forward and backward.

    6 for every weight that takes part in a product (2 forward, 4 backward), plus the attention
    products over a full row of `batch.seq_len` tokens. Causal attention counts the half that the
    mask leaves, as in MaxText since July 2025; the PaLM rule, which counts all of it, gives higher
    utilisation for the same speed. Looking up the embedding is no product; a tied output matrix
    is. Recomputation, norms, the softmax and the optimizer do not count, and rows that hold
    several documents count like rows of one.

    Source: Chowdhery et al., 2022, PaLM (arXiv:2204.02311), appendix B.
    """
    return 6 * product_weights(config.model) + config.model.attention_flops_per_token(
        config.batch.seq_len
    )


def product_weights(config: ModelConfig) -> int:
    """Number of weights that one token is multiplied by.

    Arrays with one axis besides the layers', such as norm scales, multiply element by element and
    do not count. The embedding counts once, as the output matrix, where there is no other.
    """
    model = config.build(reference())
    shapes, axes = model.abstract_params(), model.axes()
    multiplied = shapes.keys() - ({"embed"} if "unembed" in shapes else set())
    is_names = lambda leaf: isinstance(leaf, tuple)  # noqa: E731
    sizes = jax.tree.map(
        lambda names, shape: shape.size if len(set(names) - {"layers"}) > 1 else 0,
        {key: axes[key] for key in multiplied},
        {key: shapes[key] for key in multiplied},
        is_leaf=is_names,
    )
    return sum(jax.tree.leaves(sizes))


def peak_flops(device_kind: str, dtype: str) -> float | None:
    """Dense peak of one JAX device in FLOP/s, or none where it is not known.

    Args:
      device_kind: `jax.Device.device_kind`.
      dtype: Type of the products' operands. Only bfloat16 has an entry: what float32 products run
        at depends on the precision that the compiler picks.
    """
    return _PEAK_BFLOAT16.get(device_kind) if dtype == "bfloat16" else None


def mfu(
    tokens_per_second: float, flops_per_token: int, peak_flops: float | None, num_devices: int
) -> float | None:
    """Share of the devices' peak that the model's FLOPs use, or none where the peak is not known.

    Args:
      tokens_per_second: Of the whole run, over all devices.
      flops_per_token: From `flops_per_token`.
      peak_flops: Of one device, from `peak_flops`.
      num_devices: Devices in the mesh.
    """
    if peak_flops is None:
        return None
    return tokens_per_second * flops_per_token / (peak_flops * num_devices)
