"""`python -m jaxlm.data.prepare` as a user types it."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jaxlm.data.store import TokenStore
from jaxlm.errors import ExitCode
from tests.data.shop.test_pipeline import corpus

ROOT = Path(__file__).resolve().parents[3]
RECIPE = """
from jaxlm.data.dedup.config import LinesConfig, SubstringsConfig
from jaxlm.data.normalise import NormaliseConfig
from jaxlm.data.shop.config import EvaluationSetsConfig, PrepareConfig, SourceConfig, TokensConfig
from jaxlm.tokenizers.config import SentencePieceConfig


def get_config():
    return PrepareConfig(
        name="small",
        sources=(
            SourceConfig(name="a", path=("a/*",), id_field="id", rules=("table",)),
            SourceConfig(name="b", path=("b",), id_field="id", rules=("table",)),
        ),
        workers=2,
        part_bytes=1,
        normalise=NormaliseConfig(zero_width=True, trailing=True),
        evaluation_sets=EvaluationSetsConfig(path=("quiz.jsonl",)),
        lines=LinesConfig(most_documents=4),
        substrings=SubstringsConfig(length=120, gram=40),
        tokenizer=SentencePieceConfig(vocab_size=400),
        tokens=TokensConfig(validation_fraction=0.2),
    )
"""


@pytest.fixture
def folder(tmp_path):
    corpus(tmp_path)
    (tmp_path / "recipe.py").write_text(RECIPE)
    return tmp_path


def start(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, "-m", "jaxlm.data.prepare", "recipe.py", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def prepare(folder, *arguments):
    process = start(folder, *arguments)
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def content(out):
    """Every file of the results that is to be the same, by name."""
    manifest = json.loads((out / "manifest.json").read_text())
    names = [name for name in manifest["files"] if name != "report.html"]  # it has its date
    store = out / manifest["store"]
    names += [path.relative_to(out).as_posix() for path in store.iterdir()]
    return {name: (out / name).read_bytes() for name in names}


def test_from_raw_files_to_a_store_a_report_and_nothing_to_do(folder):
    code, output = prepare(folder, "out_dir=out")
    assert code == ExitCode.DONE, output
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    assert manifest["documents"] == 23
    assert "unicode" in manifest["versions"]
    store = TokenStore.open(folder / "out" / manifest["store"])
    assert [source.name for source in store.split("train")] == ["a", "b"]
    dropped = pq.read_table(folder / "out" / "dropped.parquet").to_pylist()
    assert {row["id"]: row["reason"] for row in dropped}["a-copy"] == "exact copy"
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["rules"][0]["name"] == "table.digits"
    assert report["leaks"][0]["document_id"] == "b-leak"
    assert "<html" in (folder / "out" / "report.html").read_text()

    code, output = prepare(folder, "out_dir=out")
    assert code == ExitCode.DONE
    assert "nothing to do" in output and "to make" not in output

    repeated = folder / "out" / "config.json"
    shutil.copy(repeated, folder / "again.json")
    code, output = prepare(folder, "out_dir=out", "workers=1")
    assert "nothing to do" in output  # the number of workers decides nothing


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("sources.0.pathh=x", "sources.0.path"),
        ("sources.1.rules=gopher", "gopher_quality"),
        ("near.threshold=1.5", "a share from 0 to 1"),
        ("substrings.gram=200", "gram below length"),
        ("engine=spark", "expected local, ray"),
        ("tokens.weights=1", "2 weights"),
        ("tokens.make=false tokens.weights=1,1", "only where tokens.make=true"),
        ("sources.0.path=", "one file pattern or more"),
        ("filters.quality.least_score=0.3", "the file of a trained model"),
        ("filters.perplexity.model=x.npz", "a source whose rules name perplexity"),
    ],
)
def test_wrong_settings_are_told(folder, argument, message):
    code, output = prepare(folder, *argument.split())
    assert code == ExitCode.USAGE, output
    assert message in output and "Traceback" not in output


def test_a_dry_run_shows_and_touches_nothing(folder):
    before = sorted(folder.rglob("*"))
    code, output = prepare(folder, "--dry-run", "near.ngram=7")
    assert code == ExitCode.DONE
    assert "source a: 2 files" in output and "command line argument 3" in output
    assert sorted(folder.rglob("*")) == before


@pytest.mark.crash
def test_kills_at_random_moments_change_nothing(folder):
    """The command is killed with all its processes again and again; its results are the same."""
    trials = int(os.environ.get("JAXLM_CRASH_TRIALS", "3"))
    rng = random.Random(trials)
    began = time.monotonic()
    code, output = prepare(folder, "out_dir=whole")
    assert code == ExitCode.DONE, output
    duration = time.monotonic() - began
    for trial in range(trials):
        out, kills = f"killed{trial % 3}", 0
        process = start(folder, f"out_dir={out}")
        try:
            process.communicate(timeout=rng.uniform(0.2, 0.9) * duration)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
        code, output = prepare(folder, f"out_dir={out}")
        assert code == ExitCode.DONE, output
        assert kills, "it ended before it was killed"
        assert content(folder / out) == content(folder / "whole")
        shutil.rmtree(folder / out)
