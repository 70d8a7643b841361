"""The step: accumulation, devices and faults change nothing that they should not."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlm import step as steps
from jaxlm.layers.params import buffer, param
from jaxlm.models.base import Segment
from jaxlm.objectives.causal_lm import CausalLMConfig
from jaxlm.optim.adamw import make_optimizer
from jaxlm.optim.config import OptimConfig
from jaxlm.parallel.mesh import ParallelConfig, make_mesh
from jaxlm.parallel.sharding import batch_sharding, shardings
from jaxlm.timeline import learning_rate
from tests.pico import PICO, float64, packed_batch, params_of, pico

OBJECTIVE = CausalLMConfig(z_loss_weight=1e-2)
OPTIM = OptimConfig(peak_lr=1e-2, warmup_steps=2, eps=1e-3)


def unequal_batch(rows=8):
    """Masks that differ between microbatches, one of them almost empty."""
    batch = packed_batch(rows)
    weights = batch["loss_weights"].copy()
    weights[0, 3:] = 0
    weights[4] = 0
    return {**batch, "loss_weights": weights}


def gradients(model, objective, params, batch, accumulation=1):
    """`value_and_grad`, compiled."""

    def grad(params, batch):
        key = jax.random.key(1)
        terms, _, grads = steps.value_and_grad(
            model, objective, params, {}, batch, key, accumulation
        )
        return terms, grads

    return jax.jit(grad)(params, batch)


def close(a, b, tolerance):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        scale = max(np.abs(y).max(), 1e-30)
        assert np.abs(np.asarray(x) - np.asarray(y)).max() <= tolerance * scale


@pytest.mark.parametrize("accumulation", [2, 4, 8])
def test_accumulation_equals_the_large_batch(accumulation):
    with jax.enable_x64(True):
        model = PICO.build(float64())
        params = params_of(model)
        batch = {
            k: v.astype(np.float64) if v.dtype == np.float32 else v
            for k, v in unequal_batch().items()
        }
        whole = gradients(model, OBJECTIVE, params, batch)
        parts = gradients(model, OBJECTIVE, params, batch, accumulation)
        close(parts, whole, 1e-12)


def test_the_loss_is_the_weighted_sum_of_its_terms():
    model = pico()
    params, batch = params_of(model), unequal_batch()
    terms, _ = gradients(model, OBJECTIVE, params, batch)
    assert set(terms) == {"loss", "cross_entropy", "z_loss"}
    assert terms["z_loss"] > 0
    np.testing.assert_allclose(
        terms["loss"], terms["cross_entropy"] + 1e-2 * terms["z_loss"], rtol=1e-6
    )
    logits = np.asarray(jax.jit(model.apply)(params, batch).logits, np.float64)
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    picked = np.take_along_axis(log_probs, batch["targets"][..., None], -1)[..., 0]
    weights = batch["loss_weights"]
    np.testing.assert_allclose(
        terms["cross_entropy"], -(picked * weights).sum() / weights.sum(), rtol=1e-5
    )


def test_every_term_of_the_loss_moves_the_parameters():
    model = pico()
    params, batch = params_of(model), packed_batch()
    grads = [
        gradients(model, CausalLMConfig(z_loss_weight=w), params, batch)[1] for w in (0.0, 1e-2)
    ]
    moved = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), *grads)
    assert min(jax.tree.leaves(moved)) > 0


def trainer(model):
    optimizer = make_optimizer(OPTIM, model.axes())
    step = steps.make_train_step(model, OBJECTIVE, optimizer, learning_rate(OPTIM, 10), 0, 1)
    return optimizer, step


def initial(model, optimizer):
    return jax.jit(lambda: steps.init_state(model, optimizer, seed=0))()


@pytest.mark.parametrize("sizes", [(8, 1), (1, 8), (2, 4)])
def test_meshes_give_the_numbers_of_one_device(sizes):
    with jax.enable_x64(True):
        model = PICO.build(float64())
        optimizer, step = trainer(model)
        state = initial(model, optimizer)
        batch = {
            k: v.astype(np.float64) if v.dtype == np.float32 else v
            for k, v in unequal_batch().items()
        }
        key = jax.random.key(1)
        grad = lambda params, batch: steps.value_and_grad(model, OBJECTIVE, params, {}, batch, key)  # noqa: E731
        expected_grads = jax.jit(grad)(state.params, batch)
        expected, _ = jax.jit(step)(jax.jit(step)(state, batch)[0], batch)

        mesh = make_mesh(ParallelConfig(data=sizes[0], fsdp=sizes[1]))
        places = shardings(steps.state_axes(model, state), state, mesh)
        with jax.set_mesh(mesh):
            placed = jax.device_put(state, places)
            rows = jax.device_put(batch, batch_sharding(mesh))
            close(jax.jit(grad)(placed.params, rows), expected_grads, 1e-9)
            compiled = jax.jit(step, out_shardings=(places, None))
            sharded, _ = compiled(compiled(placed, rows)[0], rows)
        close(sharded.params, expected.params, 1e-8)


def test_fsdp_shares_parameters_and_moments():
    model = pico()
    optimizer, _ = trainer(model)
    state = initial(model, optimizer)
    mesh = make_mesh(ParallelConfig(data=1, fsdp=8))
    placed = jax.device_put(state, shardings(steps.state_axes(model, state), state, mesh))
    for leaf in (placed.params["embed"]["embedding"], placed.opt_state[1].mu["embed"]["embedding"]):
        assert leaf.addressable_shards[0].data.size == leaf.size // 8


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_step_without_a_finite_loss_changes_nothing(poison):
    model = pico()
    optimizer, step = trainer(model)
    step = jax.jit(step)
    state, _ = step(initial(model, optimizer), packed_batch())
    bad = packed_batch()
    bad["loss_weights"] = np.where(bad["loss_weights"] > 0, np.float32(poison), np.float32(0))
    after, metrics = step(state, bad)
    assert int(after.step) == 2
    assert int(metrics["skipped"]) == 1
    jax.tree.map(np.testing.assert_array_equal, after.params, state.params)
    jax.tree.map(np.testing.assert_array_equal, after.opt_state, state.opt_state)
    recovered, metrics = step(after, packed_batch())
    assert int(metrics["skipped"]) == 0
    assert np.isfinite(float(metrics["loss"]))
    assert any(
        np.abs(a - b).max() > 0
        for a, b in zip(
            jax.tree.leaves(recovered.params), jax.tree.leaves(state.params), strict=True
        )
    )


def test_loss_falls():
    model = pico(attention="blocked")
    optimizer, step = trainer(model)
    step, state, batch = jax.jit(step), initial(model, optimizer), packed_batch()
    losses = []
    for _ in range(10):
        state, metrics = step(state, batch)
        losses.append(float(metrics["loss"]))
    assert losses[-1] < 0.8 * losses[0]


def test_logits_are_chunked_to_the_given_size():
    model = pico()
    params, batch = params_of(model), packed_batch()
    small = dataclasses.replace(OBJECTIVE, max_logits_bytes=16 * PICO.vocab_size * 4)
    exact = gradients(model, OBJECTIVE, params, batch)
    close(gradients(model, small, params, batch), exact, 1e-5)
    grad = lambda p: steps.value_and_grad(model, small, p, {}, batch, jax.random.key(1))  # noqa: E731
    text = jax.jit(grad).lower(params).as_text()
    tokens = batch["tokens"].size
    assert f"tensor<{tokens}x{PICO.vocab_size}x" not in text
    assert f"tensor<16x{PICO.vocab_size}x" in text


def test_eval_step_sums():
    model = pico()
    params, batch = params_of(model), unequal_batch()
    sums = jax.jit(steps.make_eval_step(model, CausalLMConfig()))(params, batch)
    assert float(sums["targets"]) == batch["loss_weights"].sum()
    terms, _ = gradients(model, CausalLMConfig(), params, batch)
    np.testing.assert_allclose(sums["cross_entropy"] / sums["targets"], terms["loss"], rtol=1e-6)
    assert jnp.isfinite(sums["cross_entropy"])


class CountingBlock(nn.Module):
    """Adds its buffer to the stream and sows how many tokens it saw, as a router would."""

    @nn.compact
    def __call__(self, state, inputs, cache=None):
        hidden = state["hidden"]
        bias = buffer(self, "bias", hidden.shape[-1:], ("embed",), jnp.zeros, jnp.float32)
        scale = param(self, "scale", (1, 1, 1), (None,) * 3, nn.initializers.ones, jnp.float32)
        self.sow("stats", "tokens", jnp.float32(inputs.positions.size))
        return {"hidden": hidden * scale + bias[None, None]}, cache


def counting_model():
    """The pico Llama with blocks that have a buffer; each step adds the sown count to it."""

    def update_buffers(buffers, stats):
        return jax.tree.map(
            lambda bias, count: bias + count[:, None] * 1e-3,
            buffers,
            {"layers": {"bias": stats["layers"]["tokens"][0]}},
        )

    segments = (Segment("layers", CountingBlock(), 2),)
    return dataclasses.replace(pico(), segments=segments, update_buffers=update_buffers)


@pytest.mark.parametrize("accumulation", [1, 4])
def test_statistics_of_blocks_update_the_models_buffers_once_a_step(accumulation):
    model, batch = counting_model(), packed_batch(8)
    optimizer = make_optimizer(OPTIM, model.axes())
    state = jax.jit(lambda: steps.init_state(model, optimizer, 0))()
    step = jax.jit(
        steps.make_train_step(
            model, OBJECTIVE, optimizer, learning_rate(OPTIM, 10), 0, accumulation
        )
    )
    logits = jax.jit(model.apply)(state.weights(), batch).logits
    for number in (1, 2):
        state, _ = step(state, batch)
        bias = state.buffers["model"]["layers"]["bias"]
        assert bias.shape == (2, PICO.d_model)
        expected = number * batch["tokens"].size * 1e-3
        np.testing.assert_allclose(bias, np.full_like(bias, expected), rtol=1e-6)
    changed = steps.with_buffers(model.init(jax.random.key(0)), state.buffers["model"])
    assert np.abs(jax.jit(model.apply)(changed, batch).logits - logits).max() > 1e-3
    poisoned = {**batch, "loss_weights": batch["loss_weights"] * np.nan}
    after, metrics = step(state, poisoned)
    assert metrics["skipped"] == 1
    np.testing.assert_array_equal(after.buffers["model"]["layers"]["bias"], bias)


def test_a_model_with_buffers_does_not_run_without_them():
    model = counting_model()
    with pytest.raises(Exception, match="bias"):
        model.apply(model.init(jax.random.key(0)), packed_batch())
    assert model.buffer_axes() == {"layers": {"bias": ("layers", "embed")}}
    assert "buffers" not in model.axes()
    assert pico().init_buffers() == {}
