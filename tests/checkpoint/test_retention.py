"""Retention and fallback against a reference model: which steps are where, and which are whole."""

import os
import random
import shutil
from pathlib import Path

import pytest

from jaxlm.checkpoint.commit import prepare_directory
from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.checkpoint.fallback import newest_good
from jaxlm.checkpoint.manifest import find_damage, write_manifest
from jaxlm.checkpoint.retention import apply_retention
from jaxlm.checkpoint.steps import list_steps, step_name
from jaxlm.errors import UserError

DATA = Path("data")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def steps_in(directory: Path) -> list[int]:
    return [info.step for info in list_steps(directory)]


def write_step(path: Path, step: int) -> None:
    path.mkdir()
    (path / DATA).write_bytes(step.to_bytes(64))
    write_manifest(step, path)


def test_newest_and_multiples_stay(tmp_path):
    for step in range(10, 110, 10):
        write_step(tmp_path / step_name(step), step)
    config = CheckpointConfig(keep=2, keep_every_steps=40)
    assert apply_retention(tmp_path, config) == [10, 20, 30, 50, 60, 70]
    assert steps_in(tmp_path) == [40, 80, 90, 100]
    assert apply_retention(tmp_path, config) == []


def test_truncated_steps_do_not_count(tmp_path):
    for step in (1, 2, 3):
        write_step(tmp_path / step_name(step), step)
    (tmp_path / step_name(3) / DATA).write_bytes(b"")
    assert apply_retention(tmp_path, CheckpointConfig(keep=2)) == []


def test_nothing_is_deleted_while_no_kept_step_is_whole(tmp_path, flip):
    for step in (1, 2, 3):
        write_step(tmp_path / step_name(step), step)
    flip(tmp_path / step_name(2) / DATA, 9)
    flip(tmp_path / step_name(3) / DATA, 9)
    assert apply_retention(tmp_path, CheckpointConfig(keep=2)) == []
    assert newest_good(tmp_path, lambda message: None).step == 1


class Reference:
    """What the directory should hold: step to the kind of its damage, "" for none."""

    def __init__(self, keep: int, every: int) -> None:
        self.keep, self.every = keep, every
        self.steps: dict[int, str] = {}
        self.quarantined = 0

    def save(self, step: int) -> None:
        self.steps[step] = ""
        self.retain(trusted=step)

    def retain(self, trusted: int | None) -> None:
        whole = sorted(step for step, damage in self.steps.items() if damage in ("", "flip"))
        kept = set(whole[-self.keep :])
        kept |= {step for step in whole if self.every and step % self.every == 0}
        if trusted in kept or any(self.steps[step] == "" for step in kept):
            self.steps = {
                step: d for step, d in self.steps.items() if step in kept or d not in ("", "flip")
            }

    def fall_back(self) -> int | None:
        for step in sorted(self.steps, reverse=True):
            if self.steps[step] == "":
                return step
            del self.steps[step]
            self.quarantined += 1
        return None


@pytest.mark.parametrize("block", range(4))
def test_random_histories_agree_with_the_reference(tmp_path_factory, block):
    for seed in range(block * 50, block * 50 + 50):
        directory = tmp_path_factory.mktemp(f"history{seed}")
        _run_history(random.Random(seed), directory)
        shutil.rmtree(directory)


def _run_history(rng: random.Random, directory: Path) -> None:
    config = CheckpointConfig(keep=rng.randint(2, 3), keep_every_steps=rng.choice([0, 0, 3]))
    reference = Reference(config.keep, config.keep_every_steps)
    next_step = 1
    for _ in range(rng.randint(4, 18)):
        action = rng.choice(["save", "save", "save", "damage", "crash", "retain", "fall back"])
        had_good = "" in reference.steps.values()
        if action == "save":
            write_step(directory / step_name(next_step), next_step)
            apply_retention(directory, config, verified_step=next_step)
            reference.save(next_step)
            next_step += 1
        elif action == "damage" and reference.steps:
            step = rng.choice(sorted(reference.steps))
            kind = rng.choice(["flip", "truncate", "delete"])
            if reference.steps[step] == "":
                _damage(directory / step_name(step) / DATA, kind, rng)
                reference.steps[step] = kind
        elif action == "crash":
            (directory / f".tmp-{step_name(next_step)}").mkdir()
            (directory / f".trash-{step_name(0)}").mkdir()
            prepare_directory(directory)
        elif action == "retain":
            apply_retention(directory, config)
            reference.retain(trusted=None)
            assert ("" in reference.steps.values()) == had_good
        elif action == "fall back":
            _check_fallback(directory, reference)
        assert steps_in(directory) == sorted(reference.steps)
        good = {info.step for info in list_steps(directory) if find_damage(info) is None}
        assert good == {step for step, damage in reference.steps.items() if damage == ""}


def _check_fallback(directory: Path, reference: Reference) -> None:
    expected = reference.fall_back()
    if expected is None and reference.quarantined:
        with pytest.raises(UserError):
            newest_good(directory, lambda message: None)
        return
    found = newest_good(directory, lambda message: None)
    assert (found.step if found else None) == expected


def _damage(path: Path, kind: str, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    if kind == "delete":
        path.unlink()
    elif kind == "truncate":
        path.write_bytes(data[: rng.randrange(len(data))])
    else:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
