import json
import os
import shutil

import pytest

from jaxlm.checkpoint.fallback import newest_good
from jaxlm.errors import ExitCode, UserError


def test_nothing_saved_yet(tmp_path):
    messages = []
    assert newest_good(tmp_path, messages.append) is None
    assert newest_good(tmp_path / "missing", messages.append) is None
    assert messages == []


def test_the_newest_is_taken_and_nothing_said(tmp_path, make_step):
    make_step(1)
    newest = make_step(2)
    messages = []
    assert newest_good(tmp_path, messages.append) == newest
    assert messages == []


def test_damage_is_named_set_aside_and_stepped_over(tmp_path, make_step, flip):
    good, bad, worse = make_step(100), make_step(200), make_step(300)
    flip(bad.path / "arrays" / "d" / "data", 77)
    (worse.path / "manifest.json").unlink()
    messages = []
    assert newest_good(tmp_path, messages.append) == good
    assert len(messages) == 2
    assert "step_00000300" in messages[0] and "manifest.json: missing" in messages[0]
    assert "step_00000200" in messages[1] and "arrays/d/data: expected SHA-256" in messages[1]
    reason = json.loads((tmp_path / "quarantine/step_00000200/reason.json").read_text())
    assert reason["step"] == 200 and reason["file"] == "arrays/d/data"
    assert (tmp_path / "quarantine/step_00000300/metadata.json").exists()
    assert not bad.path.exists() and not worse.path.exists()


def test_sizes_alone_are_checked_on_request(tmp_path, make_step, flip):
    bad = make_step(1)
    flip(bad.path / "arrays" / "d" / "data", 5)
    assert newest_good(tmp_path, pytest.fail, verify=False) == bad


def test_the_same_step_damaged_twice_keeps_both(tmp_path, make_step, flip):
    make_step(1)
    for _ in range(2):
        flip(make_step(2).path / "metadata.json", 3)
        newest_good(tmp_path, lambda message: None)
    names = {path.name for path in (tmp_path / "quarantine").iterdir()}
    assert names == {"step_00000002", "step_00000002-2"}


def test_all_damaged_never_means_a_fresh_start(tmp_path, make_step, flip):
    for step in (1, 2):
        flip(make_step(step).path / "metadata.json", 3)
    for _ in range(2):  # also on the second start, when the steps are in quarantine already
        with pytest.raises(UserError, match=r"step 1, metadata.json") as caught:
            newest_good(tmp_path, lambda message: None)
        assert caught.value.exit_code == ExitCode.UNUSABLE
        assert str(caught.value).count("step 2, metadata.json") == 1
    shutil.rmtree(tmp_path / "quarantine")
    assert newest_good(tmp_path, pytest.fail) is None


def test_a_disk_that_cannot_be_written_does_not_stop_the_fallback(
    tmp_path, make_step, flip, monkeypatch
):
    good, bad = make_step(1), make_step(2)
    flip(bad.path / "metadata.json", 3)

    def refuse(source, target):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "rename", refuse)
    messages = []
    assert newest_good(tmp_path, messages.append) == good
    assert "Left in place (Read-only file system)" in messages[0]
