"""Schedules against another implementation's tables."""

import json
from pathlib import Path

import numpy as np

from jaxlm.optim.config import OptimConfig
from jaxlm.timeline import learning_rate

TABLES = json.loads((Path(__file__).parent / "golden" / "optim" / "schedules.json").read_text())


def rates(config, num_steps, count):
    schedule = learning_rate(config, num_steps)
    return [float(schedule(step)) for step in range(count)]


def test_cosine_with_warmup():
    table = TABLES["cosine_with_warmup"]
    steps = table["num_training_steps"]
    config = OptimConfig(
        peak_lr=table["peak_lr"], warmup_steps=table["num_warmup_steps"], final_lr_ratio=0.0
    )
    ours = rates(config, steps, steps + 1)
    np.testing.assert_allclose(ours, table["lr"][: steps + 1], rtol=1e-5, atol=1e-10)


def test_cosine_to_a_floor_stays_there():
    table = TABLES["cosine_with_min_lr"]
    steps = table["num_training_steps"]
    ratio = table["min_lr"] / table["peak_lr"]
    config = OptimConfig(
        peak_lr=table["peak_lr"], warmup_steps=table["num_warmup_steps"], final_lr_ratio=ratio
    )
    ours = rates(config, steps, steps + 6)
    np.testing.assert_allclose(ours[: steps + 1], table["lr"][: steps + 1], rtol=1e-5, atol=1e-10)
    np.testing.assert_allclose(ours[steps:], table["min_lr"], rtol=1e-6)


def test_constant_after_warmup():
    config = OptimConfig(peak_lr=2.0, warmup_steps=4, decay="constant")
    assert rates(config, 10, 12) == [0.0, 0.5, 1.0, 1.5] + [2.0] * 8
