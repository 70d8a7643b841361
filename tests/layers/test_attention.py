"""Attention kernels and the cache against attention written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlm.layers.attention import attend
from jaxlm.models.base import num_params
from tests.pico import PICO, packed_batch, params_of, pico


def written_out(q, k, v, segments):
    """Attention by its formula, one head and one query at a time, in float64."""
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    y = np.zeros_like(q)
    repeats = q.shape[2] // k.shape[2]
    for b, s, h in np.ndindex(q.shape[:3]):
        keys = [t for t in range(s + 1) if segments[b, t] == segments[b, s]]
        scores = np.array([q[b, s, h] @ k[b, t, h // repeats] for t in keys]) / q.shape[3] ** 0.5
        weights = np.exp(scores - scores.max())
        y[b, s, h] = weights / weights.sum() @ v[b, keys, h // repeats]
    return y


def heads(seq_len, num_heads=4, num_kv_heads=2, seed=0):
    keys = jax.random.split(jax.random.key(seed), 3)
    shapes = [(2, seq_len, n, 8) for n in (num_heads, num_kv_heads, num_kv_heads)]
    return [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]


@pytest.mark.parametrize("kernel", ["plain", "blocked"])
@pytest.mark.parametrize("num_kv_heads", [1, 2, 4])
@pytest.mark.parametrize("seq_len", [5, 150])
def test_kernels_equal_the_formula(kernel, num_kv_heads, seq_len):
    q, k, v = heads(seq_len, num_kv_heads=num_kv_heads)
    segments = np.sort(np.random.default_rng(0).integers(1, 4, (2, seq_len)), axis=1)
    y = jax.jit(attend, static_argnums=4)(q, k, v, jnp.asarray(segments, jnp.int32), kernel)
    np.testing.assert_allclose(y, written_out(q, k, v, segments), atol=2e-6)


def test_blocked_attention_does_half_the_work():
    q, k, v = heads(1024)
    flops = {
        kernel: jax.jit(lambda *x, kernel=kernel: attend(*x, None, kernel))
        .lower(q, k, v)
        .compile()
        .cost_analysis()["flops"]
        for kernel in ("plain", "blocked")
    }
    assert flops["blocked"] < 0.6 * flops["plain"]


def test_bfloat16_trains_on_cpu():
    """XLA:CPU refuses a transposed batched product of bfloat16 with a float32 result."""
    model = pico(dtype=jnp.dtype("bfloat16"), attention="blocked")
    params, batch = params_of(model), packed_batch()

    def loss(params):
        return jnp.mean(jnp.square(model.apply(params, batch).logits))

    def exact_loss(params):
        return jnp.mean(jnp.square(pico().apply(params, batch).logits))

    value, grads = jax.jit(jax.value_and_grad(loss))(params)
    expected, exact = jax.jit(jax.value_and_grad(exact_loss))(params)
    np.testing.assert_allclose(value, expected, rtol=0.03)
    for ours, theirs in zip(jax.tree.leaves(grads), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.1 * np.abs(theirs).max())


def test_prompts_of_different_lengths_share_a_cache():
    """Prefill of a padded batch, then single tokens, equals the whole sequence at once."""
    model = pico()
    params = params_of(model)
    tokens = jax.random.randint(jax.random.key(1), (2, 20), 0, PICO.vocab_size)
    apply = jax.jit(model.apply)
    whole = apply(params, {"tokens": tokens}).logits
    lengths = np.array([5, 9])
    output = apply(params, {"tokens": tokens[:, :12]}, model.init_cache(2, 20))
    cache = output.cache
    for offset in range(8):
        positions = jnp.asarray(lengths + offset, jnp.int32)[:, None]
        step = jnp.take_along_axis(tokens, positions, axis=1)
        output = apply(params, {"tokens": step, "positions": positions}, cache)
        cache = output.cache
        expected = np.take_along_axis(whole, np.asarray(positions)[..., None], axis=1)
        np.testing.assert_allclose(output.logits, expected, atol=1e-5)


def test_grouped_heads_have_fewer_parameters():
    import dataclasses

    full = dataclasses.replace(PICO, num_kv_heads=4)
    saved = 2 * PICO.num_layers * PICO.d_model * 2 * PICO.head_dim
    assert num_params(full) - num_params(PICO) == saved
