"""What the training loop costs over its bare step, and what a start costs.

    python -m benchmarks.loop_overhead

The loop is `python -m jaxlm.train` with data, metrics and log; the bare step is the same program
on one fixed batch. They take turns.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import startup, tables, timing
from benchmarks.timing import Window
from benchmarks.workers import (
    RECIPE,
    TrainRun,
    bare_step,
    end_on_sigterm,
    run_length,
    train_config,
    write_config,
)

LOOP, BARE = "jaxlm.train", "bare step"


def measure(overrides: list[str], num_windows: int, num_steps: int) -> dict[str, list[Window]]:
    """Times the loop and its step in turns.

    Args:
      overrides: Settings that differ from the recipe's.
      num_windows: Windows of each side.
      num_steps: Timed steps in a window.
    """
    arguments = [RECIPE, *run_length(num_windows, num_steps), *overrides]
    with tempfile.TemporaryDirectory() as folder:
        path = write_config(train_config(arguments), Path(folder))
        with TrainRun(arguments, Path(folder) / "run") as run:
            run.wait_for_steps(2)
            run.pause()
            with bare_step(path, packed=True) as bare:
                return timing.interleave({LOOP: run, BARE: bare}, num_windows, num_steps, show)


def report(windows: dict[str, list[Window]]) -> str:
    """The windows and the overhead."""
    loop, bare = windows[LOOP], windows[BARE]
    overheads = [ratio - 1 for ratio in timing.ratios(loop, bare)]
    quiet = timing.quiet_pairs(loop, bare)
    rows = [
        (
            str(number + 1),
            f"{a.step_seconds:.4f}",
            timing.cores(a),
            f"{b.step_seconds:.4f}",
            timing.cores(b),
            f"{overheads[number]:+.1%}",
        )
        for number, (a, b) in enumerate(zip(loop, bare, strict=True))
    ]
    header = ("window", f"{LOOP} s/step", "others", f"{BARE} s/step", "others", "overhead")
    return "\n".join(
        [
            tables.markdown(header, rows),
            "",
            f"overhead of the loop: median {statistics.median(overheads):+.1%}; of the "
            f"{len(quiet)} quiet turns {tables.number(timing.median_of(overheads, quiet), '+.1%')}",
        ]
    )


def show(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop_overhead")
    parser.add_argument("--windows", type=int, default=10, help="of each side; 0 leaves them out")
    parser.add_argument("--steps", type=int, default=5, help="timed steps in a window")
    parser.add_argument("--starts", type=int, default=3, help="timed starts; 0 leaves them out")
    parser.add_argument("overrides", nargs="*", metavar="section.key=value")
    arguments = parser.parse_args()
    end_on_sigterm()
    print(tables.circumstances())
    if arguments.starts:
        print("\n" + startup.measure([RECIPE, *arguments.overrides], arguments.starts), flush=True)
    if arguments.windows:
        print("\n" + report(measure(arguments.overrides, arguments.windows, arguments.steps)))


if __name__ == "__main__":
    main()
