"""Token embedding and its counterpart at the output."""

import flax.linen as nn
import jax

from jaxlm.layers.compute import Compute
from jaxlm.layers.params import dot_float32, fan_in, normal, param
from jaxlm.parallel.sharding import constrain


class Embedding(nn.Module):
    """One vector per token."""

    vocab_size: int
    d_model: int
    compute: Compute
    stddev: float = 0.02

    @nn.compact
    def __call__(self, tokens: jax.Array) -> jax.Array:
        """Looks up `tokens`: int32 [batch, seq] -> [batch, seq, d_model]."""
        shape, axes = (self.vocab_size, self.d_model), ("vocab", "embed")
        table = param(self, "embedding", shape, axes, normal(self.stddev), self.compute.param_dtype)
        x = table.astype(self.compute.dtype)[tokens]
        return constrain(x, "batch", "seq", "act_embed")


class Unembedding(nn.Module):
    """Logits from hidden states, by a matrix of its own or by the embedding."""

    vocab_size: int
    tied: bool
    compute: Compute

    @nn.compact
    def __call__(self, hidden: jax.Array, embedding: jax.Array) -> jax.Array:
        """Maps [..., d_model] to float32 logits [..., vocab].

        Args:
          hidden: Final hidden states.
          embedding: [vocab, d_model], used where the matrices are tied.
        """
        d = hidden.shape[-1]
        if self.tied:
            matrix = embedding.T
        else:
            shape, axes = (d, self.vocab_size), ("embed", "vocab")
            matrix = param(self, "unembedding", shape, axes, fan_in(d), self.compute.param_dtype)
        flat = hidden.reshape(-1, d)
        logits = dot_float32(flat, matrix.astype(flat.dtype))
        return logits.reshape(*hidden.shape[:-1], self.vocab_size)
