"""Rotary position embedding and the scalings of its frequencies."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np


@dataclass(frozen=True, kw_only=True)
class Llama3RopeScaling:
    """Frequency scaling of Llama 3.1 for contexts beyond the original one.

    Source: Grattafiori et al., 2024 (arXiv 2407.21783), and Meta's published code.

    Attributes:
      factor: Division of the lowest frequencies.
      low_freq_factor: Wavelengths above `original_max_seq_len / low_freq_factor` are divided.
      high_freq_factor: Wavelengths below `original_max_seq_len / high_freq_factor` are kept.
      original_max_seq_len: Context length of the first training phase.
    """

    factor: float = 8.0
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_seq_len: int = 8192


def rope_frequencies(
    head_dim: int, theta: float, scaling: Llama3RopeScaling | None = None
) -> np.ndarray:
    """Angular frequencies of the rotary pairs, in radians per position: float32 [head_dim / 2].

    Source: Su et al., 2021 (arXiv 2104.09864), section 3.2.2.
    """
    frequencies = theta ** (-np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    if scaling is not None:
        frequencies = _llama3_scaled(frequencies, scaling)
    return frequencies.astype(np.float32)


def _llama3_scaled(frequencies: np.ndarray, scaling: Llama3RopeScaling) -> np.ndarray:
    """Divides low frequencies, keeps high ones, blends the frequencies linearly between."""
    turns = scaling.original_max_seq_len * frequencies / (2 * np.pi)
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    kept = np.clip((turns - low) / (high - low), 0.0, 1.0)
    return frequencies * (kept + (1 - kept) / scaling.factor)


def rope_angles(positions: jax.Array, frequencies: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Cosine and sine of every rotary angle.

    Args:
      positions: int32 [batch, seq].
      frequencies: float32 [head_dim / 2].

    Returns:
      Two float32 arrays [batch, seq, 1, head_dim / 2].
    """
    angles = positions[:, :, None, None].astype(jnp.float32) * frequencies[None, None, None]
    return jnp.cos(angles), jnp.sin(angles)


def apply_rope(x: jax.Array, angles: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Rotates the first half of the head dimension against the second half.

    Args:
      x: [batch, seq, heads, head_dim].
      angles: From `rope_angles`.
    """
    cos, sin = angles
    first, second = jnp.split(x, 2, axis=-1)
    rotated = (first * cos - second * sin, second * cos + first * sin)
    return jnp.concatenate(rotated, axis=-1).astype(x.dtype)
