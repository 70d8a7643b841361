"""AdamW against PyTorch's, gradient by gradient."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from safetensors.numpy import load_file

from jaxlm.optim.adamw import decays, make_optimizer
from jaxlm.optim.config import OptimConfig
from jaxlm.timeline import learning_rate
from tests.pico import pico

GOLDEN = Path(__file__).parents[1] / "golden" / "optim"


def case(name):
    return load_file(GOLDEN / f"{name}.safetensors"), json.loads(
        (GOLDEN / "hyperparameters.json").read_text()
    )[name]


def named(tensors, prefix):
    return {
        k.removeprefix(prefix): jnp.asarray(v) for k, v in tensors.items() if k.startswith(prefix)
    }


def replay(tensors, optimizer, rates, steps):
    """Feeds the recorded gradients; yields the parameters after each step."""
    params = named(tensors, "param.init.")
    state = optimizer.init(params)
    for step in range(steps):
        grads = named(tensors, f"grad.{step:02}.")
        updates, state = optimizer.update(grads, state, params)
        params = jax.tree.map(lambda p, u, lr=rates[step]: p - lr * u, params, updates)
        yield step, params, grads


def config_of(hyper, **changes):
    return OptimConfig(
        peak_lr=hyper["lr"],
        beta1=hyper["beta1"],
        beta2=hyper["beta2"],
        eps=hyper["eps"],
        weight_decay=hyper["weight_decay"],
        **changes,
    )


def axes_of(tensors, decay_vectors):
    """Logical axes that make vectors decay or not."""
    vector = ("embed", "mlp") if decay_vectors else ("embed",)
    return {
        k: ("embed", "mlp") if v.ndim > 1 else vector
        for k, v in named(tensors, "param.init.").items()
    }


def test_plain_adamw():
    tensors, hyper = case("adamw_plain")
    optimizer = make_optimizer(config_of(hyper, clip_norm=0.0), axes_of(tensors, True))
    for step, params, _ in replay(tensors, optimizer, tensors["lr"], hyper["steps"]):
        for name, value in named(tensors, f"param.{step:02}.").items():
            np.testing.assert_allclose(params[name], value, atol=2e-6, err_msg=f"{step} {name}")


def test_clipping_schedule_and_decay_of_matrices_only():
    tensors, hyper = case("adamw_clip_schedule_groups")
    config = config_of(
        hyper,
        clip_norm=hyper["max_grad_norm"],
        warmup_steps=hyper["warmup_steps"],
        final_lr_ratio=0.0,
    )
    schedule = learning_rate(config, hyper["total_steps"])
    rates = [float(schedule(step)) for step in range(hyper["steps"])]
    np.testing.assert_allclose(rates, tensors["lr"], rtol=1e-6, atol=1e-9)
    optimizer = make_optimizer(config, axes_of(tensors, False))
    for step, params, grads in replay(tensors, optimizer, rates, hyper["steps"]):
        norm = tensors["grad_norm_before_clip"][step]
        np.testing.assert_allclose(optax.tree.norm(grads), norm, rtol=1e-6)
        for name, value in named(tensors, f"param.{step:02}.").items():
            np.testing.assert_allclose(params[name], value, atol=2e-6, err_msg=f"{step} {name}")


def test_norm_scales_never_decay():
    mask = decays(pico().axes())
    assert mask["embed"]["embedding"]
    assert mask["segments"]["layers"]["mlp"]["w_up"]
    assert not mask["norm"]["scale"]
    assert not mask["segments"]["layers"]["mlp_norm"]["scale"]


@pytest.mark.parametrize("field", ["beta1", "beta2", "eps", "weight_decay", "clip_norm"])
def test_every_setting_changes_the_update(field):
    params = {"w": jnp.ones((2, 2))}

    def second_update(config):
        optimizer = make_optimizer(config, {"w": ("embed", "mlp")})
        state = optimizer.init(params)
        for scale in (1.0, 3.0):
            updates, state = optimizer.update({"w": jnp.full((2, 2), scale)}, state, params)
        return float(updates["w"][0, 0])

    changed = OptimConfig(**{field: {"eps": 1.0}.get(field, 0.5)})
    assert second_update(OptimConfig()) != second_update(changed)
