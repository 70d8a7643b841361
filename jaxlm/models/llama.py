"""Llama 3: grouped-query attention, RoPE with frequency scaling, RMSNorm, SwiGLU.

Source: Grattafiori et al., 2024 (arXiv 2407.21783).
"""

from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxlm.errors import ExitCode, UserError
from jaxlm.hf.names import Linear, NameTable, Plain
from jaxlm.layers.attention import Inputs, KVCache, SelfAttention
from jaxlm.layers.compute import Compute, RematPolicy
from jaxlm.layers.embedding import Embedding, Unembedding
from jaxlm.layers.mlp import SwiGLU
from jaxlm.layers.norms import RMSNorm
from jaxlm.layers.positions import Llama3RopeScaling, rope_angles, rope_frequencies
from jaxlm.models.base import Model, ModelConfig, Segment


@dataclass(frozen=True, kw_only=True)
class LlamaConfig(ModelConfig):
    """Sizes of a Llama.

    Attributes:
      d_ff: Width of the feed-forward layer.
      num_heads: Query heads.
      num_kv_heads: Key and value heads; divides `num_heads`.
      head_dim: Width of a head; even.
      rope_theta: Base of the rotary frequencies.
      rope_scaling: Scaling of the rotary frequencies, or none.
      norm_eps: Added to the mean square in RMSNorm.
      tie_embeddings: Use the embedding as the output matrix.
    """

    d_ff: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    rope_theta: float = 500_000.0
    rope_scaling: Llama3RopeScaling | None = None
    norm_eps: float = 1e-5
    tie_embeddings: bool = False

    def build(self, compute: Compute) -> Model:
        """The model of this configuration."""

        def new_cache(batch_size: int, max_seq_len: int) -> KVCache:
            shape = (batch_size, max_seq_len, self.num_kv_heads, self.head_dim)
            return KVCache(jnp.zeros(shape, compute.dtype), jnp.zeros(shape, compute.dtype))

        return Model(
            config=self,
            compute=compute,
            embed=Embedding(self.vocab_size, self.d_model, compute),
            segments=(Segment("layers", Block(self, compute), self.num_layers),),
            norm=RMSNorm(self.norm_eps, compute),
            unembed=Unembedding(self.vocab_size, self.tie_embeddings, compute),
            new_cache=new_cache,
        )

    def attention_flops_per_token(self, seq_len: int) -> int:
        """Training FLOPs of attention scores and sums per token, causal attention at half."""
        return 6 * self.num_layers * seq_len * self.num_heads * self.head_dim

    def activation_elements_per_token(self, remat: RematPolicy) -> int:
        """Numbers that one layer keeps for the backward pass, per token, without the scores."""
        heads = (2 * self.num_heads + 2 * self.num_kv_heads) * self.head_dim
        products = heads + 2 * self.d_ff + 2 * self.d_model
        if remat == "full":
            return self.d_model
        if remat == "dots":
            return self.d_model + products
        # Besides the products: the inputs of two norms, wide and normalised, rotated queries and
        # keys with their halves, and the sigmoid, the activation, the gated hidden and its cast.
        rotated = 3 * (self.num_heads + self.num_kv_heads) * self.head_dim
        return 7 * self.d_model + products + rotated + 4 * self.d_ff

    def score_elements_per_token(self, seq_len: int) -> int:
        """Attention scores of one layer that are in memory at once, per token."""
        return self.num_heads * seq_len


class Block(nn.Module):
    """One layer: attention and feed-forward, each after a norm, each added to the stream."""

    config: LlamaConfig
    compute: Compute

    @nn.compact
    def __call__(
        self, state: dict[str, jax.Array], inputs: Inputs, cache: KVCache | None = None
    ) -> tuple[dict[str, jax.Array], KVCache | None]:
        """Maps the hidden state [batch, seq, d_model] to the next layer's."""
        c, compute, x = self.config, self.compute, state["hidden"]
        frequencies = rope_frequencies(c.head_dim, c.rope_theta, c.rope_scaling)
        angles = rope_angles(inputs.positions, frequencies)
        attention = SelfAttention(
            c.num_heads, c.num_kv_heads, c.head_dim, compute, name="attention"
        )
        normed = RMSNorm(c.norm_eps, compute, name="attention_norm")(x)
        y, cache = attention(normed, inputs, angles, cache)
        x = x + y
        normed = RMSNorm(c.norm_eps, compute, name="mlp_norm")(x)
        x = x + SwiGLU(c.d_ff, compute, name="mlp")(normed)
        return {"hidden": x}, cache


def config_from_hf(hf: dict[str, Any]) -> LlamaConfig:
    """Reads a Hugging Face `config.json`, in the spelling of version 5 or of the hub."""
    rope = hf.get("rope_parameters") or {**(hf.get("rope_scaling") or {})}
    kind = rope.get("rope_type") or rope.get("type") or "default"
    activation = hf.get("hidden_act", "silu")
    if kind not in ("default", "llama3") or activation != "silu":
        raise UserError(
            f"config.json: rope type {kind!r} with activation {activation!r} is not a Llama that "
            "jaxlm computes; it knows the rope types default and llama3, and silu",
            ExitCode.UNUSABLE,
        )
    scaling = None
    if kind == "llama3":
        scaling = Llama3RopeScaling(
            factor=rope["factor"],
            low_freq_factor=rope["low_freq_factor"],
            high_freq_factor=rope["high_freq_factor"],
            original_max_seq_len=rope["original_max_position_embeddings"],
        )
    heads = hf["num_attention_heads"]
    return LlamaConfig(
        vocab_size=hf["vocab_size"],
        d_model=hf["hidden_size"],
        d_ff=hf["intermediate_size"],
        num_layers=hf["num_hidden_layers"],
        num_heads=heads,
        num_kv_heads=hf.get("num_key_value_heads") or heads,
        head_dim=hf.get("head_dim") or hf["hidden_size"] // heads,
        max_seq_len=hf["max_position_embeddings"],
        rope_theta=rope.get("rope_theta") or hf.get("rope_theta", 10_000.0),
        rope_scaling=scaling,
        norm_eps=hf["rms_norm_eps"],
        tie_embeddings=hf.get("tie_word_embeddings", False),
    )


_LAYER = "model.layers.{layer}."
HF = NameTable(
    model_type="llama",
    config=config_from_hf,
    names={
        "embed.embedding": Plain("model.embed_tokens.weight"),
        "segments.layers.attention_norm.scale": Plain(_LAYER + "input_layernorm.weight"),
        "segments.layers.attention.wq": Linear(_LAYER + "self_attn.q_proj.weight"),
        "segments.layers.attention.wk": Linear(_LAYER + "self_attn.k_proj.weight"),
        "segments.layers.attention.wv": Linear(_LAYER + "self_attn.v_proj.weight"),
        "segments.layers.attention.wo": Linear(_LAYER + "self_attn.o_proj.weight"),
        "segments.layers.mlp_norm.scale": Plain(_LAYER + "post_attention_layernorm.weight"),
        "segments.layers.mlp.w_gate": Linear(_LAYER + "mlp.gate_proj.weight"),
        "segments.layers.mlp.w_up": Linear(_LAYER + "mlp.up_proj.weight"),
        "segments.layers.mlp.w_down": Linear(_LAYER + "mlp.down_proj.weight"),
        "norm.scale": Plain("model.norm.weight"),
        "unembed.unembedding": Linear("lm_head.weight"),
    },
)
