"""Text of every format reaches the model."""

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from tests.end_to_end.program import RECIPE, Workplace
from tests.end_to_end.records import curve


def json_lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


def write_parquet(path: Path, texts: list[str]) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"text": texts}), path)


WRITERS: dict[str, Callable[[Path, list[str]], object]] = {
    "text.jsonl": lambda path, texts: path.write_bytes(json_lines(texts)),
    "text.jsonl.gz": lambda path, texts: path.write_bytes(gzip.compress(json_lines(texts))),
    "text.jsonl.zst": lambda path, texts: path.write_bytes(zstandard.compress(json_lines(texts))),
    "text.parquet": write_parquet,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_two_steps_from_every_format(workplace: Workplace, texts, name):
    WRITERS[name](workplace.folder / name, texts)
    run = workplace.folder / f"run-{name}"
    settings = (f"data.path={name}", "num_steps=2", "optim.warmup_steps=1", "sampling.prompts=")
    result = workplace.train(str(RECIPE), f"run_dir={run}", *settings)
    assert result.returncode == 0, result.stderr
    counts = re.search(r"([\d,]+) train and ([\d,]+) validation tokens", result.stderr)
    assert counts is not None
    # A token for each character, and the marks at both ends of each document.
    expected = sum(map(len, texts)) + 2 * len(texts)
    assert sum(int(count.replace(",", "")) for count in counts.groups()) == expected
    assert [step for step, *_ in curve(run)] == [1, 2]
    assert (run / "report.html").exists()
