"""The GPU benchmark: batches that fit, utilisation as counted by hand, rows that say why not."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu, gpu_rows, workers
from jaxlm.config import TrainConfig


def bench(**changes: Any) -> gpu_rows.Bench:
    settings: dict[str, Any] = {
        "device": {"kind": "NVIDIA H100 80GB HBM3", "memory_bytes": 80e9},
        "folder": Path(),
        "deadline": time.monotonic() + 1000,
        "max_tokens": 32_768,
        "num_windows": 3,
        "num_steps": 4,
        "torch_python": None,
        "smoke": False,
    }
    return gpu_rows.Bench(**settings | changes)


def test_the_batch_starts_where_the_estimate_fits() -> None:
    full = bench().first_batch(gpu.ONE, "full")
    assert full * gpu.ONE.seq_len == 32_768
    assert bench().first_batch(gpu.ONE, "none") <= full
    # Parameters, gradients and two moments of 8 billion in bfloat16 are 64 GB.
    batches = [
        bench(device={"kind": "", "memory_bytes": size}).first_batch(gpu.EIGHT, "full")
        for size in (64e9, 72e9)
    ]
    assert batches == [0, 1]


class FakeWorker:
    def __init__(self) -> None:
        self.facts = {"compile_seconds": 1.0, "first_loss": 2.0, "version": "3"}
        self.peak_bytes = 4

    def __enter__(self) -> "FakeWorker":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def window(self, num_steps: int) -> float:
        return 0.5


def test_the_batch_halves_until_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: gpu_rows.Bench, side: str, config: TrainConfig, seconds: float) -> FakeWorker:
        if config.batch.size > 2:
            raise workers.OutOfMemoryError
        return FakeWorker()

    monkeypatch.setattr(gpu_rows.Bench, "worker", start)
    row = bench().row(gpu.ONE, "full", gpu_rows.JAX)
    assert (row.batch, row.seq_len) == (2, 4096)
    speed = 2 * 4096 / 0.5
    assert row.tokens_per_second == speed
    # Of the published 1,235,814,400 parameters, 33 norms of 2048 are in no product.
    products = 6 * (1_235_814_400 - 33 * 2048)
    scores = 6 * 16 * 4096 * 2048
    assert row.mfu == pytest.approx(speed * (products + scores) / 989e12)
    assert row.mfu_full_attention == pytest.approx(
        2 * 4096 / 0.5 * (products + 2 * scores) / 989e12
    )


def test_what_is_not_measured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "time was over" in bench(deadline=0.0).row(gpu.ONE, "full", gpu_rows.JAX).note
    monkeypatch.setattr(
        gpu_rows.Bench, "row", lambda self, *_: gpu_rows.Row("1B", "j", "full", "f")
    )
    rows = list(gpu.measure(bench(), [(gpu.ONE, "full")]))
    assert "no interpreter with torch" in rows[1].note
    assert len(gpu_rows.table(rows).splitlines()) == 4


@pytest.mark.slow
def test_the_gpu_benchmark_runs_anywhere_with_tiny_sizes(tmp_path: Path) -> None:
    output = tmp_path / "rows.jsonl"
    command = [sys.executable, "-m", "benchmarks.gpu", "--smoke", "--cases", "1B", "--steps", "1"]
    command += ["--remat", "dots", "--windows", "1", "--output", str(output)]
    done = subprocess.run(command, cwd=workers.ROOT, capture_output=True, text=True, check=True)
    assert "| 1B | jaxlm" in done.stdout
    first = json.loads(output.read_text().splitlines()[0])
    assert first["note"] == ""
    assert first["tokens_per_second"] > 0
