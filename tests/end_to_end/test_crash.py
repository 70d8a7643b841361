"""`kill -9` at random moments of a run, saves included: the run that goes on is bit-equal."""

import os
import random
import time
from pathlib import Path

import pytest

from jaxlm.errors import ExitCode
from tests.end_to_end.program import RECIPE, Running, Workplace
from tests.end_to_end.records import assert_same_run, curve, events

LAST_MOMENT = 190
SETTINGS = ("checkpoint.every_steps=7", "monitor.log_every_steps=1")


@pytest.mark.crash
def test_kills_at_random_moments_change_nothing(workplace: Workplace, trained: Path):
    """One run, killed again and again; one that is equal at its end was resumed exactly each time.

    Every second kill waits for a save to begin.
    """
    trials = int(os.environ.get("JAXLM_CRASH_TRIALS", "3"))
    rng = random.Random(trials)
    run, num_torn = workplace.folder / "killed", 0
    command = (str(RECIPE), "run_dir=killed", *SETTINGS)
    for trial, moment in enumerate(sorted(rng.sample(range(1, LAST_MOMENT), trials))):
        with workplace.start(*command) as running:
            running.wait_for_step(moment)
            if trial % 2:
                wait_for_save(running, run / "checkpoints")
            else:
                time.sleep(rng.uniform(0.0, 0.05))
            running.process.kill()
            assert running.finish() == -9, "it ended before it was killed"
        num_torn += bool(unfinished_saves(run / "checkpoints"))
        assert curve(run), "nothing was on record"
    assert num_torn > 0, "no kill fell into a save"

    result = workplace.train(*command)
    assert result.returncode == ExitCode.DONE, result.stderr
    assert not unfinished_saves(run / "checkpoints")
    assert len(events(run, "resume")) >= trials - 1  # the first kill may precede the first save
    assert_same_run(run, trained)


def wait_for_save(running: Running, checkpoints: Path) -> None:
    while not unfinished_saves(checkpoints) and running.process.poll() is None:
        time.sleep(0.001)


def unfinished_saves(checkpoints: Path) -> list[Path]:
    return list(checkpoints.glob(".tmp-step_*"))
