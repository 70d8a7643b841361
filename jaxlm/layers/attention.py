"""Self-attention: projections, the key-value cache, and the one choice of kernel.

Letters: b batch, s query position, t key position, g key-value head, r query heads a key-value
head, k head dimension.
"""

from typing import NamedTuple

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxlm.layers.compute import AttentionKernel, Compute
from jaxlm.layers.params import dot, dot_float32, fan_in, param
from jaxlm.layers.positions import apply_rope
from jaxlm.parallel.sharding import constrain

QUERY_BLOCK = 128
MASKED = -1e30


class KVCache(NamedTuple):
    """Keys and values of past positions; slot t holds position t.

    Attributes:
      keys: [batch, max_seq_len, kv_heads, head_dim], rotated.
      values: Same shape.
    """

    keys: jax.Array
    values: jax.Array


class Inputs(NamedTuple):
    """The integers of a microbatch that every layer sees, and what follows from them.

    Attributes:
      positions: int32 [batch, seq], from 0 in each document.
      segment_ids: int32 [batch, seq], 0 for padding; none means one document a row.
    """

    positions: jax.Array
    segment_ids: jax.Array | None = None


class SelfAttention(nn.Module):
    """Causal grouped-query attention with rotary positions.

    Source: Ainslie et al., 2023 (arXiv 2305.13245); Su et al., 2021 (arXiv 2104.09864).
    """

    num_heads: int
    num_kv_heads: int
    head_dim: int
    compute: Compute

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        inputs: Inputs,
        angles: tuple[jax.Array, jax.Array],
        cache: KVCache | None = None,
    ) -> tuple[jax.Array, KVCache | None]:
        """Attends within documents.

        Args:
          x: [batch, seq, d_model].
          inputs: Positions and documents.
          angles: Rotary angles of the positions.
          cache: Past keys and values; the new ones are written to the slots of their positions.

        Returns:
          The output, of the shape of `x`, and the cache with this call's keys and values.
        """
        d, h, g, k = x.shape[-1], self.num_heads, self.num_kv_heads, self.head_dim
        dtype = self.compute.param_dtype
        wq = param(self, "wq", (d, h, k), ("embed", "heads", "head_dim"), fan_in(d), dtype)
        wk = param(self, "wk", (d, g, k), ("embed", "kv_heads", "head_dim"), fan_in(d), dtype)
        wv = param(self, "wv", (d, g, k), ("embed", "kv_heads", "head_dim"), fan_in(d), dtype)
        wo = param(self, "wo", (h, k, d), ("heads", "head_dim", "embed"), fan_in(h * k), dtype)

        q = apply_rope(dot(x, wq), angles)
        key = apply_rope(dot(x, wk), angles)
        value = dot(x, wv)
        if cache is None:
            y = attend(q, key, value, inputs.segment_ids, self.compute.attention)
        else:
            cache = _write(cache, key, value, inputs.positions)
            y = attend_to_cache(q, cache, inputs.positions)
        y = constrain(y, "batch", "seq", "act_heads", None)
        return dot(y, wo, contract=2), cache


def attend(
    q: jax.Array,
    key: jax.Array,
    value: jax.Array,
    segment_ids: jax.Array | None,
    kernel: AttentionKernel,
) -> jax.Array:
    """Causal attention within segments, by the kernel that the run has chosen.

    Args:
      q: [batch, seq, heads, head_dim].
      key: [batch, seq, kv_heads, head_dim].
      value: Same shape as `key`.
      segment_ids: int32 [batch, seq], or none where each row is one segment.
      kernel: `cudnn` (GPU, 16 bit), `blocked` (query blocks against their causal prefix: half the
        work) or `plain`.

    Returns:
      [batch, seq, heads, head_dim].
    """
    chex.assert_rank([q, key, value], 4)
    chex.assert_equal_shape([key, value])
    chex.assert_is_divisible(q.shape[2], key.shape[2])
    if kernel == "cudnn":
        return _cudnn(q, key, value, segment_ids)
    block = QUERY_BLOCK if kernel == "blocked" else q.shape[1]
    blocks = []
    for start in range(0, q.shape[1], block):
        end = min(start + block, q.shape[1])
        mask = _causal_mask(start, end, segment_ids)
        blocks.append(_softmax_attention(q[:, start:end], key[:, :end], value[:, :end], mask))
    return blocks[0] if len(blocks) == 1 else jnp.concatenate(blocks, axis=1)


def attend_to_cache(q: jax.Array, cache: KVCache, positions: jax.Array) -> jax.Array:
    """Attention of new positions to all cached positions up to their own.

    Slots are positions, so prompts of different lengths may share a batch: what padding wrote
    lies beyond every query until the true token overwrites it.
    """
    slots = jnp.arange(cache.keys.shape[1])
    mask = slots[None, None, :] <= positions[:, :, None]
    return _softmax_attention(q, cache.keys.astype(q.dtype), cache.values.astype(q.dtype), mask)


def _write(cache: KVCache, key: jax.Array, value: jax.Array, positions: jax.Array) -> KVCache:
    rows = jnp.arange(key.shape[0])[:, None]
    keys = cache.keys.at[rows, positions].set(key.astype(cache.keys.dtype))
    values = cache.values.at[rows, positions].set(value.astype(cache.values.dtype))
    return KVCache(keys, values)


def _causal_mask(start: int, end: int, segment_ids: jax.Array | None) -> jax.Array:
    """Which of the positions before `end` each query in `start:end` sees: bool [1 or b, s, t]."""
    mask = (jnp.arange(end)[None, :] <= jnp.arange(start, end)[:, None])[None]
    if segment_ids is None:
        return mask
    return mask & (segment_ids[:, start:end, None] == segment_ids[:, None, :end])


def _softmax_attention(
    q: jax.Array, key: jax.Array, value: jax.Array, mask: jax.Array
) -> jax.Array:
    """Attention with the scores in memory.

    Query heads that share a key-value head are folded into the rows of one product.

    Args:
      q: [b, s, g * r, k].
      key: [b, t, g, k].
      value: [b, t, g, k].
      mask: bool [1 or b, s, t].
    """
    b, s, h, k = q.shape
    g, t = key.shape[2], key.shape[1]
    r = h // g
    folded = q.reshape(b, s, g, r, k).transpose(0, 2, 3, 1, 4).reshape(b, g, r * s, k)
    scores = dot_float32(folded, key.transpose(0, 2, 3, 1)).reshape(b, g, r, s, t) * k**-0.5
    weights = jax.nn.softmax(jnp.where(mask[:, None, None], scores, MASKED), axis=-1)
    y = weights.astype(q.dtype).reshape(b, g, r * s, t) @ value.transpose(0, 2, 1, 3)
    return y.reshape(b, g, r, s, k).transpose(0, 3, 1, 2, 4).reshape(b, s, h, k)


def _cudnn(
    q: jax.Array, key: jax.Array, value: jax.Array, segment_ids: jax.Array | None
) -> jax.Array:
    """cuDNN's fused attention; documents become an additive mask, which costs [b, s, s] bytes."""
    mask = None
    if segment_ids is not None:
        mask = (segment_ids[:, :, None] == segment_ids[:, None, :])[:, None]
    return jax.nn.dot_product_attention(
        q, key, value, mask=mask, is_causal=True, implementation="cudnn"
    )
