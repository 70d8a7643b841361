"""Writers that die, and disks that fill up: what was committed stays, and the next run goes on."""

import random
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlm.checkpoint.commit import prepare_directory
from jaxlm.checkpoint.fallback import newest_good
from jaxlm.checkpoint.restore import restore
from jaxlm.checkpoint.steps import list_steps
from jaxlm.errors import ExitCode

HERE = Path(__file__).parent


def start(directory, moment, first=1):
    command = [sys.executable, str(HERE / "crash_worker.py"), str(directory), moment, str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def resume(directory):
    """Does what the next run does, and checks that the state it gets is whole."""
    prepare_directory(directory)
    info = newest_good(directory, pytest.fail)
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    wanted = {"w": jax.ShapeDtypeStruct((50_000,), jnp.float32, sharding=sharding)}
    np.testing.assert_array_equal(restore(info, wanted)["w"], info.step)
    assert {path.name for path in directory.iterdir()} == {
        known.path.name for known in list_steps(directory)
    }
    return info.step


@pytest.mark.parametrize(
    ("moment", "survivor"),
    [
        ("while_writing", 2),
        ("before_manifest", 2),
        ("before_rename", 2),
        ("while_replacing", 2),
        ("after_rename", 3),
        ("during_delete", 3),
    ],
)
def test_a_writer_may_die_at_any_moment(tmp_path, moment, survivor):
    process = start(tmp_path, moment)
    process.communicate(timeout=60)
    assert process.returncode == 137
    assert resume(tmp_path) == survivor


def kill_at_random(directory, trials, rng):
    step = 0
    for _ in range(trials):
        with start(directory, "when_killed", step + 1) as process:
            process.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0.0, 0.5))
            process.kill()
            said = process.stdout.read().split()
        reached = resume(directory)
        assert reached >= max([step + 1, *map(int, said)]), "a committed step was lost"
        step = reached


def test_kill_at_random_moments(tmp_path):
    kill_at_random(tmp_path, 3, random.Random(0))


@pytest.mark.crash
def test_many_kills_at_random_moments(tmp_path):
    kill_at_random(tmp_path, 20, random.Random(1))


def test_a_full_disk_ends_with_74_and_spares_older_checkpoints(tmp_path):
    worker = [sys.executable, str(HERE / "disk_full_worker.py"), str(tmp_path), "1000000"]
    result = subprocess.run(worker, capture_output=True, text=True, timeout=60)
    assert "step 3 was not saved" in result.stdout and "the disk is full" in result.stdout
    assert result.returncode == ExitCode.STORAGE, result.stderr
    assert result.stderr.startswith("error: step 5 was not saved")
    assert result.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"step_00000002", "step_00000004"}
    assert newest_good(tmp_path, pytest.fail).step == 4
