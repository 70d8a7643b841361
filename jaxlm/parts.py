"""Builds the parts of a run from its configuration: data, model, state, compiled step."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from jaxlm import step as steps
from jaxlm import tokenizers
from jaxlm.checkpoint.commit import prepare_directory
from jaxlm.checkpoint.fallback import newest_good
from jaxlm.checkpoint.restore import read_metadata, restore
from jaxlm.config import TrainConfig
from jaxlm.data.stages import open_stores, open_stream
from jaxlm.data.store import TokenStore
from jaxlm.data.stream import Stream
from jaxlm.data.tokenise import check_fits, check_tokenizer, tokenise
from jaxlm.errors import ExitCode, UserError
from jaxlm.layers.compute import resolve
from jaxlm.models.base import Batch, Model
from jaxlm.monitor.progress import Progress
from jaxlm.optim.adamw import make_optimizer
from jaxlm.parallel.mesh import make_mesh
from jaxlm.parallel.sharding import batch_sharding, shardings
from jaxlm.run_directory import RunDirectory
from jaxlm.timeline import learning_rate

HostBatch = dict[str, np.ndarray]


class Parts(NamedTuple):
    """What a run is made of.

    Attributes:
      store: The first token store: its tokenizer and validation split are the run's.
      stream: Training samples.
      mesh: The devices.
      model: The architecture's pure functions.
      state: Training state on the devices, freshly drawn or restored.
      train_step: Compiled step; donates the state.
      eval_step: Compiled evaluation step.
    """

    store: TokenStore
    stream: Stream
    mesh: Mesh
    model: Model
    state: steps.TrainState
    train_step: steps.Step
    eval_step: Callable[[Any, Batch], Any]

    def put(self, rows: HostBatch) -> Batch:
        """Places this host's rows of a global batch on the devices."""
        place = batch_sharding(self.mesh)
        return {
            name: jax.make_array_from_process_local_data(place, rows[name])
            for name in steps.BATCH_DTYPES
        }


def build(config: TrainConfig, directory: RunDirectory, progress: Progress) -> Parts:
    """Builds everything; restores the newest good checkpoint if there is one."""
    with directory.timed("prepare"):
        stores = open_data(config, progress)
        store = stores[0]
        keep_tokenizer(store, directory)
        stream = open_stream(config, stores, notify=progress.note)
    mesh = make_mesh(config.parallel)
    device = mesh.devices.flat[0]
    compute = resolve(config.compute, device)
    progress.note(f"{mesh.devices.size} x {device.device_kind}: {compute.describe()}")
    model = config.model.build(compute)
    optimizer = make_optimizer(config.optim, model.axes())

    def draw() -> steps.TrainState:
        return steps.init_state(model, optimizer, config.seed)

    with jax.set_mesh(mesh), ThreadPoolExecutor() as pool:
        abstract = jax.eval_shape(draw)
        try:
            places = shardings(steps.state_axes(model, abstract), abstract, mesh)
        except ValueError as error:
            raise UserError(f"the mesh does not fit the model: {error}") from None
        placed = jax.tree.map(
            lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place),
            abstract,
            places,
        )
        # Compiling needs shapes only: it goes on beside the draw, or the restore, of the state.
        training = pool.submit(compiled_step, config, model, optimizer, mesh, placed)
        evaluation = pool.submit(compiled_evaluation, config, model, mesh, placed)
        state = restored(placed, config, directory, stream, progress)
        if state is None:
            state = jax.jit(draw, out_shardings=places, compiler_options=_init_options(device))()
        with directory.timed("compile"):
            train_step, seconds = training.result()
            eval_step = evaluation.result()
    progress.note(f"training step compiled in {seconds:.1f} s")
    directory.write_json("data.json", summary(stores, stream))
    return Parts(store, stream, mesh, model, state, train_step, eval_step)


def _init_options(device: jax.Device) -> dict[str, int]:
    """Parameters are drawn once: on CPU, full optimisation takes longer than the draw itself."""
    return {"xla_backend_optimization_level": 1} if device.platform == "cpu" else {}


def open_data(config: TrainConfig, progress: Progress) -> tuple[TokenStore, ...]:
    """Opens the prepared stores of `data.stores`, or makes the one of `data.path`."""
    if not config.data.stores:
        return (tokenise(config, progress.note, progress.phase),)
    stores = open_stores(config.data.stores)
    check_fits(stores[0].tokenizer.vocab_size, config.model.vocab_size)
    return stores


