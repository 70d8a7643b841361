"""Tiny checkpoints that need no arrays, and ways to damage them."""

from collections.abc import Callable
from pathlib import Path

import pytest

import jaxlm
from jaxlm.checkpoint.manifest import write_manifest
from jaxlm.checkpoint.steps import CheckpointInfo, step_name


@pytest.fixture(autouse=True)
def child_processes_find_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(jaxlm.__file__).parents[1]))


@pytest.fixture
def make_step(tmp_path: Path) -> Callable[[int], CheckpointInfo]:
    def make(step: int) -> CheckpointInfo:
        path = tmp_path / step_name(step)
        (path / "arrays" / "d").mkdir(parents=True)
        (path / "arrays" / "d" / "data").write_bytes(bytes(range(256)) + step.to_bytes(8))
        (path / "metadata.json").write_text(f'{{"step": {step}}}')
        write_manifest(step, path)
        return CheckpointInfo(step, path)

    return make


@pytest.fixture
def flip() -> Callable[[Path, int], None]:
    def flip_bit(path: Path, bit: int) -> None:
        data = bytearray(path.read_bytes())
        data[bit // 8 % len(data)] ^= 1 << bit % 8
        path.write_bytes(data)

    return flip_bit
