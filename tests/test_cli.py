"""`jaxlm NAME` against `python -m jaxlm.NAME`, as separate programs."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import jaxlm
from jaxlm.cli import COMMANDS, commands
from jaxlm.errors import ExitCode

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *options, "-m", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=120,
    )


def test_help_answers_within_a_second_and_imports_nothing_heavy() -> None:
    start = time.perf_counter()
    result = run("jaxlm", "--help", options=("-X", "importtime"))
    seconds = time.perf_counter() - start
    assert result.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "jaxlm.cli" in imported
    assert not imported & {"jax", "numpy", "flax", "tyro", "rich"}
    assert seconds < 1.0
    for name, line in commands().items():
        assert f"  {name}" in result.stdout
        assert line in result.stdout


def test_version() -> None:
    assert run("jaxlm", "--version").stdout.strip() == jaxlm.__version__


def test_an_unknown_command_names_the_nearest() -> None:
    result = run("jaxlm", "trian")
    assert result.returncode == ExitCode.USAGE
    assert "unknown command trian; the nearest: train" in result.stderr
    assert "Traceback" not in result.stderr


def test_both_spellings_of_a_command_do_the_same() -> None:
    arguments = ("configs/quickstart.py", "optim.peek_lr=1", "batch.size=many")
    short, long = run("jaxlm", "train", *arguments), run("jaxlm.train", *arguments)
    assert short.returncode == long.returncode == ExitCode.USAGE
    assert short.stderr == long.stderr
    assert "2 problems" in short.stderr
    assert "Traceback" not in short.stderr
    assert short.stdout == long.stdout == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_can_be_run(name: str) -> None:
    assert name in commands()


def test_only_modules_that_can_be_run_are_commands(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text('if __name__ == "__main__":\n    pass\n')
    (tmp_path / "evaluate.py").write_text("class EvaluationConfig: ...\n")
    assert list(commands(tmp_path)) == ["train"]
