"""The training loop in this process: what it does when, and how it stops and goes on."""

import dataclasses
import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import jaxlm.train
from jaxlm.checkpoint.lock import RunLock
from jaxlm.errors import ExitCode, UserError
from jaxlm.generate import SamplingConfig
from jaxlm.monitor import run_log
from jaxlm.monitor.config import MonitorConfig
from tests.end_to_end.records import (
    assert_same_run,
    curve,
    evaluations,
    events,
    good_steps,
    read_metrics,
    standing,
)

STEPS, SAVE_EVERY = 12, 5


def raise_at(step: int, *signals: signal.Signals) -> Callable[[int], None]:
    def on_step(number: int) -> None:
        for name in signals if number == step else ():
            signal.raise_signal(name)

    return on_step


def test_metrics_are_fetched_once_a_step_and_one_step_late(train, tmp_path, monkeypatch):
    order = []
    fetch = run_log.fetch

    def watched_fetch(metrics):
        order.append("fetch")
        return fetch(metrics)

    monkeypatch.setattr(run_log, "fetch", watched_fetch)
    train(tmp_path / "run", on_step=lambda step: order.append(step))
    # Before an evaluation (4, 8, 12) or a save (5, 10, 12) a step is fetched at once.
    expected = [1, 2, "fetch", 3, "fetch", 4, "fetch", "fetch", 5, "fetch", 6, 7, "fetch"]
    expected += [8, "fetch", "fetch", 9, 10, "fetch", "fetch", 11, 12, "fetch", "fetch"]
    assert order == expected


def test_saves_and_evaluations_come_when_due_and_at_the_end(whole):
    assert good_steps(whole) == [5, 10, 12]
    assert [step for step, _ in evaluations(whole)] == [0, 4, 8, 12]
    assert [step for step, *_ in curve(whole)] == list(range(1, STEPS + 1))
    assert standing(whole) == ("done", STEPS)
    assert (whole / "report.html").exists()


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_step_saves_it_and_the_run_goes_on_exactly(
    train, tmp_path, whole, name, capsys
):
    run = tmp_path / "run"
    assert train(run, raise_at(7, name)) == ExitCode.RESTART
    assert good_steps(run)[-1] == 7
    assert curve(run)[-1][0] == 7
    assert standing(run) == ("preempted", 7)
    assert f"{name.name}: saved step 7; resume with: the same command" in capsys.readouterr().err
    assert train(run) == ExitCode.DONE
    assert "resuming from step 7" in capsys.readouterr().err
    assert [event["step"] for event in events(run, "resume")] == [7]
    assert_same_run(run, whole)


def test_a_second_signal_stops_at_once_and_spares_what_is_saved(train, tmp_path, whole):
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(run, raise_at(7, signal.SIGTERM, signal.SIGINT))
    assert good_steps(run) == [5]
    assert standing(run)[0] == "preempted"
    assert train(run) == ExitCode.DONE
    assert_same_run(run, whole)


def test_a_signal_in_the_last_step_does_not_cost_the_last_evaluation(train, tmp_path, whole):
    run = tmp_path / "run"
    assert train(run, raise_at(STEPS, signal.SIGTERM)) == ExitCode.DONE
    assert standing(run)[0] == "done"
    assert_same_run(run, whole)


def test_a_signal_before_the_loop_stops_at_once(train, tmp_path):
    def build(*_):
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", build=build)
    assert standing(tmp_path / "run") == ("preempted", 0)


