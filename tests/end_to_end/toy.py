"""The real loop around a model of one number, which needs no time to compile.

Only what a step computes is a stand-in; data, placement, saving, restoring, metrics and signals are
the product's.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from jaxlm.config import TrainConfig
from jaxlm.data.stream import Stream
from jaxlm.data.tokenise import tokenise
from jaxlm.layers.compute import resolve
from jaxlm.monitor.progress import Progress
from jaxlm.parallel.mesh import make_mesh
from jaxlm.parts import Parts, keep_tokenizer, restored
from jaxlm.run_directory import RunDirectory
from jaxlm.step import TrainState

OnStep = Callable[[int], None]
Build = Callable[[TrainConfig, RunDirectory, Progress], Parts]


def toy_build(on_step: OnStep, added_losses: dict[int, float] | None = None) -> Build:
    """Makes a stand-in for `jaxlm.parts.build`.

    Args:
      on_step: Called with the number of each step when it is dispatched.
      added_losses: What to add to the losses of some steps.
    """

    def build(config: TrainConfig, directory: RunDirectory, progress: Progress) -> Parts:
        store = tokenise(config, progress.note, progress.phase)
        keep_tokenizer(store, directory)
        stream = Stream(store, "train", config.batch.seq_len, config.seed, config.data.packing)
        mesh = make_mesh(config.parallel, jax.devices()[:1])
        places = jax.tree.map(lambda _: NamedSharding(mesh, PartitionSpec()), first_state())
        placed = jax.tree.map(
            lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place),
            first_state(),
            places,
        )
        state = restored(placed, config, directory, stream, progress)
        state = jax.device_put(first_state(), places) if state is None else state
        numbers = iter(range(int(state.step) + 1, config.num_steps + 1))

        def train_step(state: TrainState, batch: dict[str, jax.Array]) -> tuple:
            number = next(numbers)
            on_step(number)
            return toy_step(state, batch, (added_losses or {}).get(number, 0.0))

        return Parts(
            store=store,
            stream=stream,
            mesh=mesh,
            model=config.model.build(resolve(config.compute, jax.devices()[0])),
            state=state,
            train_step=train_step,
            eval_step=toy_eval_step,
        )

    return build


def first_state() -> TrainState:
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params={"mean": jnp.zeros((), jnp.float32)},
        opt_state=(),
        buffers={"skipped": jnp.zeros((), jnp.int32), "model": {}},
    )


@jax.jit
def toy_step(state: TrainState, batch: dict[str, jax.Array], added_loss: float) -> tuple:
    """Learns the mean token; the loss depends on every step and every token before it."""
    target = jnp.mean(batch["tokens"].astype(jnp.float32))
    loss = jnp.abs(target - state.params["mean"]) + added_loss
    accepted = jnp.isfinite(loss)
    mean = 0.9 * state.params["mean"] + 0.1 * target
    skipped = jnp.where(accepted, 0, state.buffers["skipped"] + 1)
    new_state = TrainState(
        step=state.step + 1,
        params={"mean": jnp.where(accepted, mean, state.params["mean"])},
        opt_state=(),
        buffers={"skipped": skipped, "model": {}},
    )
    metrics = {"loss": loss, "cross_entropy": loss, "grad_norm": loss, "learning_rate": mean}
    return new_state, metrics | {"skipped": skipped}


@jax.jit
def toy_eval_step(params: dict[str, jax.Array], batch: dict[str, jax.Array]) -> dict:
    targets = batch["loss_weights"]
    error = jnp.abs(batch["targets"].astype(jnp.float32) - params["mean"])
    return {"cross_entropy": jnp.sum(error * targets), "targets": jnp.sum(targets)}
