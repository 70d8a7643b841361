"""Stopped, repeated, damaged: a run goes on as if nothing had happened."""

from pathlib import Path

import pytest

import jaxlm.train
from jaxlm.errors import ExitCode, UserError
from jaxlm.run_directory import read_config
from tests.end_to_end.program import Workplace
from tests.end_to_end.records import assert_same_run, curve, good_steps, standing


def test_a_repeated_run_is_bit_equal_across_a_signal(workplace: Workplace, trained: Path):
    """From the config.json of another run, stopped once, and guarded against a second writer."""
    run = workplace.folder / "repeated"
    command = (str(trained / "config.json"), "run_dir=repeated", "monitor.log_every_steps=1")
    with workplace.start(*command) as first:
        first.wait_for_step(20)
        with pytest.raises(UserError, match=f"process {first.process.pid} on host") as caught:
            jaxlm.train.run(read_config(run), run, "a second writer")
        assert caught.value.exit_code == ExitCode.LOCKED
        first.process.terminate()
        assert first.finish() == ExitCode.RESTART
    stopped = curve(run)[-1][0]
    assert 20 <= stopped < 200
    assert standing(run) == ("preempted", stopped)
    assert good_steps(run)[-1] == stopped
    resume_command = (run / "command.txt").read_text()
    assert f"SIGTERM: saved step {stopped}; resume with: {resume_command}" in first.output

    second = workplace.train(*command)
    assert second.returncode == ExitCode.DONE, second.stderr
    assert f"resuming from step {stopped} (repeated/checkpoints/step_000000" in second.stderr
    assert_same_run(run, trained)
