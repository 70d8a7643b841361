"""MFU, memory and compile time of a 1B and an 8B Llama step on one GPU, and the same in PyTorch.

    python -m benchmarks.gpu --torch-python PATH/bin/python --output gpu.jsonl

Each row is a process of its own with the device to itself: the product's step (cuDNN attention,
rows of one document, so causal without a mask) or the peer's (`torch_step.py`: torch.compile,
fused attention, fused AdamW), for one rematerialisation policy. The batch is the largest power of
two that fits, up to --tokens in a step: it starts at the estimate that `--dry-run` prints too, and
halves where memory runs out. Rows come in the order of their worth; when --seconds are over, the
rest says so. XLA_FLAGS of the environment reach the product's step and are printed.

`--smoke` runs every part with tiny sizes on any device, to show that it works.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from benchmarks import tables
from benchmarks.gpu_rows import JAX, TORCH, Bench, Case, Row, can_import_torch, table
from benchmarks.workers import ROOT, end_on_sigterm
from jaxlm.layers.compute import RematPolicy

ONE = Case("1B", "configs/llama3_1b.py", 4096, "float32")
# In float32 parameters, gradients and moments of 8B would be 128 GB; in bfloat16 they are 64 GB.
EIGHT = Case("8B", "configs/llama3_8b.py", 8192, "bfloat16")
PLAN: tuple[tuple[Case, RematPolicy], ...] = (
    (ONE, "dots"),
    (EIGHT, "full"),
    (ONE, "full"),
    (EIGHT, "dots"),
    (ONE, "none"),
)
COUNTING = """\
FLOPs of a token: 6 for each weight in a product, and 6 x layers x sequence x heads x head size for
causal attention (the half that the mask leaves); the column "full attention" counts all of it, as
PaLM does. Recomputation does not count. MFU is of the data sheet's dense bfloat16 peak."""


def probe(smoke: bool) -> dict[str, Any]:
    """What the device is; asked in a process of its own, which gives the memory back."""
    size = ["--matmul-size", "256"] if smoke else []
    command = [sys.executable, "-m", "benchmarks.device", *size]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(bench: Bench, plan: Sequence[tuple[Case, RematPolicy]]) -> Iterator[Row]:
    """Yields the rows of a plan, the product's and the peer's in turn."""
    has_torch = can_import_torch(bench.torch_python)
    for case, remat in plan:
        yield bench.row(case, remat, JAX)
        if has_torch:
            yield bench.row(case, remat, TORCH)
        else:
            note = "not run: --torch-python names no interpreter with torch"
            yield Row(case.name, TORCH, remat, case.param_dtype, note=note)


def circumstances(device: dict[str, Any]) -> str:
    """Date, device and versions."""
    size = device["memory_bytes"]
    return tables.circumstances(
        device=device["kind"],
        memory="n/a" if size is None else f"{size / 2**30:.1f} GiB",
        fastest_bfloat16_product=f"{device['matmul_flops_per_second'] / 1e12:.4g} TFLOP/s",
        XLA_FLAGS=os.environ.get("XLA_FLAGS") or "none",
    )


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--torch-python", type=Path, help="an interpreter that has torch")
    parser.add_argument("--cases", nargs="+", choices=("1B", "8B"), default=["1B", "8B"])
    parser.add_argument("--remat", nargs="+", choices=("none", "dots", "full"))
    parser.add_argument("--tokens", type=int, default=32_768, help="most tokens in a step")
    parser.add_argument("--windows", type=int, default=3, help="the median counts")
    parser.add_argument("--steps", type=int, default=4, help="timed steps in a window")
    parser.add_argument("--seconds", type=float, default=540.0, help="for all rows together")
    parser.add_argument("--output", type=Path, help="append each row to this file, as JSON")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, on any device")
    return parser.parse_args()


def main() -> None:
    arguments = options()
    end_on_sigterm()
    plan = [
        (case, remat)
        for case, remat in PLAN
        if case.name in arguments.cases and remat in (arguments.remat or [remat])
    ]
    # This process counts FLOPs and estimates memory; the GPU is for the workers.
    jax.config.update("jax_platforms", "cpu")
    deadline = time.monotonic() + arguments.seconds
    device = probe(arguments.smoke)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(
            device=device,
            folder=Path(folder),
            deadline=deadline,
            max_tokens=256 if arguments.smoke else arguments.tokens,
            num_windows=arguments.windows,
            num_steps=arguments.steps,
            torch_python=arguments.torch_python,
            smoke=arguments.smoke,
        )
        for row in measure(bench, plan):
            rows.append(row)
            line = json.dumps(dataclasses.asdict(row) | {"device": device["kind"]})
            print(line, file=sys.stderr, flush=True)
            if arguments.output:
                with arguments.output.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
    print(f"{circumstances(device)}\n\n{table(rows)}\n\n{COUNTING}")


if __name__ == "__main__":
    main()
