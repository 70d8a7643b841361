"""Feed-forward layers."""

import flax.linen as nn
import jax

from jaxlm.layers.compute import Compute
from jaxlm.layers.params import dot, fan_in, param
from jaxlm.parallel.sharding import constrain


class SwiGLU(nn.Module):
    """Gated feed-forward layer with the SiLU activation.

    Gate and up are two products: one fused product and a split of its result is slower on CPU.

    Source: Shazeer, 2020 (arXiv 2002.05202), equation 6.
    """

    d_ff: int
    compute: Compute

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `x`: [batch, seq, d_model] -> same shape."""
        d, f, dtype = x.shape[-1], self.d_ff, self.compute.param_dtype
        w_gate = param(self, "w_gate", (d, f), ("embed", "mlp"), fan_in(d), dtype)
        w_up = param(self, "w_up", (d, f), ("embed", "mlp"), fan_in(d), dtype)
        w_down = param(self, "w_down", (f, d), ("mlp", "embed"), fan_in(f), dtype)
        hidden = jax.nn.silu(dot(x, w_gate)) * dot(x, w_up)
        return dot(constrain(hidden, "batch", "seq", "act_mlp"), w_down)
