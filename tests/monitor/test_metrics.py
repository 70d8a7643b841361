import json
import math
import os

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.errors import ExitCode, UserError
from jaxlm.monitor import metrics
from jaxlm.monitor.metrics import MetricsLog


def step_record(step, loss=1.0):
    return metrics.training_record(
        step=step,
        loss=loss,
        grad_norm=0.5,
        learning_rate=1e-3,
        tokens=step * 100,
        tokens_per_second=1000.0,
        step_seconds=0.1,
        data_wait_seconds=0.001,
        sample_digest="ab",
    )


def reject_constant(name):
    raise ValueError(f"{name} is not JSON")


def test_a_training_record_has_the_documented_keys():
    assert list(step_record(1)) == [
        "step",
        "loss",
        "loss_hex",
        "grad_norm",
        "learning_rate",
        "tokens",
        "tokens_per_second",
        "step_seconds",
        "data_wait_seconds",
        "sample_digest",
    ]


@settings(deadline=None, max_examples=50)
@given(st.floats(width=32))
def test_loss_hex_keeps_every_bit(loss):
    restored = float.fromhex(step_record(1, np.float32(loss))["loss_hex"])
    assert np.float32(restored).tobytes() == np.float32(loss).tobytes() or math.isnan(loss)


@settings(deadline=None, max_examples=50)
@given(st.floats())
def test_any_float_is_strict_json_and_reads_back(tmp_path_factory, value):
    line = metrics.encode({"step": 1, "loss": value})
    json.loads(line, parse_constant=reject_constant)
    path = tmp_path_factory.mktemp("log") / "metrics.jsonl"
    path.write_text(line + "\n")
    assert metrics.read(path)[0]["loss"] == pytest.approx(value, rel=0, abs=0, nan_ok=True)


def test_array_scalars_are_written_as_numbers():
    record = {"step": jnp.int32(3), "loss": jnp.float32(0.5), "norm": np.float32("inf")}
    assert json.loads(metrics.encode(record)) == {"step": 3, "loss": 0.5, "norm": "Infinity"}


def test_records_are_on_disk_before_the_log_closes(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl")
    log.write(step_record(1))
    assert [record["step"] for record in metrics.read(tmp_path / "metrics.jsonl")] == [1]
    log.close()


def test_a_resumed_curve_has_each_step_once(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path) as log:
        for step in range(1, 8):
            log.write(step_record(step, loss=float(step)))
    with MetricsLog(path, resume_step=4) as log:
        for step in range(5, 11):
            log.write(step_record(step, loss=100.0 + step))
    records = metrics.read(path)
    assert [record["step"] for record in records] == list(range(1, 11))
    assert [record["loss"] for record in records][3:6] == [4.0, 105.0, 106.0]
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_the_evaluation_at_the_resumed_step_stays_and_is_known(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path) as log:
        for step in (0, 4, 8):
            log.write(metrics.validation_record(step=step, loss=2.0, bits_per_byte=1.0))
            assert log.has_validation(step)
    with MetricsLog(path, resume_step=4) as log:
        assert [log.has_validation(step) for step in (0, 4, 8)] == [True, True, False]


@pytest.mark.parametrize("torn", [b'{"step": 3, "lo', b"\x00\x00\x00", b'{"step": 3}garbage', b"7"])
def test_a_torn_last_line_is_removed(tmp_path, torn):
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path) as log:
        log.write(step_record(1))
        log.write(step_record(2))
    path.write_bytes(path.read_bytes() + torn)
    assert [record["step"] for record in metrics.read(path)] == [1, 2]
    with MetricsLog(path, resume_step=2) as log:
        log.write(step_record(3))
    assert [record["step"] for record in metrics.read(path)] == [1, 2, 3]


def test_damage_in_the_middle_is_named(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\nnonsense\n{"step": 2}\n')
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 2") as raised:
        MetricsLog(path)
    assert raised.value.exit_code == ExitCode.UNUSABLE


def test_a_log_that_cannot_be_opened_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"metrics\.jsonl: cannot write") as raised:
        MetricsLog(tmp_path / "file" / "metrics.jsonl")
    assert raised.value.exit_code == ExitCode.STORAGE


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_a_storage_error_and_closing_is_quiet(tmp_path):
    with (
        pytest.raises(UserError, match=r"metrics\.jsonl: cannot write.*[Nn]o space") as raised,
        MetricsLog(tmp_path / "metrics.jsonl") as log,
        open("/dev/full", "w", encoding="utf-8") as full,
    ):
        log._file.close()
        log._file = full
        log.write(step_record(1))
    assert raised.value.exit_code == ExitCode.STORAGE
