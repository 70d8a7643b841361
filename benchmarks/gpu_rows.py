"""The rows of the GPU benchmark: what is trained, how one row is measured, how the table reads."""

import dataclasses
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp

from benchmarks import tables
from benchmarks.workers import (
    OutOfMemoryError,
    StepWorker,
    WorkerError,
    bare_step,
    torch_step,
    train_config,
    write_config,
)
from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.layers.compute import Compute, ComputeConfig, RematPolicy
from jaxlm.monitor.memory import memory_estimate
from jaxlm.monitor.throughput import flops_per_token, mfu, peak_flops
from jaxlm.parallel.mesh import ParallelConfig

JAX, TORCH = "jaxlm", "torch"
# Nothing else wants the device's memory; the rest stays for cuDNN and for the driver. No side may
# find what an earlier run has compiled.
JAX_ENVIRONMENT = {
    "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.95",
    "JAX_ENABLE_COMPILATION_CACHE": "false",
}
TORCH_ENVIRONMENT = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
MEMORY_SHARE = 0.9
# A row that cannot be compiled in this time is not begun.
LEAST_SECONDS = 30.0
TINY = {
    "vocab_size": 256,
    "d_model": 64,
    "d_ff": 128,
    "num_layers": 2,
    "num_heads": 8,
    "num_kv_heads": 2,
    "head_dim": 8,
}


