"""Programs that a benchmark times: a training run that is stopped and continued, and bare steps."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from jaxlm.config import TrainConfig
from jaxlm.config.loader import load
from jaxlm.config.serialise import to_json
from jaxlm.monitor import metrics

ROOT = Path(__file__).resolve().parent.parent
RECIPE = "benchmarks/llama_36m.py"
TORCH_REQUIREMENTS = ROOT / "benchmarks/requirements-torch.txt"
_POLL_SECONDS = 0.02


class WorkerError(Exception):
    """A worker ended before its answer; the message holds its last words."""


class OutOfMemoryError(WorkerError):
    """The step does not fit the device."""


class Worker:
    """A process in a session of its own, which is killed at the end whatever it does."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = command
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        self.pid = self._process.pid

    def last_words(self) -> str:
        """The end of what it wrote to standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-2000:]

    def close(self) -> None:
        """Ends the process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.communicate()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class StepWorker(Worker):
    """A bare step: answers each line of its input with a line of JSON.

    Attributes:
      facts: What the worker said when it was ready.
      peak_bytes: Memory, as last reported.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        limit_seconds: float | None = None,
    ) -> None:
        """Starts the worker and waits until it is ready.

        Args:
          command: What to run.
          environment: Variables to add.
          limit_seconds: Life of the worker; afterwards it is killed.

        Raises:
          OutOfMemoryError: The step does not fit the device.
          WorkerError: The worker failed or was killed.
        """
        super().__init__(command, environment)
        self._timer = threading.Timer(limit_seconds or threading.TIMEOUT_MAX, self._process.kill)
        self._timer.daemon = True
        self._timer.start()
        self.peak_bytes: int | None = None
        try:
            self.facts = self._answer()
        except WorkerError:
            self.close()
            raise

    def window(self, num_steps: int) -> float:
        """Takes an untimed step and then the timed ones; returns the mean seconds of these."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{num_steps}\n")
        self._process.stdin.flush()
        answer = self._answer()
        self.peak_bytes = answer["peak_bytes"]
        return float(answer["step_seconds"])

    def close(self) -> None:
        self._timer.cancel()
        super().close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                answer = json.loads(line)
                if "error" in answer:
                    raise OutOfMemoryError(answer["error"])
                return dict(answer)
        raise WorkerError(self.last_words() or "killed: its time was over")


class TrainRun(Worker):
    """`python -m jaxlm.train`, stopped by a signal while it is not its turn."""

    def __init__(self, arguments: Sequence[str], run_dir: Path) -> None:
        # Without a compilation cache that the environment may name, so that a start is cold.
        super().__init__(
            [sys.executable, "-m", "jaxlm.train", *arguments, f"run_dir={run_dir}"],
            {"JAX_ENABLE_COMPILATION_CACHE": "false"},
        )
        self._metrics = run_dir / "metrics.jsonl"

    def wait_for_steps(self, num_steps: int) -> list[float]:
        """Waits until so many steps are logged; returns the seconds of each."""
        while len(seconds := self._step_seconds()) < num_steps:
            if self._process.poll() is not None:
                raise WorkerError(self.last_words())
            time.sleep(_POLL_SECONDS)
        return seconds

    def pause(self) -> None:
        os.killpg(self.pid, signal.SIGSTOP)

    def window(self, num_steps: int) -> float:
        """Lets the run go on; returns the mean seconds of a step, by the run's own log.

        The step that the signal had stopped is left out.
        """
        first = len(self._step_seconds()) + 1
        os.killpg(self.pid, signal.SIGCONT)
        seconds = self.wait_for_steps(first + num_steps)
        self.pause()
        return sum(seconds[first : first + num_steps]) / num_steps

    def _step_seconds(self) -> list[float]:
        if not self._metrics.exists():
            return []
        records = metrics.read(self._metrics)
        return [record["step_seconds"] for record in records if "step_seconds" in record]


def run_length(num_windows: int, num_steps: int) -> list[str]:
    """Settings of a run that outlasts its windows, but ends if the benchmark is killed."""
    length = 200 + 2 * num_windows * (num_steps + 2)
    return [f"num_steps={length}", f"checkpoint.every_steps={length}"]


def bare_step(config: Path, packed: bool, **options: Any) -> StepWorker:
    """Starts the product's bare step; options as of `StepWorker`."""
    flags = ["--packed"] if packed else []
    command = [sys.executable, "-m", "benchmarks.jax_step", str(config), *flags]
    return StepWorker(command, **options)


def torch_step(python: Path, config: Path, how: str, **options: Any) -> StepWorker:
    """Starts the peer's step under another interpreter; options as of `StepWorker`."""
    command = [str(python), "benchmarks/torch_step.py", str(config), "--compile", how]
    return StepWorker(command, **options)


def end_on_sigterm() -> None:
    """Lets SIGTERM end the benchmark as an error does, so that no stopped worker is left behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def ensure_torch(python: Path) -> None:
    """Makes a virtual environment with torch, unless its interpreter is there."""
    if python.exists():
        return
    if python.parent.name != "bin":
        raise SystemExit(f"{python} does not exist, and is not ENVIRONMENT/bin/python to be made")
    print(f"installing {TORCH_REQUIREMENTS.read_text().strip()} for {python}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--requirement"]
    subprocess.run([*install, str(TORCH_REQUIREMENTS)], check=True)


def train_config(arguments: Sequence[str]) -> TrainConfig:
    """The configuration that a command line of `jaxlm.train` describes."""
    return load(arguments).config


def write_config(config: TrainConfig, folder: Path) -> Path:
    """Writes a config.json for the workers."""
    path = folder / "config.json"
    path.write_text(json.dumps(to_json(config)))
    return path
