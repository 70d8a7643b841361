"""The programs as a user starts them: in a process of their own, seen through files and output."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RECIPE = Path(__file__).with_name("pico_recipe.py")


@dataclass(frozen=True)
class Workplace:
    """A working directory with text in it, and the environment of programs that run there."""

    folder: Path
    environment: dict[str, str]

    def train(
        self, *arguments: str, num_devices: int = 1, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Runs `python -m jaxlm.train` to its end."""
        with self.start(*arguments, num_devices=num_devices) as running:
            code = running.finish(timeout)
        return subprocess.CompletedProcess(arguments, code, stderr=running.output)

    @contextmanager
    def start(self, *arguments: str, num_devices: int = 1) -> Iterator["Running"]:
        """Starts `python -m jaxlm.train`; what still runs at the end of the block is killed."""
        flags = f"--xla_force_host_platform_device_count={num_devices}"
        environment = dict(self.environment)
        environment["XLA_FLAGS"] = f"{environment['XLA_FLAGS']} {flags}"
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "jaxlm.train", *arguments],
            cwd=self.folder,
            env=environment,
            stderr=subprocess.PIPE,
            pipesize=4096,  # a run cannot get far ahead of the test that reads its progress
            text=True,
        )
        with process:
            try:
                yield Running(process)
            finally:
                process.kill()


class Running:
    """A program that has been started.

    Attributes:
      process: Its process.
      output: What it has printed to standard error, as far as it was read.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = ""

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Reads until a line matches."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.output += line
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"ended without printing {pattern!r}:\n{self.output}")

    def wait_for_step(self, step: int) -> None:
        """Reads until a training step is reported; needs `monitor.log_every_steps=1`."""
        while int(self.wait_for(r"^step +(\d+)/")[1]) < step:
            pass

    def finish(self, timeout: float = 120) -> int:
        """Waits for the end and returns the exit code."""
        self.output += self.process.communicate(timeout=timeout)[1]
        return self.process.returncode


def child_environment(compilation_cache: Path) -> dict[str, str]:
    """The environment of a program: this process's flags, one device, and a shared cache.

    Most of a pico run's time is compiling, so that programs share what one of them compiled.
    """
    device_count = r"\s*--xla_force_host_platform_device_count=\d+"
    return {
        **os.environ,
        "PYTHONPATH": str(RECIPE.parents[2]),
        "XLA_FLAGS": re.sub(device_count, "", os.environ.get("XLA_FLAGS", "")),
        "JAX_COMPILATION_CACHE_DIR": str(compilation_cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
