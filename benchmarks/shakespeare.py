"""Validation loss and wall time of configs/shakespeare_char.py, the whole command, by seed.

    python -m benchmarks.shakespeare --text tinyshakespeare.txt --seeds 0 1

Each seed is one `python -m jaxlm.train` from text to report, with a token store of its own. The
loss is over the whole validation split, after the last step.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import tables
from benchmarks.timing import Load
from benchmarks.workers import ROOT
from jaxlm.monitor import metrics

RECIPE = "configs/shakespeare_char.py"


class Result(NamedTuple):
    """What one run gave.

    Attributes:
      seed: Its seed.
      validation_loss: In nats a character, after the last step.
      wall_seconds: From the start of the process to its end.
      step_seconds: Median of a step.
      other_cores: Cores used by other processes meanwhile; none where the system does not tell.
      evaluation_seconds: Sum over the evaluations.
    """

    seed: int
    validation_loss: float
    wall_seconds: float
    step_seconds: float
    other_cores: float | None
    evaluation_seconds: float


def train(text: Path, seed: int, overrides: Sequence[str]) -> Result:
    """Runs the recipe once, in a temporary directory."""
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        command = [sys.executable, "-m", "jaxlm.train", RECIPE, f"data.path={text}", f"seed={seed}"]
        command += [f"data.store_dir={folder}/stores", f"run_dir={run_dir}", *overrides]
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT)
        load = Load([process.pid])
        cores = wait(process, load)
        wall = time.perf_counter() - began
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
        records = metrics.read(run_dir / "metrics.jsonl")
        lines = (run_dir / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return Result(
        seed=seed,
        validation_loss=[r["validation_loss"] for r in records if "validation_loss" in r][-1],
        wall_seconds=wall,
        step_seconds=statistics.median(r["step_seconds"] for r in records if "step_seconds" in r),
        other_cores=cores,
        evaluation_seconds=sum(e["seconds"] for e in events if e["event"] == "evaluation"),
    )


def wait(process: subprocess.Popen, load: Load) -> float | None:
    """Waits for the end of a process; returns the others' load as last seen before it."""
    cores = load.other_cores()
    while True:
        try:
            process.wait(timeout=1.0)
            return cores
        except subprocess.TimeoutExpired:
            cores = load.other_cores()


def report(results: Sequence[Result]) -> str:
    """A row for each seed, and their mean."""
    rows = [
        (
            str(r.seed),
            f"{r.validation_loss:.4f}",
            f"{r.wall_seconds:.1f}",
            f"{1000 * r.step_seconds:.1f}",
            f"{r.evaluation_seconds:.1f}",
            tables.number(r.other_cores, ".2f"),
        )
        for r in results
    ]
    mean = statistics.fmean(r.validation_loss for r in results)
    wall = statistics.fmean(r.wall_seconds for r in results)
    header = ("seed", "validation loss", "wall s", "ms/step", "evaluation s", "cores of others")
    return "\n".join(
        [
            tables.circumstances(),
            "",
            tables.markdown(header, [*rows, ("mean", f"{mean:.4f}", f"{wall:.1f}", "", "", "")]),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shakespeare")
    parser.add_argument("--text", type=Path, required=True, help="path of tinyshakespeare.txt")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="section.key=value", help="change the recipe"
    )
    arguments = parser.parse_args()
    text = arguments.text.absolute()
    print(report([train(text, seed, arguments.set) for seed in arguments.seeds]))


if __name__ == "__main__":
    main()