def summary(stores: Sequence[TokenStore], stream: Stream) -> dict[str, Any]:
    """What the report says about the data: the first store's splits, and which stores follow."""
    store = stores[0]
    splits = {
        name: {source["name"]: _counts(source) for source in sources}
        for name, sources in store.manifest["splits"].items()
    }
    return {
        "store": str(Path(store.directory).resolve()),
        "digest": store.digest,
        "stores": {str(Path(other.directory).resolve()): other.digest for other in stores},
        "rows_per_epoch": stream.num_rows,
        "fill": round(stream.fill, 5),
        "tokenizer": store.manifest["extra"]["tokenizer"],
        "bad_documents": len(store.manifest["extra"].get("bad_documents", [])),
        **splits,
    }


def _counts(source: dict[str, Any]) -> dict[str, int]:
    names = ("num_documents", "num_tokens", "num_bytes")
    return {name.removeprefix("num_"): source[name] for name in names}


def keep_tokenizer(store: TokenStore, directory: RunDirectory) -> None:
    """Copies the tokenizer into the run, or checks that the run's own is still the store's."""
    if directory.has_checkpoints() and directory.tokenizer.exists():
        check_tokenizer(store, tokenizers.load(directory.tokenizer).fingerprint)
    else:
        directory.write_bytes(directory.tokenizer.name, store.tokenizer_path.read_bytes())


def restored(
    placed: steps.TrainState,
    config: TrainConfig,
    directory: RunDirectory,
    stream: Stream,
    progress: Progress,
) -> steps.TrainState | None:
    """The state of the newest good checkpoint, on its devices; none in a new run.

    Raises:
      UserError: Every checkpoint is damaged, or the data is not what they were trained on.
    """
    prepare_directory(directory.checkpoints)
    info = newest_good(directory.checkpoints, progress.note, verify=config.checkpoint.verify)
    if info is None:
        return None
    if info.step > config.num_steps:
        raise UserError(
            f"{info.path} is beyond num_steps={config.num_steps}; set it to {info.step} or more"
        )
    trained_on = read_metadata(info)["store_digest"]
    if trained_on != (found := stream.digest_before(info.step * config.batch.size)):
        raise UserError(
            f"{info.path} was trained on data {trained_on[:12]}, but the data before its step is "
            f"now {found[:12]}: the text, a stage or a library has changed; restore it, or start "
            "a new run in another run_dir=",
            ExitCode.UNUSABLE,
        )
    progress.note(f"resuming from step {info.step} ({info.path})")
    directory.event("resume", step=info.step)
    return restore(info, placed)


def compiled_step(
    config: TrainConfig, model: Model, optimizer: Any, mesh: Mesh, placed: steps.TrainState
) -> tuple[steps.Step, float]:
    """Compiles the training step for its one batch shape; any other shape is refused by it.

    Returns:
      The step, which donates its state, and the seconds that tracing and compiling took.
    """
    schedule = learning_rate(config.optim, config.num_steps)
    train_step = steps.make_train_step(
        model, config.objective, optimizer, schedule, config.seed, config.batch.accumulation
    )
    places = jax.tree.map(lambda x: x.sharding, placed)
    jitted = jax.jit(train_step, donate_argnums=0, out_shardings=(places, None))
    began = time.perf_counter()
    with jax.set_mesh(mesh):
        compiled = jitted.lower(placed, _abstract_batch(config, mesh, config.batch.size)).compile()
    return compiled, time.perf_counter() - began


def compiled_evaluation(
    config: TrainConfig, model: Model, mesh: Mesh, placed: steps.TrainState
) -> Callable[[Any, Batch], Any]:
    """Compiles the evaluation step, for the rows of one microbatch."""
    jitted = jax.jit(steps.make_eval_step(model, config.objective))
    with jax.set_mesh(mesh):
        rows = config.batch.size // config.batch.accumulation
        return jitted.lower(placed.weights(), _abstract_batch(config, mesh, rows)).compile()


def _abstract_batch(config: TrainConfig, mesh: Mesh, rows: int) -> dict[str, Any]:
    place = batch_sharding(mesh)
    return {
        name: jax.ShapeDtypeStruct((rows, config.batch.seq_len), dtype, sharding=place)
        for name, dtype in steps.BATCH_DTYPES.items()
    }
