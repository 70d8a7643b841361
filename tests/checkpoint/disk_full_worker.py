"""Saves a small state, then one that does not fit under a limit on the size of a file."""

import resource
import sys

import jax.numpy as jnp

from jaxlm.checkpoint.commit import prepare_directory
from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.checkpoint.writer import Writer
from jaxlm.errors import UserError, run_main


def main() -> None:
    directory, limit = sys.argv[1], int(sys.argv[2])
    prepare_directory(directory)
    saver = Writer(directory, CheckpointConfig())
    for step in (1, 2):
        saver.save(step, {"w": jnp.full((1000,), step, jnp.float32)}, {})
    saver.wait()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        saver.save(3, {"w": jnp.full((1_000_000,), 3.0)}, {})
        saver.wait()
    except UserError as error:
        print(error, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    saver.save(4, {"w": jnp.full((1000,), 4.0)}, {})
    saver.wait()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    saver.save(5, {"w": jnp.full((1_000_000,), 5.0)}, {})
    saver.close()


run_main(main)