class Case(NamedTuple):
    """A model to train.

    Attributes:
      name: As in the table.
      recipe: Whose model it is.
      seq_len: Tokens in a row.
      param_dtype: Type of parameters, gradients and moments.
    """

    name: str
    recipe: str
    seq_len: int
    param_dtype: Literal["float32", "bfloat16"]


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table; what is not known is none.

    Attributes:
      mfu: Share of the device's peak, causal attention counted at half.
      mfu_full_attention: The same with all of attention counted, as in PaLM.
      note: Why there are no numbers.
    """

    case: str
    side: str
    remat: str
    param_dtype: str
    seq_len: int | None = None
    batch: int | None = None
    step_seconds: float | None = None
    tokens_per_second: float | None = None
    mfu: float | None = None
    mfu_full_attention: float | None = None
    peak_bytes: int | None = None
    compile_seconds: float | None = None
    first_loss: float | None = None
    version: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """What all rows share.

    Attributes:
      device: What `device.py` says of it.
      folder: For temporary files.
      deadline: `time.monotonic()` after which no row goes on.
      max_tokens: Most tokens in a step.
      num_windows: Timed windows; their median counts.
      num_steps: Steps in a window.
      torch_python: An interpreter that has torch, or none.
      smoke: Use tiny sizes that run anywhere.
    """

    device: dict[str, Any]
    folder: Path
    deadline: float
    max_tokens: int
    num_windows: int
    num_steps: int
    torch_python: Path | None
    smoke: bool

    def row(self, case: Case, remat: RematPolicy, side: str) -> Row:
        """Measures one row with the largest batch that fits."""
        empty = Row(case.name, side, remat, case.param_dtype)
        batch = self.first_batch(case, remat)
        while batch:
            left = self.deadline - time.monotonic()
            if left < LEAST_SECONDS:
                return dataclasses.replace(empty, note="not run: the time was over")
            print(f"{case.name} {side}, remat {remat}, batch {batch}", file=sys.stderr, flush=True)
            config = self.config(case, remat, batch)
            try:
                with self.worker(side, config, left) as worker:
                    return self.measured(empty, config, worker)
            except OutOfMemoryError:
                batch //= 2
            except WorkerError as error:
                last = str(error).splitlines()[-1]
                return dataclasses.replace(empty, batch=batch, note=f"failed: {last[:160]}")
        return dataclasses.replace(empty, note="does not fit the device")

    def config(self, case: Case, remat: RematPolicy, batch: int) -> TrainConfig:
        """The run whose step is measured; its text is never read."""
        config = train_config([case.recipe])
        compute = ComputeConfig(
            dtype="float32" if self.smoke else "bfloat16",
            param_dtype=case.param_dtype,
            attention="blocked" if self.smoke else "cudnn",
            remat=remat,
        )
        seq_len, model = case.seq_len, config.model
        if self.smoke:
            seq_len, model = 64, dataclasses.replace(model, **TINY)
        return dataclasses.replace(
            config,
            model=model,
            compute=compute,
            batch=BatchConfig(size=batch, seq_len=seq_len),
            parallel=ParallelConfig(),
        )

    def first_batch(self, case: Case, remat: RematPolicy) -> int:
        """The largest power of two within `max_tokens` whose estimate leaves a margin.

        One row is tried without a margin; 0 says that by the estimate not even it fits.
        """
        limit = self.device["memory_bytes"]
        if limit is None:
            limit = math.inf
        if self.estimate(case, remat, 1) > limit:
            return 0
        batch, seq_len = 1, self.config(case, remat, 1).batch.seq_len
        while 2 * batch * seq_len <= self.max_tokens:
            if self.estimate(case, remat, 2 * batch) > MEMORY_SHARE * limit:
                break
            batch *= 2
        return batch

    def estimate(self, case: Case, remat: RematPolicy, batch: int) -> int:
        """Bytes that a step needs, from shapes alone."""
        config = self.config(case, remat, batch)
        dtypes = (jnp.dtype(config.compute.dtype), jnp.dtype(config.compute.param_dtype))
        return memory_estimate(config, Compute(*dtypes, "cudnn", remat), 1)["total"]

    def worker(self, side: str, config: TrainConfig, limit_seconds: float) -> StepWorker:
        """Starts one side's step."""
        path = write_config(config, self.folder)
        if side == JAX:
            environment = JAX_ENVIRONMENT
            return bare_step(path, False, environment=environment, limit_seconds=limit_seconds)
        assert self.torch_python is not None
        # Compiled as one, 32 layers would take minutes; torchtitan compiles by block too.
        how, environment = "none" if self.smoke else "blocks", TORCH_ENVIRONMENT
        return torch_step(
            self.torch_python, path, how, environment=environment, limit_seconds=limit_seconds
        )

    def measured(self, empty: Row, config: TrainConfig, worker: StepWorker) -> Row:
        """The row with its numbers."""
        times = sorted(worker.window(self.num_steps) for _ in range(self.num_windows))
        seconds = times[len(times) // 2]
        speed = config.batch.size * config.batch.seq_len / seconds
        peak, flops = peak_flops(self.device["kind"], "bfloat16"), flops_per_token(config)
        half = config.model.attention_flops_per_token(config.batch.seq_len)
        return dataclasses.replace(
            empty,
            seq_len=config.batch.seq_len,
            batch=config.batch.size,
            step_seconds=seconds,
            tokens_per_second=speed,
            mfu=mfu(speed, flops, peak, 1),
            mfu_full_attention=mfu(speed, flops + half, peak, 1),
            peak_bytes=worker.peak_bytes,
            compile_seconds=worker.facts["compile_seconds"],
            first_loss=worker.facts["first_loss"],
            version=worker.facts["version"],
        )


def can_import_torch(python: Path | None) -> bool:
    """Whether an interpreter is there and has torch."""
    if python is None or not python.exists():
        return False
    return subprocess.run([str(python), "-c", "import torch"], capture_output=True).returncode == 0


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    header = ["model", "step of", "remat", "parameters", "seq", "batch", "s/step", "tokens/s"]
    header += ["MFU", "MFU, full attention", "peak GiB", "compile s", "first loss", "note"]
    lines = [
        (
            row.case,
            f"{row.side} {row.version}".strip(),
            row.remat,
            row.param_dtype,
            tables.number(row.seq_len, "d"),
            tables.number(row.batch, "d"),
            tables.number(row.step_seconds),
            tables.number(row.tokens_per_second, ".0f"),
            tables.number(row.mfu, ".1%"),
            tables.number(row.mfu_full_attention, ".1%"),
            tables.number(row.peak_bytes and row.peak_bytes / 2**30, ".1f"),
            tables.number(row.compile_seconds, ".1f"),
            tables.number(row.first_loss, ".3f"),
            row.note,
        )
        for row in rows
    ]
    return tables.markdown(header, lines)
