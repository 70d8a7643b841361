"""Cross-entropy against PyTorch's numbers, and in chunks against the whole."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from jaxlm.layers.cross_entropy import chunked_cross_entropy, cross_entropy

GOLDEN = Path(__file__).parents[1] / "golden" / "losses"


def test_loss_z_loss_and_gradients_equal_the_reference():
    io = load_file(GOLDEN / "cross_entropy.safetensors")
    coefficient = json.loads((GOLDEN / "cross_entropy.json").read_text())["z_loss_coefficient"]
    with jax.enable_x64(True):
        labels = jnp.asarray(io["labels"]).reshape(-1)
        weights = (labels != -100).astype(jnp.float64)

        def losses(logits):
            flat = logits.reshape(-1, logits.shape[-1])
            return cross_entropy(flat, jnp.maximum(labels, 0), weights)

        def mean(logits):
            return losses(logits).cross_entropy / weights.sum()

        def z_loss(logits):
            return coefficient * losses(logits).squared_log_partition / weights.sum()

        logits = jnp.asarray(io["logits"])
        value, grad = jax.value_and_grad(mean)(logits)
        np.testing.assert_allclose(value, io["mean.loss"], rtol=1e-12)
        np.testing.assert_allclose(grad, io["mean.grad_logits"], atol=1e-12)
        total, grad = jax.value_and_grad(lambda x: mean(x) + z_loss(x))(logits)
        alone = jax.value_and_grad(z_loss)(logits)
        candidates = [(total, grad), alone]
        assert any(
            np.allclose(value, io["z_loss.loss"], rtol=1e-12, atol=0)
            and np.allclose(g, io["z_loss.grad_logits"], atol=1e-12)
            for value, g in candidates
        )


@pytest.mark.parametrize("num_chunks", [2, 6])
def test_chunks_equal_the_whole(num_chunks):
    hidden = jax.random.normal(jax.random.key(0), (12, 8))
    matrix = jax.random.normal(jax.random.key(1), (8, 20))
    targets = jax.random.randint(jax.random.key(2), (12,), 0, 20)
    weights = jnp.arange(12.0)

    def losses(hidden, matrix, chunks):
        sums = chunked_cross_entropy(lambda h: h @ matrix, hidden, targets, weights, chunks)
        return sums.cross_entropy + 0.1 * sums.squared_log_partition

    whole, grads = jax.value_and_grad(losses, argnums=(0, 1))(hidden, matrix, 1)
    parts, other = jax.value_and_grad(losses, argnums=(0, 1))(hidden, matrix, num_chunks)
    np.testing.assert_allclose(parts, whole, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), other, grads)


def test_chunks_keep_the_logits_out_of_memory():
    hidden, matrix = jnp.zeros((4096, 8)), jnp.zeros((8, 2048))
    targets, weights = jnp.zeros(4096, jnp.int32), jnp.ones(4096)

    def temporary_bytes(chunks):
        def loss(hidden):
            logits_of = lambda h: h @ matrix  # noqa: E731
            return chunked_cross_entropy(logits_of, hidden, targets, weights, chunks).cross_entropy

        return jax.jit(jax.grad(loss)).lower(hidden).compile().memory_analysis().temp_size_in_bytes

    assert temporary_bytes(16) < 0.25 * temporary_bytes(1)
