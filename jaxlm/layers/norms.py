"""Normalisation layers."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxlm.layers.compute import Compute
from jaxlm.layers.params import param


class RMSNorm(nn.Module):
    """Root-mean-square normalisation with a learned gain.

    Source: Zhang and Sennrich, 2019 (arXiv 1910.07467), equation 4; epsilon inside the root.
    """

    eps: float
    compute: Compute

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalises the last dimension of `x`: [..., d_model] -> same shape and type."""
        shape, axes = (x.shape[-1],), ("act_embed",)
        gain = param(self, "scale", shape, axes, nn.initializers.ones, self.compute.param_dtype)
        wide = jnp.promote_types(x.dtype, jnp.float32)
        y = x.astype(wide)
        y = y * jax.lax.rsqrt(jnp.mean(y * y, axis=-1, keepdims=True) + self.eps)
        gain = jnp.expand_dims(gain.astype(wide), range(y.ndim - 1))
        return (y * gain).astype(x.dtype)
