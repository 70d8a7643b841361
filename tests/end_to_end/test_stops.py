"""How a run that cannot go on leaves: its exit code, its one message, what stays on disk."""

import resource
import signal
import sys

import numpy as np
import pytest

from jaxlm.errors import ExitCode
from jaxlm.monitor import metrics
from tests.end_to_end.program import RECIPE, Running, Workplace
from tests.end_to_end.records import (
    assert_same_run,
    curve,
    final_arrays,
    good_steps,
    standing,
)

pytestmark = pytest.mark.slow
EVERY_STEP = "monitor.log_every_steps=1"


def assert_one_message(printed: str, start: str) -> None:
    """The last line is the error, and there is no traceback."""
    assert "Traceback" not in printed
    assert [line for line in printed.splitlines() if line.startswith("error:")] == [
        printed.splitlines()[-1]
    ]
    assert printed.splitlines()[-1].startswith(f"error: {start}"), printed


def test_ctrl_c_saves_the_step_and_leaves_with_75(workplace: Workplace, trained):
    run = workplace.folder / "ctrl-c"
    with workplace.start(str(RECIPE), f"run_dir={run}", EVERY_STEP) as running:
        running.wait_for_step(3)
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == ExitCode.RESTART
    assert standing(run) == ("preempted", curve(run)[-1][0])
    assert good_steps(run) == [curve(run)[-1][0]]
    assert "Traceback" not in running.output


def test_a_second_signal_stops_at_once_without_harm(workplace: Workplace, trained):
    run = workplace.folder / "impatient"
    command = (str(RECIPE), f"run_dir={run}", EVERY_STEP)
    with workplace.start(*command) as running:
        running.wait_for_step(60)
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGINT)
        assert running.finish() == ExitCode.RESTART
    assert "Traceback" not in running.output
    assert good_steps(run)[0] in (25, 50)
    assert workplace.train(*command).returncode == ExitCode.DONE
    assert_same_run(run, trained)


@pytest.mark.parametrize(
    ("name", "line"), [("preparing", "^read: done"), ("compiling", "^1 x cpu: compute")]
)
def test_a_signal_before_the_first_step_leaves_with_75(workplace: Workplace, trained, name, line):
    run = workplace.folder / name
    own_store = f"data.store_dir={name}-stores"
    with workplace.start(str(RECIPE), f"run_dir={run}", own_store) as running:
        running.wait_for(line)
        running.process.terminate()
        assert running.finish() == ExitCode.RESTART
    assert running.output.endswith("interrupted\n")
    assert "Traceback" not in running.output
    assert standing(run) == ("preempted", 0)
    assert not list(workplace.folder.glob(f"{name}-stores/*.building-*"))


def limit_file_size(running: Running, num_bytes: int) -> None:
    """From now on, a write beyond this size fails as on a full disk."""
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (num_bytes, num_bytes))


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
def test_a_disk_that_fills_up_leaves_with_74_and_spares_what_is_saved(
    workplace: Workplace, trained
):
    run = workplace.folder / "full"
    command = (str(RECIPE), f"run_dir={run}", EVERY_STEP)
    with workplace.start(*command) as running:
        running.wait_for("saved 50 ")
        limit_file_size(running, 100_000)  # less than the arrays, more than the logs
        assert running.finish() == ExitCode.STORAGE
    assert_one_message(running.output, "step ")
    assert "was not saved" in running.output and "the disk is full" in running.output
    assert set(good_steps(run)) >= {50}
    assert not list((run / "checkpoints").glob(".*"))
    assert standing(run)[0] == "failed"
    assert workplace.train(*command).returncode == ExitCode.DONE
    assert_same_run(run, trained)


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
def test_logs_that_no_longer_fit_leave_with_74(workplace: Workplace, trained):
    run = workplace.folder / "full-logs"
    with workplace.start(str(RECIPE), f"run_dir={run}", EVERY_STEP) as running:
        running.wait_for_step(10)
        limit_file_size(running, 8000)
        assert running.finish() == ExitCode.STORAGE
    assert_one_message(running.output, f"{run}")
    assert metrics.read(run / "metrics.jsonl")[-1]["step"] >= 10


def test_a_diverging_run_leaves_with_76_and_finite_parameters(workplace: Workplace):
    run = workplace.folder / "diverging"
    settings = ("optim.peak_lr=1e30", "checkpoint.every_steps=1", "sampling.prompts=")
    result = workplace.train(str(RECIPE), f"run_dir={run}", *settings)
    assert result.returncode == ExitCode.NUMERIC
    printed = result.stderr.splitlines()
    skipped = [line for line in printed if line.endswith("not finite, update dropped")]
    assert len(skipped) == 3
    assert "Traceback" not in result.stderr
    assert printed[-1].startswith("error: 3 steps in a row") and "peak_lr" in printed[-1]
    arrays = final_arrays(run)
    assert len([path for path in arrays if path.startswith("params/")]) > 5
    assert all(np.isfinite(array).all() for array in arrays.values())
