"""Rotary frequencies against published ones, and what rotation must leave alone."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

from jaxlm.layers.positions import Llama3RopeScaling, apply_rope, rope_angles, rope_frequencies

TABLES = Path(__file__).parents[1] / "golden" / "tables"


def test_llama3_scaling_equals_the_published_table():
    case = json.loads((TABLES / "rope_inv_freq.json").read_text())["llama3.1_8b"]
    expected = load_file(TABLES / "rope_inv_freq.safetensors")["llama3.1_8b.inv_freq"]
    scaling = Llama3RopeScaling(
        factor=case["factor"],
        low_freq_factor=case["low_freq_factor"],
        high_freq_factor=case["high_freq_factor"],
        original_max_seq_len=case["original_max_position_embeddings"],
    )
    frequencies = rope_frequencies(case["head_dim"], case["rope_theta"], scaling)
    np.testing.assert_allclose(frequencies, expected, rtol=1e-6)


def test_scores_depend_on_the_distance_only():
    q, k = jax.random.normal(jax.random.key(0), (2, 1, 1, 1, 16))
    frequencies = rope_frequencies(16, 10_000.0)

    def score(query_position, key_position):
        at = lambda p: rope_angles(jnp.full((1, 1), p), frequencies)  # noqa: E731
        return jnp.sum(apply_rope(q, at(query_position)) * apply_rope(k, at(key_position)))

    np.testing.assert_allclose(score(11, 4), score(107, 100), rtol=1e-4)
    assert abs(score(11, 4) - score(11, 5)) > 1e-3


def test_rotation_keeps_lengths():
    x = jax.random.normal(jax.random.key(0), (2, 8, 3, 16))
    angles = rope_angles(jnp.tile(jnp.arange(8)[None], (2, 1)), rope_frequencies(16, 100.0))
    rotated = apply_rope(x, angles)
    np.testing.assert_allclose(
        jnp.linalg.norm(rotated, axis=-1), jnp.linalg.norm(x, axis=-1), rtol=1e-5
    )
