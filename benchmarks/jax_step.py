"""The bare training step: the product's step on one fixed batch, without loop, data and log.

A worker that `workers.StepWorker` drives: `python -m benchmarks.jax_step CONFIG_JSON` builds the
step that a run's config.json describes, says so in a line of JSON, and then takes as many steps as
each line of its input asks for.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxlm import step as steps
from jaxlm.config import TrainConfig
from jaxlm.config.serialise import from_json
from jaxlm.layers.compute import resolve
from jaxlm.models.base import Batch
from jaxlm.optim.adamw import make_optimizer
from jaxlm.parallel.mesh import ParallelConfig, make_mesh
from jaxlm.parallel.sharding import batch_sharding, shardings
from jaxlm.timeline import learning_rate


class BareStep:
    """A compiled step, its state and its batch, on the first device."""

    def __init__(self, config: TrainConfig, packed: bool) -> None:
        """Compiles the step, draws the state and takes two steps to warm up.

        Args:
          config: The run whose step it is; its layout over devices is left out.
          packed: Whether rows hold several documents, as a run's do; if not, attention is causal
            without a mask.
        """
        self.mesh = make_mesh(ParallelConfig(), jax.devices()[:1])
        self.device = self.mesh.devices.flat[0]
        self.compute = resolve(config.compute, self.device)
        model = config.model.build(self.compute)
        optimizer = make_optimizer(config.optim, model.axes())
        draw = lambda: steps.init_state(model, optimizer, config.seed)  # noqa: E731
        with jax.set_mesh(self.mesh):
            abstract = jax.eval_shape(draw)
            places = shardings(steps.state_axes(model, abstract), abstract, self.mesh)
            schedule = learning_rate(config.optim, config.num_steps)
            train_step = steps.make_train_step(
                model, config.objective, optimizer, schedule, config.seed, config.batch.accumulation
            )
            jitted = jax.jit(train_step, donate_argnums=0, out_shardings=(places, None))
            self.batch = synthetic_batch(config, self.mesh, packed)
            placed = jax.tree.map(
                lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place),
                abstract,
                places,
            )
            began = time.perf_counter()
            # Before the state is there, the compiler's trials have the device's memory.
            self.compiled = jitted.lower(placed, self.batch).compile()
            self.compile_seconds = time.perf_counter() - began
            self.state = jax.jit(draw, out_shardings=places)()
        self.first_loss = self._warm_up()

    def run(self, num_steps: int) -> float:
        """Mean seconds of a step, over steps that follow an untimed one.

        The host is one step ahead of the device, as it is in the training loop.
        """
        pending = self._dispatch()
        jax.block_until_ready(self.state)
        began = time.perf_counter()
        for _ in range(num_steps):
            metrics = self._dispatch()
            jax.device_get(pending)
            pending = metrics
        jax.device_get(pending)
        return (time.perf_counter() - began) / num_steps

    def facts(self) -> dict[str, Any]:
        """What is known before any step is timed."""
        return {
            "compile_seconds": self.compile_seconds,
            "first_loss": self.first_loss,
            "num_parameters": sum(x.size for x in jax.tree.leaves(self.state.params)),
            "device": self.device.device_kind,
            "version": jax.__version__,
            "compute": self.compute.describe(),
        }

    def peak_bytes(self) -> int | None:
        """Most memory that the device has held; where unknown, what the compiler planned."""
        stats = self.device.memory_stats() or {}
        if "peak_bytes_in_use" in stats:
            return int(stats["peak_bytes_in_use"])
        plan = self.compiled.memory_analysis()
        if plan is None:
            return None
        arrays = plan.argument_size_in_bytes + plan.output_size_in_bytes - plan.alias_size_in_bytes
        return int(arrays + plan.temp_size_in_bytes)

    def _dispatch(self) -> dict[str, jax.Array]:
        self.state, metrics = self.compiled(self.state, self.batch)
        return dict(metrics)

    def _warm_up(self) -> float:
        first = self._dispatch()
        jax.block_until_ready(self._dispatch())
        return float(first["loss"])


def synthetic_batch(config: TrainConfig, mesh: Mesh, packed: bool) -> Batch:
    """Random tokens in full rows of one document."""
    shape = (config.batch.size, config.batch.seq_len)
    tokens = np.random.default_rng(0).integers(0, config.model.vocab_size, shape, dtype=np.int32)
    rows = {
        "tokens": tokens,
        "targets": np.roll(tokens, -1, axis=1),
        "positions": np.broadcast_to(np.arange(shape[1], dtype=np.int32), shape),
        "segment_ids": np.ones(shape, np.int32),
        "loss_weights": np.ones(shape, np.float32),
    }
    if not packed:
        del rows["segment_ids"]
    place = batch_sharding(mesh)
    return {name: jax.device_put(jnp.asarray(array), place) for name, array in rows.items()}


def reply(**content: Any) -> None:
    print(json.dumps(content), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jax_step")
    parser.add_argument("config", type=Path)
    parser.add_argument("--packed", action="store_true")
    arguments = parser.parse_args()
    config = from_json(json.loads(arguments.config.read_text()), str(arguments.config))
    try:
        bare = BareStep(config, arguments.packed)
        reply(**bare.facts())
        for line in sys.stdin:
            reply(step_seconds=bare.run(int(line)), peak_bytes=bare.peak_bytes())
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        reply(error="out of memory")


if __name__ == "__main__":
    main()
