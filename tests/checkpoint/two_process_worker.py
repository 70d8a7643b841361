"""One of two processes that save one sharded state together and read it back."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxlm.checkpoint.commit import prepare_directory
from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.checkpoint.fallback import newest_good
from jaxlm.checkpoint.restore import restore
from jaxlm.checkpoint.writer import Writer


def main() -> None:
    directory, process, port = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{port}", num_processes=2, process_id=process)
    if process == 0:
        prepare_directory(directory)
    multihost_utils.sync_global_devices("directory prepared")
    mesh = Mesh(np.array(jax.devices()), ("fsdp",))
    shardings = {
        "w": NamedSharding(mesh, PartitionSpec("fsdp")),
        "b": NamedSharding(mesh, PartitionSpec()),
    }

    def make() -> dict[str, jax.Array]:
        return {"w": jnp.arange(4096.0).reshape(64, 64), "b": jnp.arange(7)}

    state = jax.jit(make, out_shardings=shardings)()
    step = jax.jit(lambda state: jax.tree.map(lambda x: x + 1, state), donate_argnums=0)
    saver = Writer(directory, CheckpointConfig(keep=2))
    for number in range(3):
        saver.save(number, state, {})
        state = step(state)
    saver.close()
    info = newest_good(directory, print)
    assert info is not None and info.step == 2
    restored = restore(info, abstract(state))
    for name, leaf in restored.items():
        for shard in leaf.addressable_shards:
            np.testing.assert_array_equal(shard.data, np.asarray(make()[name])[shard.index] + 2)
    print("restored")


def abstract(state: dict[str, jax.Array]) -> dict[str, jax.ShapeDtypeStruct]:
    return {
        name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)
        for name, leaf in state.items()
    }


main()
