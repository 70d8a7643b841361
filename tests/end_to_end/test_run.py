"""A finished run: its files, its numbers, and the programs that read it."""

import json
import math
import re
import shlex
import shutil
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxlm.evaluate
import jaxlm.generate
from jaxlm.config.serialise import to_json
from jaxlm.errors import ExitCode, UserError
from jaxlm.run_directory import read_config
from jaxlm.trained import TrainedRun, load_run
from tests.end_to_end.pico_recipe import get_config
from tests.end_to_end.program import RECIPE
from tests.end_to_end.records import evaluations, good_steps, read_metrics, standing

NUM_STEPS = 200
TRAINING_KEYS = {
    "step",
    "loss",
    "loss_hex",
    "grad_norm",
    "learning_rate",
    "tokens",
    "tokens_per_second",
    "step_seconds",
    "data_wait_seconds",
    "sample_digest",
}
EVALUATION_KEYS = {"step", "validation_loss", "validation_bits_per_byte"}
PROMPT = "every river "


@pytest.fixture(scope="module")
def loaded(trained: Path) -> TrainedRun:
    return load_run(trained)


def test_every_promised_file_is_there(trained):
    assert {path.name for path in trained.iterdir()} == {
        "config.json",
        "data.json",
        "command.txt",
        "versions.json",
        "metrics.jsonl",
        "events.jsonl",
        "samples.json",
        "status.json",
        "tokenizer.model",
        "checkpoints",
        "tensorboard",
        "report.html",
        "run.lock",
    }
    assert standing(trained) == ("done", NUM_STEPS)
    assert good_steps(trained) == [175, 200]
    assert "<svg" in (trained / "report.html").read_text()
    event_files = list((trained / "tensorboard").glob("events.out.tfevents.*"))
    assert len(event_files) == 1 and event_files[0].stat().st_size > 10_000


def test_the_run_knows_what_it_is(trained):
    assert read_config(trained) == get_config()
    assert json.loads((trained / "config.json").read_text()) == to_json(get_config())
    command = shlex.split((trained / "command.txt").read_text())
    assert command == [sys.executable, "-m", "jaxlm.train", str(RECIPE), "run_dir=trained"]
    versions = json.loads((trained / "versions.json").read_text())
    assert versions["packages"]["jax"] and versions["num_devices"] == 1


def test_metrics_have_exactly_the_promised_keys(trained):
    kinds = {frozenset(record) for record in read_metrics(trained)}
    assert kinds == {frozenset(TRAINING_KEYS), frozenset(EVALUATION_KEYS)}


def test_every_step_is_on_record_once(trained):
    records = [record for record in read_metrics(trained) if "loss" in record]
    assert [record["step"] for record in records] == list(range(1, NUM_STEPS + 1))
    assert all(float.fromhex(record["loss_hex"]) == record["loss"] for record in records)
    assert [record["tokens"] for record in records] == [
        8 * 32 * step for step in range(1, NUM_STEPS + 1)
    ]
    assert len({record["sample_digest"] for record in records}) == NUM_STEPS
    assert [step for step, _ in evaluations(trained)] == [0, 50, 100, 150, 200]


def test_the_model_learns(trained, loaded):
    losses = [loss for _, loss in evaluations(trained)]
    assert losses[0] == pytest.approx(math.log(loaded.model.config.vocab_size), rel=0.1)
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.6


def test_progress_tells_where_the_run_is_and_nothing_else(trained, workplace):
    printed = (workplace.folder / "trained.txt").read_text().splitlines()
    assert printed[0] == "run directory trained"
    assert [line for line in printed if line.startswith(f"sample: {PROMPT}")]
    assert printed[-1] == "report: trained/report.html"
    steps = [int(m[1]) for line in printed if (m := re.match(r"step +(\d+)/200  loss", line))]
    assert steps == [1, *range(10, NUM_STEPS + 1, 10)]
    assert not [line for line in printed if "warn" in line.lower()]


