"""Stopped, repeated, damaged: a run goes on as if nothing had happened."""

import shutil
from pathlib import Path

import pytest

import jaxlm.train
from jaxlm.errors import ExitCode, UserError
from jaxlm.run_directory import read_config
from tests.end_to_end.program import RECIPE, Workplace
from tests.end_to_end.records import assert_same_run, curve, events, good_steps, status


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
    assert status(run) == {"status": "preempted", "step": stopped}
    assert good_steps(run)[-1] == stopped
    assert f"SIGTERM: saved step {stopped}; resume with: python -m jaxlm.train" in first.output

    second = workplace.train(*command)
    assert second.returncode == ExitCode.DONE, second.stderr
    assert f"resuming from step {stopped} (repeated/checkpoints/step_000000" in second.stderr
    assert_same_run(run, trained)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    workplace: Workplace, trained: Path
):
    run = workplace.folder / "damaged"
    shutil.copytree(trained, run)
    (run / "status.json").unlink()
    newest = run / "checkpoints" / "step_00000200"
    data = max((path for path in newest.rglob("*") if path.is_file()), key=lambda p: p.stat().st_size)
    flip_bit(data)
    result = workplace.train(str(RECIPE), "run_dir=damaged")
    assert result.returncode == ExitCode.DONE, result.stderr
    message = next(line for line in result.stderr.splitlines() if "is damaged" in line)
    assert str(data.relative_to(newest)) in message and "expected SHA-256" in message
    assert "resuming from step 196" in result.stderr
    assert (run / "checkpoints/quarantine/step_00000200/reason.json").exists()
    assert [event["step"] for event in events(run, "resume")] == [196]
    assert_same_run(run, trained)


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_nothing_usable_left_never_means_a_fresh_start(workplace, trained, monkeypatch):
    run = workplace.folder / "hopeless"
    shutil.copytree(trained, run)
    (run / "status.json").unlink()
    for manifest in run.glob("checkpoints/*/manifest.json"):
        manifest.write_bytes(manifest.read_bytes()[:-20])
    monkeypatch.chdir(workplace.folder)
    with pytest.raises(UserError, match=r"no checkpoint .* can be used") as caught:
        jaxlm.train.run(read_config(run), run, "command")
    assert caught.value.exit_code == ExitCode.UNUSABLE
    assert curve(run) == curve(trained)
