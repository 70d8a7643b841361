import contextlib
import dataclasses
import hashlib
import io
import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxlm.errors import ExitCode, UserError
from jaxlm.monitor.config import MonitorConfig
from jaxlm.monitor.progress import Progress
from jaxlm.monitor.run_log import MAX_SKIPPED, Pending, RunLog, fetch
from jaxlm.objectives.causal_lm import CausalLMConfig
from jaxlm.run_directory import RunDirectory
from tests.end_to_end.pico_recipe import get_config

STORE, SAMPLES = "5" * 64, np.arange(16, 24, dtype="<i8")
CONFIG = dataclasses.replace(get_config(), monitor=MonitorConfig(tensorboard=False))


@pytest.fixture
def screen():
    return io.StringIO()


def make_log(path, screen, config=CONFIG, start=0):
    progress = Progress(config.num_steps, 1, stream=screen)
    devices = jax.devices()
    return RunLog(config, RunDirectory(path), progress, devices, "float32", lambda _: STORE, start)


@pytest.fixture
def log(tmp_path, screen):
    with contextlib.closing(make_log(tmp_path, screen)) as log:
        yield log


def pending(step, loss=2.0, skipped=0, **more):
    numbers = {"loss": loss, "cross_entropy": loss, "grad_norm": 0.5, "learning_rate": 1e-3}
    metrics = {name: jnp.float32(value) for name, value in {**numbers, **more}.items()}
    return Pending(step, metrics | {"skipped": jnp.int32(skipped)}, 0.25, SAMPLES)


def read(tmp_path, name="metrics.jsonl"):
    path = tmp_path / name
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_fetch_brings_numbers_to_the_host():
    fetched = fetch(pending(1, skipped=2).metrics)
    assert all(type(value) is float for value in fetched.values())
    assert fetched["loss"] == 2.0 and fetched["skipped"] == 2.0


def test_a_step_becomes_a_record_on_disk_and_a_line(tmp_path, log, screen):
    log.step(pending(3, loss=1 / 3), None)
    (record,) = read(tmp_path)
    speed = record.pop("step_seconds"), record.pop("tokens_per_second")
    assert speed[0] * speed[1] == pytest.approx(8 * 32)
    digest = hashlib.sha256(f"{STORE} 0 ".encode() + SAMPLES.tobytes())
    assert record == {
        "step": 3,
        "loss": float(np.float32(1 / 3)),
        "loss_hex": float(np.float32(1 / 3)).hex(),
        "grad_norm": 0.5,
        "learning_rate": float(np.float32(1e-3)),
        "tokens": 3 * 8 * 32,
        "data_wait_seconds": 0.25,
        "sample_digest": digest.hexdigest()[:16],
    }
    assert screen.getvalue().startswith("step   3/200  loss 0.3333  lr 1.00e-03")


def test_the_clock_leaves_out_what_is_not_training(tmp_path, log):
    time.sleep(0.5)
    log.restart_clock()
    log.step(pending(1), None)
    log.step(pending(2), None)
    assert all(record["step_seconds"] < 0.5 for record in read(tmp_path))


def test_an_evaluation_is_on_record_and_on_screen(tmp_path, log, screen):
    assert not log.has_validation(0)
    log.validation(0, loss=4.5, bits_per_byte=2.25, seconds=1.5)
    assert log.has_validation(0)
    expected = {"step": 0, "validation_loss": 4.5, "validation_bits_per_byte": 2.25}
    assert read(tmp_path) == [expected]
    assert screen.getvalue() == "step 0: validation loss 4.5000, bits per byte 2.2500\n"
    (event,) = read(tmp_path, "events.jsonl")
    assert (event["event"], event["step"], event["seconds"]) == ("evaluation", 0, 1.5)


def test_a_resumed_log_cuts_off_what_will_come_again(tmp_path, screen):
    with contextlib.closing(make_log(tmp_path, screen)) as first:
        for step in (1, 2, 3):
            first.step(pending(step), None)
            first.validation(step, 4.0, 2.0, 0.1)
    with contextlib.closing(make_log(tmp_path, screen, start=2)) as second:
        assert [second.has_validation(step) for step in (1, 2, 3)] == [True, True, False]
        second.step(pending(3, loss=9.0), None)
    assert [record["step"] for record in read(tmp_path)] == [1, 1, 2, 2, 3]
    assert read(tmp_path)[-1]["loss"] == 9.0


def test_an_update_that_was_dropped_is_told(tmp_path, log, screen):
    log.step(pending(4, loss=float("inf"), skipped=1), None)
    message = "step 4: loss inf, gradient norm 0.5: not finite, update dropped"
    assert message in screen.getvalue()
    (event,) = read(tmp_path, "events.jsonl")
    assert (event["event"], event["step"]) == ("skipped", 4)
    assert read(tmp_path)[0]["loss"] == "Infinity"


def test_too_many_in_a_row_stop_the_run(log):
    for skipped in range(1, MAX_SKIPPED):
        log.step(pending(skipped, loss=float("nan"), skipped=skipped), None)
    with pytest.raises(UserError, match=r"3 steps in a row, the last of them 3") as caught:
        log.step(pending(3, loss=float("nan"), skipped=MAX_SKIPPED), None)
    assert caught.value.exit_code == ExitCode.NUMERIC
    assert "optim.peak_lr" in str(caught.value)


def test_several_terms_of_the_loss_are_kept_apart(tmp_path, screen):
    config = dataclasses.replace(CONFIG, objective=CausalLMConfig(z_loss_weight=1e-4))
    with contextlib.closing(make_log(tmp_path, screen, config)) as log:
        log.step(pending(1, loss=2.5, cross_entropy=2.0, z_loss=5000.0), None)
    (record,) = read(tmp_path)
    assert (record["loss"], record["cross_entropy"], record["z_loss"]) == (2.5, 2.0, 5000.0)


@pytest.mark.parametrize("wanted", [True, False])
def test_tensorboard_files_are_written_when_wanted(tmp_path, screen, wanted):
    config = dataclasses.replace(CONFIG, monitor=MonitorConfig(tensorboard=wanted))
    with contextlib.closing(make_log(tmp_path, screen, config)) as log:
        log.step(pending(1), None)
    files = list(tmp_path.glob("tensorboard/events.out.tfevents.*"))
    assert len(files) == wanted
    assert all(b"train/loss" in file.read_bytes() for file in files)