def test_evaluate_gives_the_logged_loss(trained, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace.folder)
    monkeypatch.setattr(sys, "argv", ["evaluate", "trained"])
    jaxlm.evaluate.main()
    printed = dict(re.findall(r"^(\w[\w ]+?)  +(\S+)", capsys.readouterr().out, re.MULTILINE))
    logged = [record for record in read_metrics(trained) if "validation_loss" in record][-1]
    assert float(printed["loss"]) == pytest.approx(logged["validation_loss"], abs=1e-4)
    assert float(printed["bits per byte"]) == pytest.approx(
        logged["validation_bits_per_byte"], abs=1e-4
    )
    assert float(printed["perplexity"]) == pytest.approx(
        math.exp(logged["validation_loss"]), abs=1e-2
    )


def greedy(run: TrainedRun, prompt: list[int], count: int) -> list[int]:
    """The most likely next token of the full forward pass, again and again."""
    forward = jax.jit(lambda params, tokens: run.model.apply(params, {"tokens": tokens}).logits)
    ids = list(prompt)
    for _ in range(count):
        tokens = np.zeros((1, run.model.config.max_seq_len), np.int32)
        tokens[0, : len(ids)] = ids
        ids.append(int(np.argmax(forward(run.params, tokens)[0, len(ids) - 1])))
    return ids[len(prompt) :]


def test_a_reader_passes_over_a_damaged_checkpoint_and_leaves_it(tmp_path, trained, capsys):
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    manifest = run / "checkpoints" / "step_00000200" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-1])
    assert load_run(run).step == 175
    assert "step_00000200 is damaged: manifest.json" in capsys.readouterr().err
    assert manifest.exists()


def run_generate(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["generate", *arguments])
    jaxlm.generate.main()


def test_greedy_samples_are_the_argmax_of_the_full_forward_pass(
    loaded, trained, monkeypatch, capsys
):
    prompt = [loaded.tokenizer.bos_id, *loaded.tokenizer.encode(PROMPT)]
    expected = loaded.tokenizer.decode(greedy(loaded, prompt, 24))
    arguments = ("--prompt", PROMPT, "--max-new-tokens", "24", "--temperature", "0")
    for _ in range(2):
        run_generate(monkeypatch, str(trained), *arguments)
        assert capsys.readouterr().out == f"{PROMPT}{expected}\n"
    samples = json.loads((trained / "samples.json").read_text())
    assert samples == [{"prompt": PROMPT, "text": expected}]


def test_no_temperature_draws_what_the_tokenizer_lacks(trained, loaded, monkeypatch, capsys):
    assert loaded.tokenizer.vocab_size < loaded.model.config.vocab_size
    arguments = ("--prompt", "a", "--max-new-tokens", "40", "--temperature", "1000", "--seed", "3")
    run_generate(monkeypatch, str(trained), *arguments)
    decoded = {loaded.tokenizer.decode([token]) for token in range(loaded.tokenizer.vocab_size)}
    assert set(capsys.readouterr().out) <= set("".join(decoded)) | set(" \n")


def test_a_prompt_that_is_too_long_is_a_mistake(trained, monkeypatch):
    with pytest.raises(UserError, match="max_seq_len of 64") as caught:
        run_generate(monkeypatch, str(trained), "--prompt", PROMPT * 6)
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("module", [jaxlm.evaluate, jaxlm.generate])
def test_a_directory_that_is_no_run_is_a_mistake(tmp_path, monkeypatch, module):
    monkeypatch.setattr(sys, "argv", ["program", str(tmp_path)])
    with pytest.raises(UserError, match=re.escape(f"{tmp_path} is not the directory of a run")):
        module.main()


def test_a_run_without_a_checkpoint_cannot_be_used(tmp_path, trained, monkeypatch):
    (tmp_path / "config.json").write_bytes((trained / "config.json").read_bytes())
    with pytest.raises(UserError, match="has no checkpoint yet") as caught:
        run_generate(monkeypatch, str(tmp_path))
    assert caught.value.exit_code == ExitCode.UNUSABLE
