"""Cross-entropy over a large vocabulary without the logits of all tokens in memory."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp


class Losses(NamedTuple):
    """Weighted sums over tokens.

    Attributes:
      cross_entropy: Negative log-likelihood of the targets, in nats.
      squared_log_partition: Square of the logarithm of the softmax denominator.
    """

    cross_entropy: jax.Array
    squared_log_partition: jax.Array


def cross_entropy(logits: jax.Array, targets: jax.Array, weights: jax.Array) -> Losses:
    """Sums the losses of one chunk.

    Args:
      logits: float32 [tokens, vocab].
      targets: int32 [tokens].
      weights: float32 [tokens].
    """
    chex.assert_shape([targets, weights], logits.shape[:1])
    log_partition = jax.nn.logsumexp(logits, axis=-1)
    target_logits = jnp.take_along_axis(logits, targets[:, None], axis=-1)[:, 0]
    return Losses(
        jnp.sum(weights * (log_partition - target_logits)),
        jnp.sum(weights * log_partition**2),
    )


def chunked_cross_entropy(
    logits_of: Callable[[jax.Array], jax.Array],
    hidden: jax.Array,
    targets: jax.Array,
    weights: jax.Array,
    num_chunks: int,
) -> Losses:
    """Sums the losses of all tokens, computing (and in the backward pass recomputing) by chunk.

    Args:
      logits_of: Maps hidden states [tokens, d_model] to logits [tokens, vocab].
      hidden: [tokens, d_model].
      targets: int32 [tokens].
      weights: float32 [tokens].
      num_chunks: Parts to cut the tokens into; one keeps the logits for the backward pass.
    """
    if num_chunks == 1:
        return cross_entropy(logits_of(hidden), targets, weights)

    @jax.checkpoint
    def chunk(total: Losses, xs: tuple[jax.Array, ...]) -> tuple[Losses, None]:
        hidden, targets, weights = xs
        losses = cross_entropy(logits_of(hidden), targets, weights)
        return Losses(*map(jnp.add, total, losses)), None

    padding = -hidden.shape[0] % num_chunks  # tokens of weight 0

    def split(x: jax.Array) -> jax.Array:
        # Strided chunks: each takes an equal share of every device's rows.
        x = jnp.pad(x, [(0, padding)] + [(0, 0)] * (x.ndim - 1)) if padding else x
        return x.reshape(-1, num_chunks, *x.shape[1:]).swapaxes(0, 1)

    zero = jnp.zeros((), jnp.promote_types(hidden.dtype, jnp.float32))
    chunks = (split(hidden), split(targets), split(weights))
    return jax.lax.scan(chunk, Losses(zero, zero), chunks)[0]
