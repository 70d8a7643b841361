"""The engine of one machine: nothing is lost with a worker, and groups are as by hand."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jaxlm.data.shop.local import LocalEngine
from jaxlm.errors import ExitCode, UserError


@dataclass(frozen=True)
class Square:
    """Squares; the worker dies at some parts, once or always."""

    folder: Path
    dies_once: tuple[int, ...] = ()
    dies: tuple[int, ...] = ()

    def __call__(self, part):
        mark = self.folder / str(part)
        if part in self.dies or (part in self.dies_once and not mark.exists()):
            mark.touch()
            os._exit(9)
        if part == 77:
            raise UserError("part 77 is bad", ExitCode.UNUSABLE)
        return part * part


@pytest.mark.parametrize("workers", [1, 2])
def test_every_part_is_run(tmp_path, workers):
    results = LocalEngine(workers).run(Square(tmp_path), range(5), "squares")
    assert dict(results) == {part: part * part for part in range(5)}


def test_a_killed_worker_loses_nothing(tmp_path):
    results = LocalEngine(2).run(Square(tmp_path, dies_once=(1, 4)), range(6), "squares")
    assert dict(results) == {part: part * part for part in range(6)}


def test_a_part_that_kills_its_worker_again_and_again_is_told(tmp_path):
    with pytest.raises(UserError, match="squares: a worker was killed") as caught:
        list(LocalEngine(2).run(Square(tmp_path, dies=(1,)), range(3), "squares"))
    assert caught.value.exit_code == ExitCode.RESTART


def test_an_error_of_a_part_arrives(tmp_path):
    with pytest.raises(UserError, match="part 77"):
        list(LocalEngine(2).run(Square(tmp_path), [77], "squares"))


def brute_force(values, left_out, least):
    owners = defaultdict(set)
    for number, own in enumerate(values):
        if number not in left_out:
            for value in own:
                owners[value].add(number)
    return [
        {"value": value, "number": number}
        for value in sorted(owners)
        for number in sorted(owners[value])
        if len(owners[value]) >= least
    ]


@pytest.mark.parametrize("least", [2, 3])
def test_repeated_is_as_by_hand(tmp_path, least):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 40, (60, 3)).astype(np.uint64)
    bands = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 3)
    table = pa.table({"number": np.arange(60), "bands": bands, "single": values[:, 0]})
    paths = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    pq.write_table(table[:20], paths[0])
    pq.write_table(table[20:], paths[1])
    left_out = np.array([3, 4, 30])
    engine = LocalEngine(1)
    found = engine.repeated(paths, "bands", left_out, least)
    assert found.to_pylist() == brute_force(values.tolist(), left_out, least)
    found = engine.repeated(paths, "single", left_out, least)
    assert found.to_pylist() == brute_force(values[:, :1].tolist(), left_out, least)
