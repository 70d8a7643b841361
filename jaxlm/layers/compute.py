"""What the layers need to know of the run: precision, kernels, rematerialisation."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxlm.errors import UserError

AttentionKernel = Literal["cudnn", "blocked", "plain"]
RematPolicy = Literal["none", "dots", "full"]


@dataclass(frozen=True, kw_only=True)
class ComputeConfig:
    """How the model is computed; no choice here changes what is computed.

    Attributes:
      dtype: Type of activations and of products' operands; `auto` is bfloat16 on TPU and on GPUs
        that have it, float32 elsewhere.
      param_dtype: Type of parameters, gradients and optimizer state.
      attention: Attention kernel; `auto` is cuDNN on GPU in bfloat16, blocked elsewhere.
      remat: What the backward pass recomputes instead of storing, per layer: `none`, all but the
        products with weights (`dots`), or everything (`full`).
      scan_layers: Run the layers by one scan (compile time independent of depth) or unrolled.
    """

    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    param_dtype: Literal["float32", "bfloat16"] = "float32"
    attention: Literal["auto", "cudnn", "blocked", "plain"] = "auto"
    remat: RematPolicy = "none"
    scan_layers: bool = True


class Compute(NamedTuple):
    """A `ComputeConfig` resolved for one kind of device; hashable, so modules can hold it."""

    dtype: jnp.dtype
    param_dtype: jnp.dtype
    attention: AttentionKernel
    remat: RematPolicy = "none"
    scan_layers: bool = True

    def describe(self) -> str:
        """One line for the log."""
        return (
            f"compute {self.dtype.name}, parameters {self.param_dtype.name}, "
            f"{self.attention} attention, remat {self.remat}, "
            f"layers {'scanned' if self.scan_layers else 'unrolled'}"
        )


def resolve(config: ComputeConfig, device: jax.Device) -> Compute:
    """Chooses precision and kernels for a device.

    bfloat16 pays nothing on XLA:CPU, whose fast path is float32. cuDNN's fused attention takes
    16-bit inputs only.

    Raises:
      UserError: The kernel asked for does not run there.
    """
    dtype = config.dtype
    if dtype == "auto":
        dtype = "bfloat16" if has_bfloat16(device) else "float32"
    attention = config.attention
    has_cudnn = device.platform == "gpu" and dtype == "bfloat16"
    if attention == "auto":
        attention = "cudnn" if has_cudnn else "blocked"
    if attention == "cudnn" and not has_cudnn:
        raise UserError(
            f"compute.attention=cudnn needs a GPU and compute.dtype=bfloat16, but this is "
            f"{device.platform} in {dtype}; use compute.attention=auto"
        )
    return Compute(
        dtype=jnp.dtype(dtype),
        param_dtype=jnp.dtype(config.param_dtype),
        attention=attention,
        remat=config.remat,
        scan_layers=config.scan_layers,
    )


def has_bfloat16(device: jax.Device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32."""
    if device.platform == "tpu":
        return True
    if device.platform == "gpu":
        # Compute capability 8.0 (Ampere) brought bfloat16; a T4 (7.5) emulates it slowly.
        return float(getattr(device, "compute_capability", "0") or 0) >= 8.0
    return False


def reference() -> Compute:
    """The plainest way to compute: float32, unfused; what the faster ways are tested against."""
    return Compute(jnp.dtype("float32"), jnp.dtype("float32"), "plain")