def test_signals_have_their_old_meaning_after_a_run(train, finished):
    train(finished)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_run_that_died_after_its_last_save_only_finishes(train, tmp_path, whole, monkeypatch):
    run, dispatched = tmp_path / "run", []

    def fail(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(jaxlm.train, "finish", fail)
        train(run)
    assert train(run, dispatched.append) == ExitCode.DONE
    assert dispatched == []
    assert (run / "report.html").exists()
    assert_same_run(run, whole)


def test_a_finished_run_says_where_its_report_is(train, finished, capsys):
    assert train(finished, build=pytest.fail) == ExitCode.DONE
    assert (
        f"this run is finished; its report: {finished / 'report.html'}" in capsys.readouterr().err
    )


def test_a_finished_run_can_be_made_longer(train, finished, toy_config, capsys):
    assert (
        train(finished, config=dataclasses.replace(toy_config, num_steps=STEPS + 2))
        == ExitCode.DONE
    )
    assert "num_steps: 12 -> 14" in capsys.readouterr().err
    assert [step for step, *_ in curve(finished)] == list(range(1, STEPS + 3))


def test_fewer_steps_than_are_done_is_a_mistake(train, tmp_path, toy_config):
    train(tmp_path / "run", raise_at(7, signal.SIGTERM))
    with pytest.raises(UserError, match="num_steps"):
        train(tmp_path / "run", config=dataclasses.replace(toy_config, num_steps=6))
    assert good_steps(tmp_path / "run")[-1] == 7
    assert curve(tmp_path / "run")[-1][0] == 7


def test_a_changed_setting_is_announced_or_refused(train, finished, toy_config, capsys):
    announced = dataclasses.replace(
        toy_config,
        monitor=MonitorConfig(log_every_steps=3, tensorboard=False),
        optim=dataclasses.replace(toy_config.optim, peak_lr=0.5),
    )
    assert train(finished, config=announced) == ExitCode.DONE
    said = capsys.readouterr().err
    assert "resume with a changed setting: monitor.log_every_steps: 10 -> 3" in said
    assert "resume with a changed setting: optim.peak_lr: 0.01 -> 0.5" in said
    before = {path: path.read_bytes() for path in finished.glob("*.*")}
    refused = dataclasses.replace(
        toy_config, seed=1, model=dataclasses.replace(toy_config.model, d_ff=64)
    )
    with pytest.raises(UserError, match=r"seed: 0 -> 1") as caught:
        train(finished, config=refused)
    assert "model.d_ff: 48 -> 64" in str(caught.value)
    assert caught.value.exit_code == ExitCode.USAGE
    assert {path: path.read_bytes() for path in finished.glob("*.*")} == before


def test_a_second_writer_is_refused_and_told_of_the_first(train, tmp_path):
    with RunLock(tmp_path / "run"), pytest.raises(UserError, match="in use") as caught:
        train(tmp_path / "run")
    assert caught.value.exit_code == ExitCode.LOCKED
    assert str(os.getpid()) in str(caught.value)
    assert str(tmp_path / "run") in str(caught.value)


def test_three_steps_without_a_finite_loss_stop_the_run(train, tmp_path, capsys):
    run, nan = tmp_path / "run", float("nan")
    with pytest.raises(UserError, match="3 steps in a row, the last of them 9") as caught:
        train(run, added_losses={2: nan, 7: nan, 8: nan, 9: nan})
    assert caught.value.exit_code == ExitCode.NUMERIC
    assert standing(run)[0] == "failed"
    assert "step 2: loss nan, gradient norm nan: not finite, update dropped" in (
        capsys.readouterr().err
    )
    assert [event["step"] for event in events(run, "skipped")] == [2, 7, 8, 9]
    assert [record["step"] for record in read_metrics(run) if record.get("loss") == "NaN"] == [
        2,
        7,
        8,
    ]


def test_a_full_disk_stops_the_run_and_spares_what_is_saved(train, tmp_path, whole, monkeypatch):
    run = tmp_path / "run"

    def fill_disk(step: int) -> None:
        if step == 8:
            patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))

    with monkeypatch.context() as patch, pytest.raises(UserError, match="disk is full") as caught:
        train(run, fill_disk)
    assert caught.value.exit_code == ExitCode.STORAGE
    assert "step 10 was not saved" in str(caught.value)
    assert good_steps(run) == [5]
    assert standing(run)[0] == "failed"
    assert train(run) == ExitCode.DONE
    assert_same_run(run, whole)


def test_a_failed_save_is_told_at_the_next_step(train, tmp_path, monkeypatch):
    dispatched = []

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jaxlm.checkpoint.writer.write_manifest", fail)

    def wait_for_save(step: int) -> None:
        dispatched.append(step)
        if step == SAVE_EVERY + 1:
            join_saving_threads()

    with pytest.raises(UserError, match="step 5 was not saved"):
        train(tmp_path / "run", wait_for_save)
    assert dispatched[-1] <= SAVE_EVERY + 2


def join_saving_threads() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("checkpoint-"):
            thread.join()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "file", "told"),
    [
        (truncate, "metadata.json", "bytes, found"),
        (Path.unlink, "arrays/_METADATA", "missing"),
        (flip_bit, "arrays/manifest.ocdbt", "expected SHA-256"),
        (flip_bit, "manifest.json", "SHA-256"),
    ],
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(
    train, tmp_path, whole, damage, file, told, capsys
):
    run = tmp_path / "run"
    train(run, raise_at(11, signal.SIGTERM))
    damage(run / "checkpoints" / "step_00000011" / file)
    assert train(run) == ExitCode.DONE
    printed = capsys.readouterr().err
    message = next(line for line in printed.splitlines() if "is damaged" in line)
    assert f"step_00000011 is damaged: {file}: " in message and told in message
    assert "resuming from step 10" in printed
    assert (run / "checkpoints/quarantine/step_00000011/reason.json").exists()
    assert_same_run(run, whole)


def test_damage_everywhere_never_means_a_fresh_start(train, tmp_path):
    run = tmp_path / "run"
    train(run, raise_at(6, signal.SIGTERM))
    before = curve(run)
    for manifest in run.glob("checkpoints/*/manifest.json"):
        truncate(manifest)
    with pytest.raises(UserError, match=r"no checkpoint .* can be used") as caught:
        train(run)
    assert caught.value.exit_code == ExitCode.UNUSABLE
    assert curve(run) == before


def test_a_prompt_that_is_too_long_costs_only_its_sample(train, tmp_path, toy_config, capsys):
    config = dataclasses.replace(toy_config, sampling=SamplingConfig(prompts=("a river " * 8,)))
    assert train(tmp_path / "run", config=config) == ExitCode.DONE
    assert "no sample for 'a river a river" in capsys.readouterr().err
    assert json.loads((tmp_path / "run" / "samples.json").read_text()) == []
