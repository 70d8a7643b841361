"""A Llama small enough to run in milliseconds, and batches for it."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlm.layers.compute import Compute, reference
from jaxlm.models.base import Model
from jaxlm.models.llama import LlamaConfig

PICO = LlamaConfig(
    vocab_size=64,
    d_model=32,
    d_ff=48,
    num_layers=3,
    num_heads=4,
    num_kv_heads=2,
    head_dim=8,
    max_seq_len=64,
    rope_theta=100.0,
)


def pico(**changes: object) -> Model:
    """The reference model with some settings of `Compute` changed."""
    return PICO.build(reference()._replace(**changes))


def float64() -> Compute:
    return reference()._replace(dtype=jnp.dtype("float64"), param_dtype=jnp.dtype("float64"))


def untied(tie: bool) -> LlamaConfig:
    return dataclasses.replace(PICO, tie_embeddings=tie)


def params_of(model: Model, seed: int = 0) -> Any:
    """Parameters, drawn by one compiled function: op by op takes seconds."""
    return jax.jit(model.init)(jax.random.key(seed))


def packed_batch(rows: int = 4, seq_len: int = 24, seed: int = 0) -> dict[str, np.ndarray]:
    """Rows of two documents and some padding, of different lengths in each row."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, PICO.vocab_size, (rows, seq_len), dtype=np.int32)
    segments = np.zeros((rows, seq_len), np.int32)
    positions = np.zeros((rows, seq_len), np.int32)
    for row in range(rows):
        first = int(rng.integers(4, seq_len - 8))
        second = int(rng.integers(4, seq_len - first + 1))
        segments[row, :first] = 1
        segments[row, first : first + second] = 2
        positions[row, :first] = np.arange(first)
        positions[row, first : first + second] = np.arange(second)
    return {
        "tokens": tokens,
        "targets": np.roll(tokens, -1, axis=1),
        "positions": positions,
        "segment_ids": segments,
        "loss_weights": (segments > 0).astype(np.float32),
    }
