"""Saves without pause, and dies at a named moment of the third save or when it is killed."""

import os
import shutil
import sys
from pathlib import Path

import jax.numpy as jnp

from jaxlm.checkpoint import arrays, commit, writer
from jaxlm.checkpoint.config import CheckpointConfig

DIE_AT = 3


def die(*_args: object, **_settings: object) -> None:
    os._exit(137)


def die_deleting(path: Path, **_settings: object) -> None:
    if path.name.startswith(".trash-"):
        (path / "manifest.json").unlink()
        die()


def arm(moment: str) -> None:
    """Replaces the function that runs at the moment by one that ends the process."""
    if moment == "while_writing":
        arrays.ArrayWriter.wait = die
    elif moment == "before_manifest":
        writer.write_manifest = die
    elif moment == "before_rename":
        commit._sync_tree = die
    elif moment == "while_replacing":
        rename = os.rename
        os.rename = lambda source, target: (rename(source, target), die())
    elif moment == "after_rename":
        writer.apply_retention = die
    elif moment == "during_delete":
        shutil.rmtree = die_deleting


def main() -> None:
    directory, moment, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    commit.prepare_directory(directory)
    saver = writer.Writer(directory, CheckpointConfig(keep=2))
    step = first
    while True:
        saver.save(step, {"w": jnp.full((50_000,), step, jnp.float32)}, {})
        saver.wait()
        print(step, flush=True)
        step += 1
        if step == DIE_AT and moment != "when_killed":
            step -= moment == "while_replacing"
            arm(moment)


main()
