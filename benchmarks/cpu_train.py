"""Tokens per second of `jaxlm.train`, data, metrics and log included, against PyTorch's bare step.

    python -m benchmarks.cpu_train --torch-python .venv-torch/bin/python

Both train the Llama of `llama_36m.py` in float32 with AdamW and clipping on all cores, in turns.
The peer has one fixed batch and no loop around its step, which is in its favour. Where the
interpreter of --torch-python does not exist, its environment is made first.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import tables, timing
from benchmarks.timing import Side, Window
from benchmarks.workers import (
    RECIPE,
    TrainRun,
    end_on_sigterm,
    ensure_torch,
    run_length,
    torch_step,
    train_config,
    write_config,
)
from jaxlm.config import TrainConfig

JAXLM, TORCH = "jaxlm.train", "torch.compile"


def measure(
    overrides: list[str], torch_python: Path, num_windows: int, num_steps: int
) -> tuple[TrainConfig, str, dict[str, list[Window]]]:
    """Times both sides in turns.

    Args:
      overrides: Settings that differ from the recipe's.
      torch_python: An interpreter that has torch.
      num_windows: Windows of each side.
      num_steps: Timed steps in a window.

    Returns:
      The configuration, the version of torch, and the windows by side.
    """
    arguments = [RECIPE, *run_length(num_windows, num_steps), *overrides]
    config = train_config(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = write_config(config, Path(folder))
        with TrainRun(arguments, Path(folder) / "run") as run:
            run.wait_for_steps(2)
            run.pause()
            with torch_step(torch_python, path, "whole") as peer:
                sides: dict[str, Side] = {JAXLM: run, TORCH: peer}
                windows = timing.interleave(sides, num_windows, num_steps, show)
                return config, peer.facts["version"], windows


def report(config: TrainConfig, torch_version: str, windows: dict[str, list[Window]]) -> str:
    """The windows and what follows from them."""
    ours, theirs = windows[JAXLM], windows[TORCH]
    ratios = timing.ratios(theirs, ours)
    quiet = timing.quiet_pairs(ours, theirs)
    tokens = config.batch.size * config.batch.seq_len
    rows = [
        (
            str(number + 1),
            f"{tokens / a.step_seconds:.1f}",
            timing.cores(a),
            f"{tokens / b.step_seconds:.1f}",
            timing.cores(b),
            f"{ratios[number]:.3f}",
        )
        for number, (a, b) in enumerate(zip(ours, theirs, strict=True))
    ]
    header = ("window", f"{JAXLM} tokens/s", "others", f"{TORCH} tokens/s", "others", "ratio")
    medians = [
        f"{name}: median {tokens / statistics.median(w.step_seconds for w in side):.1f} tokens/s"
        for name, side in windows.items()
    ]
    return "\n".join(
        [
            tables.circumstances(torch=torch_version),
            "",
            tables.markdown(header, rows),
            "",
            *medians,
            f"ratio of times, torch over jaxlm: median {statistics.median(ratios):.3f}; "
            f"of the {len(quiet)} quiet turns {tables.number(timing.median_of(ratios, quiet))}",
        ]
    )


def show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cpu_train")
    parser.add_argument("--torch-python", type=Path, default=Path(".venv-torch/bin/python"))
    parser.add_argument("--windows", type=int, default=10, help="of each side")
    parser.add_argument("--steps", type=int, default=5, help="timed steps in a window")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value")
    arguments = parser.parse_args()
    end_on_sigterm()
    torch_python = arguments.torch_python.absolute()
    ensure_torch(torch_python)
    print(report(*measure(arguments.overrides, torch_python, arguments.windows, arguments.steps)))


if __name__ == "__main__":
    main()
