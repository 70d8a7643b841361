"""Eight simulated devices give the curve of one."""

import pytest

from tests.end_to_end.program import RECIPE, Workplace
from tests.end_to_end.records import evaluations, read_metrics

# Later the optimizer has made more of the rounding than the tolerance allows.
STEPS = 50


@pytest.mark.slow
def test_eight_devices_give_the_losses_of_one(workplace: Workplace, trained):
    run = workplace.folder / "eight"
    settings = ("parallel.data=4", "parallel.fsdp=2", "sampling.prompts=")
    result = workplace.train(str(RECIPE), f"run_dir={run}", *settings, num_devices=8)
    assert result.returncode == 0, result.stderr
    assert "8 x cpu" in result.stderr
    one, eight = ([r for r in read_metrics(d) if "loss" in r] for d in (trained, run))
    for expected, found in zip(one[:STEPS], eight[:STEPS], strict=True):
        assert found["loss"] == pytest.approx(expected["loss"], rel=5e-6)
        assert found["sample_digest"] == expected["sample_digest"]
    for expected, found in zip(evaluations(trained)[:2], evaluations(run)[:2], strict=True):
        assert found == pytest.approx(expected, rel=5e-6)
