"""Next-token prediction, with the z-loss as an option."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from jaxlm.layers.cross_entropy import chunked_cross_entropy
from jaxlm.models.base import Batch, Model, Params
from jaxlm.objectives.base import Key, ObjectiveConfig, Terms
from jaxlm.parallel.sharding import num_shards


@dataclass(frozen=True, kw_only=True)
class CausalLMConfig(ObjectiveConfig):
    """Next-token prediction.

    Attributes:
      z_loss_weight: Weight of the squared log-partition term that keeps logits bounded
        (Chowdhery et al., 2022, arXiv 2204.02311, section 5).
      max_logits_bytes: Largest logits array that a device holds at once; more tokens go in chunks.
    """

    z_loss_weight: float = 0.0
    max_logits_bytes: int = 256 * 2**20

    def weights(self) -> dict[str, float]:
        """The terms of the loss and their weights."""
        terms = {"cross_entropy": 1.0}
        return {**terms, "z_loss": self.z_loss_weight} if self.z_loss_weight else terms

    def normaliser(self, batch: Batch) -> Terms:
        """The weight of all targets, for each term."""
        total = jnp.maximum(jnp.sum(batch["loss_weights"]), 1.0)
        return dict.fromkeys(self.weights(), total)

    def logits_bytes(self, num_tokens: int, vocab_size: int) -> int:
        """Bytes of the largest logits that a device holds at once, for the memory estimate."""
        return min(num_tokens * vocab_size * 4, self.max_logits_bytes)

    def terms(
        self, model: Model, params: Params, microbatch: Batch, key: Key | None
    ) -> tuple[Terms, Mapping[str, Any]]:
        """Summed cross-entropy in nats and squared log-partition of the weighted targets."""
        encoded = model.encode(params, microbatch, key)
        losses = chunked_cross_entropy(
            lambda hidden: model.logits(params, hidden),
            encoded.hidden.reshape(-1, encoded.hidden.shape[-1]),
            microbatch["targets"].reshape(-1),
            microbatch["loss_weights"].reshape(-1),
            num_chunks(microbatch["tokens"].size, model.config.vocab_size, self.max_logits_bytes),
        )
        sums = {"cross_entropy": losses.cross_entropy, "z_loss": losses.squared_log_partition}
        return {name: sums[name] for name in self.weights()}, encoded.stats


def num_chunks(num_tokens: int, vocab_size: int, max_logits_bytes: int) -> int:
    """Fewest chunks of tokens whose float32 logits fit `max_logits_bytes` on each device."""
    local_tokens = num_tokens // num_shards("batch")
    wanted = math.ceil(local_tokens * vocab_size * 4 / max_logits_bytes)
    return min(max(wanted, 1), local_tokens)
