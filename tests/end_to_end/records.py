"""What a run left behind, in the form in which two runs are compared bit for bit."""

import json
import re
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxlm.checkpoint.manifest import find_damage
from jaxlm.checkpoint.restore import restore
from jaxlm.checkpoint.steps import METADATA, list_steps


def read_metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def curve(run: Path) -> list[tuple[int, str, str]]:
    """Step, exact loss and samples of each training record, in the order of the file."""
    return [
        (record["step"], record["loss_hex"], record["sample_digest"])
        for record in read_metrics(run)
        if "loss" in record
    ]


def evaluations(run: Path) -> list[tuple[int, float]]:
    return [
        (record["step"], record["validation_loss"])
        for record in read_metrics(run)
        if "validation_loss" in record
    ]


def final_arrays(run: Path) -> dict[str, np.ndarray]:
    """Every array of the newest checkpoint by path: parameters, moments, step, buffers."""
    info = list_steps(run / "checkpoints")[-1]
    described = json.loads((info.path / METADATA).read_text())["tree"]
    return restore(info, {path: _abstract(text) for path, text in described.items()})


def standing(run: Path) -> tuple[str, int]:
    """Status and step of `status.json`."""
    content = json.loads((run / "status.json").read_text())
    return content["status"], content["step"]


def events(run: Path, name: str) -> list[dict[str, Any]]:
    lines = (run / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == name]


def good_steps(run: Path) -> list[int]:
    """The steps on disk, each of which must be whole."""
    infos = list_steps(run / "checkpoints")
    assert [info for info in infos if find_damage(info)] == []
    return [info.step for info in infos]


def assert_same_run(run: Path, reference: Path) -> None:
    """Bit-equal curves, evaluations and final states."""
    assert curve(run) == curve(reference)
    assert evaluations(run) == evaluations(reference)
    arrays, expected = final_arrays(run), final_arrays(reference)
    assert arrays.keys() == expected.keys()
    assert [path for path in arrays if arrays[path].tobytes() != expected[path].tobytes()] == []


def _abstract(text: str) -> jax.ShapeDtypeStruct:
    match = re.fullmatch(r"(\w+)\[([\d,]*)\]", text)
    assert match is not None, text
    shape = tuple(int(size) for size in match[2].split(",") if size)
    return jax.ShapeDtypeStruct(shape, np.dtype(match[1]))
