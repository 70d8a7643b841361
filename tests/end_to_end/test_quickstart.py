"""The recipe that the README starts with, for a few steps."""

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.program import Workplace
from tests.end_to_end.records import evaluations, good_steps

QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart.py"


@pytest.mark.slow
def test_quickstart_goes_from_text_to_samples_and_report(workplace: Workplace):
    run = workplace.folder / "quickstart"
    settings = (
        "num_steps=4",
        "optim.warmup_steps=2",
        "tokenizer.training_bytes=400000",
        "evaluation.max_batches=2",
        "sampling.max_new_tokens=8",
    )
    try:
        result = workplace.train(
            str(QUICKSTART), f"run_dir={run}", "data.store_dir=quickstart-stores", *settings
        )
    finally:
        shutil.rmtree(workplace.folder / "quickstart-stores", ignore_errors=True)
    assert result.returncode == 0, result.stderr
    samples = json.loads((run / "samples.json").read_text())
    assert [sample["prompt"] for sample in samples] == [
        "def main(",
        "class Queue:",
        "Return the number of",
    ]
    assert all(sample["text"] for sample in samples)
    assert "<svg" in (run / "report.html").read_text()
    losses = [loss for _, loss in evaluations(run)]
    assert losses[-1] < losses[0]
    assert good_steps(run) == [4]
