"""--dry-run: the numbers it shows, and that it leaves the disk alone."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from jaxlm.config.fields import leaves
from jaxlm.config.loader import Loaded, load
from jaxlm.dry_run import describe, dry_run, sparkline
from jaxlm.errors import UserError
from jaxlm.models.base import num_params
from jaxlm.monitor.throughput import flops_per_token

ROOT = Path(__file__).resolve().parent.parent
QUICKSTART = str(ROOT / "configs" / "quickstart.py")


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load([QUICKSTART, "optim.peak_lr=0.5", "--dry-run"])


@pytest.fixture(scope="module")
def text(loaded: Loaded) -> str:
    return describe(loaded, jax.devices()[:1])


def test_every_setting_is_shown_with_value_and_origin(loaded: Loaded, text: str) -> None:
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith("  ")}
    for setting in leaves(loaded.config):
        assert rows[setting.path].endswith(loaded.origins[setting.path])
    assert re.fullmatch(r"  optim.peak_lr +0.5 +command line argument 2", rows["optim.peak_lr"])


def test_size_cost_and_memory(loaded: Loaded, text: str) -> None:
    assert f"{num_params(loaded.config.model):,}" in text
    assert f"{flops_per_token(loaded.config):.4g}" in text
    batch = loaded.config.batch
    assert f"{batch.size * batch.seq_len:,} a device" in text
    assert re.search(r"total +[\d.]+ [MG]iB", text)


def test_the_schedule_is_drawn_with_its_landmarks(loaded: Loaded, text: str) -> None:
    last = loaded.config.num_steps - 1
    assert re.search(r"learning rate  ▁.*█.*[▁▂]", text)
    assert re.search(rf"0 at step 0, 0\.\d+ at (3[89]|4\d), 0\.01\d* at {last}", text)


def test_the_plan_of_the_data_comes_last(
    loaded: Loaded, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dry_run(loaded) == 0
    assert "data: " in capsys.readouterr().out.partition("\nData\n")[2]


def test_missing_data_are_told_after_all_that_is_known_without_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    missing = load([QUICKSTART, "data.path=no_such_folder/*.txt"])
    with pytest.raises(UserError, match="no_such_folder"):
        dry_run(missing)
    assert "FLOPs per token" in capsys.readouterr().out


def test_sparkline() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5.0, 5.0]) == "██"
    assert sparkline([9.0, 10.0], low=0.0) == "▇█"


def test_a_run_of_one_step_is_drawn(loaded: Loaded) -> None:
    config = dataclasses.replace(
        loaded.config,
        num_steps=1,
        optim=dataclasses.replace(loaded.config.optim, warmup_steps=0),
    )
    assert "at step 0" in describe(dataclasses.replace(loaded, config=config), jax.devices()[:1])


def test_no_file_is_created_or_changed(tmp_path: Path) -> None:
    folder, home = tmp_path / "folder", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "JAX_PLATFORMS": "cpu",
    }
    command = [sys.executable, "-m", "jaxlm.train", QUICKSTART, "run_dir=run", "--dry-run"]
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "nothing is written" in result.stdout
    assert "Run directory: run (would be made)" in result.stdout
    assert sorted(tmp_path.rglob("*")) == [folder, home]
