"""The training step: a pure function from state and batch to state and metrics."""

from collections.abc import Callable, Mapping
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from jaxlm.models.base import Batch, Buffers, Model, Params, Stats, with_buffers
from jaxlm.objectives.base import ObjectiveConfig
from jaxlm.timeline import Schedule

Metrics = Mapping[str, jax.Array]
Step = Callable[["TrainState", Batch], tuple["TrainState", Metrics]]

# Purposes of random keys: fold_in(fold_in(seed, purpose), step or sample).
INIT, DROPOUT = 0, 1
# What a batch holds on the device, each [batch, seq].
BATCH_DTYPES = {
    "tokens": jnp.int32,
    "targets": jnp.int32,
    "positions": jnp.int32,
    "segment_ids": jnp.int32,
    "loss_weights": jnp.float32,
}


@flax.struct.dataclass
class TrainState:
    """Everything that a step changes.

    Attributes:
      step: int32, steps taken, accepted or not.
      params: Parameters.
      opt_state: State of the optimizer.
      buffers: What is not learnt by gradients: `skipped`, int32, steps in a row whose loss or
        gradient was not finite; `model`, the model's own.
    """

    step: jax.Array
    params: Params
    opt_state: optax.OptState
    buffers: dict[str, Any]

    def weights(self) -> Params:
        """What the model computes with: parameters and the model's buffers."""
        return with_buffers(self.params, self.buffers["model"])


def init_state(model: Model, optimizer: optax.GradientTransformation, seed: int) -> TrainState:
    """The state before the first step."""
    params = model.init(jax.random.fold_in(jax.random.key(seed), INIT))
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt_state=optimizer.init(params),
        buffers={"skipped": jnp.zeros((), jnp.int32), "model": model.init_buffers()},
    )


def state_axes(model: Model, state: TrainState) -> TrainState:
    """Logical axes of a state; the optimizer's moments follow their parameters."""
    axes: Any = model.axes()
    params_structure: Any = jax.tree.structure(state.params)

    def is_params(x: Any) -> bool:
        return bool(jax.tree.structure(x) == params_structure)

    def axes_of(x: Any) -> Any:
        return axes if is_params(x) else (None,) * x.ndim

    return TrainState(
        step=axes_of(state.step),
        params=axes,
        opt_state=jax.tree.map(axes_of, state.opt_state, is_leaf=is_params),
        buffers={"skipped": (), "model": model.buffer_axes()},
    )


def value_and_grad(
    model: Model,
    objective: ObjectiveConfig,
    params: Params,
    buffers: Buffers,
    batch: Batch,
    key: jax.Array,
    accumulation: int = 1,
) -> tuple[Metrics, Stats, Params]:
    """Loss terms, statistics and gradients of a global batch.

    Args:
      model: The model.
      objective: Its loss.
      params: Parameters.
      buffers: The model's buffers.
      batch: The global batch.
      key: Random key of the step.
      accumulation: Microbatches to cut the batch into.

    Returns:
      Each term divided by its denominator, with the weighted total as `loss`; the blocks'
      statistics, summed over microbatches; the gradients.
    """
    weights, denominators = objective.weights(), objective.normaliser(batch)

    def loss(params: Params, microbatch: Batch, key: jax.Array) -> tuple[jax.Array, Any]:
        sums, stats = objective.terms(model, with_buffers(params, buffers), microbatch, key)
        terms = {name: sums[name] / denominators[name] for name in weights}
        weighted = [weights[name] * terms[name] for name in weights]
        return jnp.sum(jnp.stack(weighted)), (terms, stats)

    grad = jax.value_and_grad(loss, has_aux=True)
    if accumulation == 1:
        (total, (terms, stats)), grads = grad(params, batch, key)
        return {"loss": total, **terms}, stats, grads

    def accumulate(carry: Any, xs: tuple[jax.Array, Batch]) -> tuple[Any, None]:
        number, microbatch = xs
        result = grad(params, microbatch, jax.random.fold_in(key, number))
        return jax.tree.map(jnp.add, carry, result), None

    microbatches = jax.tree.map(lambda x: _microbatches(x, accumulation), dict(batch))
    first = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), microbatches)
    zeros = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(grad, params, first, key)
    )
    ((total, (terms, stats)), grads), _ = jax.lax.scan(
        accumulate, zeros, (jnp.arange(accumulation), microbatches)
    )
    return {"loss": total, **terms}, stats, grads


def _microbatches(x: jax.Array, count: int) -> jax.Array:
    """[rows, ...] -> [count, rows / count, ...], each taking an equal share of a device's rows."""
    return x.reshape(-1, count, *x.shape[1:]).swapaxes(0, 1)


def make_train_step(
    model: Model,
    objective: ObjectiveConfig,
    optimizer: optax.GradientTransformation,
    schedule: Schedule,
    seed: int,
    accumulation: int,
) -> Step:
    """Builds the step; not jitted.

    A step whose loss or gradient norm is not finite leaves parameters, moments and the model's
    buffers as they were.
    """

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), DROPOUT), state.step)
        buffers = state.buffers["model"]
        terms, stats, grads = value_and_grad(
            model, objective, state.params, buffers, batch, key, accumulation
        )
        grad_norm = optax.tree.norm(grads)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        lr = schedule(state.step)
        params = jax.tree.map(lambda p, u: (p - lr * u).astype(p.dtype), state.params, updates)

        accepted = jnp.isfinite(terms["loss"]) & jnp.isfinite(grad_norm)
        skipped = jnp.where(accepted, 0, state.buffers["skipped"] + 1)
        new_state = TrainState(
            step=state.step + 1,
            params=_choose(accepted, params, state.params),
            opt_state=_choose(accepted, opt_state, state.opt_state),
            buffers={
                "skipped": skipped,
                "model": _choose(accepted, model.update_buffers(buffers, stats), buffers),
            },
        )
        metrics = {**terms, "grad_norm": grad_norm, "learning_rate": lr, "skipped": skipped}
        return new_state, metrics

    return train_step


def _choose(condition: jax.Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda n, o: jnp.where(condition, n, o), new, old)


def make_eval_step(model: Model, objective: ObjectiveConfig) -> Callable[[Params, Batch], Metrics]:
    """Builds the evaluation step: sums, not means, so that batches add up."""

    def eval_step(params: Params, batch: Batch) -> Metrics:
        sums, _ = objective.terms(model, params, batch, None)
        return {"cross_entropy": sums["cross_entropy"], "targets": jnp.sum(batch["loss_weights"])}

    return eval_step
