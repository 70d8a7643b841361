"""Schedules of a run on one axis: the number of updates made so far."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxlm.optim.config import OptimConfig

Schedule = Callable[[jax.Array | int], jax.Array]


def learning_rate(config: OptimConfig, num_steps: int) -> Schedule:
    """Linear warmup from zero, then cosine decay (Loshchilov and Hutter, 2017) or constant.

    Args:
      config: Peak, warmup and decay.
      num_steps: Updates in the run; the decay ends there and stays.

    Returns:
      `step -> learning rate` of the update that follows `step` updates.
    """

    def schedule(step: jax.Array | int) -> jax.Array:
        step = jnp.asarray(step, jnp.float32)
        warmup = step / max(config.warmup_steps, 1)
        progress = (step - config.warmup_steps) / max(num_steps - config.warmup_steps, 1)
        decayed = _decay(config, jnp.clip(progress, 0.0, 1.0))
        return config.peak_lr * jnp.where(step < config.warmup_steps, warmup, decayed)

    return schedule


def _decay(config: OptimConfig, progress: jax.Array) -> jax.Array:
    """Fraction of the peak after `progress` (0 to 1) of the decay."""
    if config.decay == "constant":
        return jnp.ones_like(progress)
    floor = config.final_lr_ratio
    return floor + (1 - floor) * 0.5 * (1 + jnp.cos(math.pi * progress))
