"""From the start of the process to the first step of `jaxlm.train`, part by part.

The parts come from the run's own record of events. Two constants of the machine stand beside them,
so that starts on different machines compare: the time to import jax, and the time to compile a
fixed program that has nothing to do with jaxlm.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.workers import ROOT, TrainRun

IMPORT = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"
REFERENCE = "from benchmarks.startup import reference_compile as r; print(r())"
TOTAL = "process start to first step"


def reference_compile() -> float:
    """Seconds to trace and compile the gradient of eight unrolled dense layers."""
    import jax
    import jax.numpy as jnp

    def loss(weights: Any, x: Any) -> Any:
        for w in weights:
            x = jnp.tanh(x @ w)
        return jnp.mean(x * x)

    weights = [jnp.ones((256, 256))] * 8
    began = time.perf_counter()
    jax.jit(jax.value_and_grad(loss)).lower(weights, jnp.ones((64, 256))).compile()
    return time.perf_counter() - began


def constants(repeats: int) -> dict[str, float]:
    """Median seconds of what the machine needs for fixed things, each in a fresh process."""
    programs = {
        "import jax": IMPORT.format("jax"),
        "import jaxlm.train": IMPORT.format("jaxlm.train"),
        "reference compile": REFERENCE,
    }
    return {
        name: statistics.median(_printed_seconds(program) for _ in range(repeats))
        for name, program in programs.items()
    }


def cold_start(arguments: Sequence[str]) -> dict[str, float]:
    """Seconds of each part of one start; the token store is there already.

    Args:
      arguments: Command line of `jaxlm.train` without `run_dir`.
    """
    with tempfile.TemporaryDirectory() as folder:
        run_dir, began = Path(folder) / "run", time.time()
        with TrainRun(arguments, run_dir) as run:
            run.wait_for_steps(1)
            total = time.time() - began
        lines = (run_dir / "events.jsonl").read_text().splitlines()
    return parts(began, total, [json.loads(line) for line in lines])


def parts(began: float, total: float, events: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Cuts a start at its events.

    Args:
      began: Unix time of the process's start.
      total: Seconds until the first step was logged.
      events: Of `events.jsonl`, each with its `seconds` and the Unix `time` of its end.
    """
    ended = {event["event"]: event["time"] - began for event in events}
    lasted = {event["event"]: event["seconds"] for event in events}
    return {
        "interpreter, imports, settings, run directory": ended["prepare"] - lasted["prepare"],
        "opening the token store": lasted["prepare"],
        "model, first parameters": ended["compile"] - lasted["compile"] - ended["prepare"],
        "compiling the step": lasted["compile"],
        "opening log and loader": ended["evaluation"] - lasted["evaluation"] - ended["compile"],
        "first validation, its compilation included": lasted["evaluation"],
        "first step": total - ended["evaluation"],
        TOTAL: total,
    }


def measure(arguments: Sequence[str], repeats: int) -> str:
    """Prepares the token store, then times starts; a table of medians."""
    cold_start(arguments)  # makes the token store, and reads every file once
    fixed = constants(repeats)
    starts = [cold_start(arguments) for _ in range(repeats)]
    medians = {part: statistics.median(start[part] for start in starts) for part in starts[0]}
    rows = [(name, f"{value:.2f}", "", "") for name, value in fixed.items()]
    rows += [
        (
            part,
            f"{value:.2f}",
            f"{value / fixed['import jax']:.1f}",
            f"{value / fixed['reference compile']:.1f}",
        )
        for part, value in medians.items()
    ]
    return tables.markdown(("what", "seconds", "of import jax", "of reference compile"), rows)


def _printed_seconds(program: str) -> float:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(done.stdout)
