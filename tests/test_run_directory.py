import dataclasses
import json
import os
import time

import pytest

from jaxlm.config.fields import get, leaves, put
from jaxlm.config.serialise import to_json
from jaxlm.config.values import choices
from jaxlm.errors import ExitCode, UserError
from jaxlm.run_directory import RunDirectory, check_resume, default_path, read_config
from tests.end_to_end.pico_recipe import get_config

# What may change when a run resumes: how long, how fast, how often, not what is learnt from what.
CHANGEABLE = (
    "num_steps",
    "optim.",
    "parallel.",
    "checkpoint.",
    "evaluation.",
    "sampling.",
    "monitor.",
    "compute.dtype",
    "data.stages",
    "data.stores",
    "compute.attention",
    "compute.remat",
    "compute.scan_layers",
    "batch.accumulation",
    "data.store_dir",
    "data.max_bad_documents",
    "objective.max_logits_bytes",
)


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path)


def test_the_status_of_a_new_directory(directory):
    assert (directory.status(), directory.step()) == ("new", 0)


def test_a_status_is_read_back(directory):
    directory.write_status("preempted", 7)
    assert (directory.status(), directory.step()) == ("preempted", 7)
    assert json.loads((directory.path / "status.json").read_text()) == {
        "status": "preempted",
        "step": 7,
    }


@pytest.mark.parametrize("content", ["", '{"status": "do', "[]"])
def test_a_status_that_cannot_be_read_is_no_status(directory, content):
    (directory.path / "status.json").write_text(content)
    assert (directory.status(), directory.step()) == ("new", 0)


def test_a_file_is_replaced_whole_or_not_at_all(directory, monkeypatch):
    directory.write_text("a.txt", "old")

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UserError, match=r"a\.txt: cannot be written: No space left") as caught:
        directory.write_text("a.txt", "new and longer")
    assert caught.value.exit_code == ExitCode.STORAGE
    assert (directory.path / "a.txt").read_text() == "old"


def test_numbers_that_json_lacks_are_refused(directory):
    with pytest.raises(ValueError, match="JSON"):
        directory.write_json("a.json", {"loss": float("nan")})
    assert list(directory.path.iterdir()) == []


def test_events_are_appended_with_the_time(directory):
    began = time.time()
    directory.event("resume", step=3)
    with directory.timed("save", step=4):
        time.sleep(0.01)
    events = [*map(json.loads, (directory.path / "events.jsonl").read_text().splitlines())]
    assert [event["event"] for event in events] == ["resume", "save"]
    assert [event["step"] for event in events] == [3, 4]
    assert all(began - 1 <= event["time"] <= time.time() + 1 for event in events)
    assert 0.01 <= events[1]["seconds"] < 1


def test_an_event_that_a_kill_tore_does_not_spoil_the_next(directory):
    path = directory.path / "events.jsonl"
    path.write_text('{"event": "save"}\n{"event": "sa')
    directory.event("resume")
    first, torn, last = path.read_text().splitlines()
    assert (first, torn) == ('{"event": "save"}', '{"event": "sa')
    assert json.loads(last)["event"] == "resume"


def test_a_run_has_checkpoints_whether_good_or_damaged(directory):
    assert not directory.has_checkpoints()
    directory.checkpoints.mkdir()
    assert not directory.has_checkpoints()
    (directory.checkpoints / "quarantine").mkdir()
    assert directory.has_checkpoints()


def test_what_fails_is_no_event(directory):
    with pytest.raises(RuntimeError), directory.timed("save"):
        raise RuntimeError
    assert not (directory.path / "events.jsonl").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_event_on_a_full_disk_is_a_storage_error(directory):
    (directory.path / "events.jsonl").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"events\.jsonl: cannot be written: No space") as caught:
        directory.event("save")
    assert caught.value.exit_code == ExitCode.STORAGE


def test_a_new_run_gets_a_directory_that_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda _: "20260102-030405")
    names = []
    for _ in range(3):
        path = default_path(get_config())
        path.mkdir(parents=True)
        names.append(str(path))
    first = "runs/pico-20260102-030405"
    assert names == [first, f"{first}.2", f"{first}.3"]


def test_a_configuration_is_read_back(directory):
    directory.write_json("config.json", to_json(get_config()))
    assert read_config(directory.path) == get_config()


def test_a_directory_of_something_else_is_told_apart_from_a_damaged_run(tmp_path):
    with pytest.raises(UserError, match="is not the directory of a run") as caught:
        read_config(tmp_path)
    assert caught.value.exit_code == ExitCode.USAGE
    (tmp_path / "config.json").write_text('{"name": ')
    with pytest.raises(UserError, match=r"config\.json: damaged") as caught:
        read_config(tmp_path)
    assert caught.value.exit_code == ExitCode.UNUSABLE


def other(value, annotation):
    """Some other value of a setting's type; whether it makes sense is not asked here."""
    if choices(annotation):
        return next(choice for choice in choices(annotation) if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value, value[0] if value else 1.0)
    return f"{value}x" if isinstance(value, str) else value + 1


SETTINGS = [s for s in leaves(get_config()) if get(get_config(), s.path) is not None]


@pytest.mark.parametrize("setting", SETTINGS, ids=[setting.path for setting in SETTINGS])
def test_each_changed_setting_is_announced_or_refused(setting):
    config, said = get_config(), []
    before = get(config, setting.path)
    changed = put(config, setting.path, other(before, setting.type))
    line = f"{setting.path}: {to_plain(before)!r} -> {to_plain(get(changed, setting.path))!r}"
    if setting.path.startswith(CHANGEABLE):
        check_resume(config, changed, said.append)
        assert said == [f"resume with a changed setting: {line}"]
    else:
        with pytest.raises(UserError, match="cannot change when a run resumes") as caught:
            check_resume(config, changed, said.append)
        assert line in str(caught.value) and "run_dir=" in str(caught.value)
        assert caught.value.exit_code == ExitCode.USAGE
        assert said == []


def to_plain(value):
    return list(value) if isinstance(value, tuple) else value


def test_an_unchanged_configuration_needs_no_words():
    check_resume(get_config(), get_config(), pytest.fail)


def test_every_refused_setting_is_named_at_once():
    config = get_config()
    changed = dataclasses.replace(
        config, seed=5, batch=dataclasses.replace(config.batch, seq_len=16), num_steps=300
    )
    with pytest.raises(UserError) as caught:
        check_resume(config, changed, lambda message: None)
    assert "seed: 0 -> 5" in str(caught.value) and "batch.seq_len: 32 -> 16" in str(caught.value)
    assert "num_steps" not in str(caught.value)
