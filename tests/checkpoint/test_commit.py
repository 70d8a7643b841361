import pytest

from jaxlm.checkpoint.commit import begin, commit, delete, prepare_directory
from jaxlm.checkpoint.manifest import find_damage, write_manifest
from jaxlm.checkpoint.steps import CheckpointInfo, list_steps, step_name
from jaxlm.errors import ExitCode, UserError


def test_a_step_exists_only_once_committed(tmp_path):
    temporary = tmp_path / f".tmp-{step_name(1)}"
    begin(temporary)
    (temporary / "metadata.json").write_text("{}")
    write_manifest(1, temporary)
    assert list_steps(tmp_path) == []
    commit(temporary, tmp_path / step_name(1))
    assert list_steps(tmp_path) == [CheckpointInfo(1, tmp_path / step_name(1))]
    delete(tmp_path / step_name(1))
    assert list(tmp_path.iterdir()) == []


def test_steps_are_listed_by_number_and_only_with_a_manifest(tmp_path, make_step):
    steps = [100_000_000, 7, 99_999_999]
    for step in steps:
        make_step(step)
    (tmp_path / step_name(8)).mkdir()
    (tmp_path / "step_9").mkdir()
    assert [info.step for info in list_steps(tmp_path)] == sorted(steps)


def test_left_overs_are_removed_and_steps_stay(tmp_path, make_step):
    info = make_step(1)
    for name in (".tmp-step_00000002", ".trash-step_00000000", ".old-step_00000001"):
        (tmp_path / name / "arrays").mkdir(parents=True)
    (tmp_path / "quarantine").mkdir()
    prepare_directory(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"step_00000001", "quarantine"}
    assert find_damage(info) is None


def test_a_step_whose_replacement_never_came_is_put_back(tmp_path, make_step):
    info = make_step(1)
    info.path.rename(tmp_path / ".old-step_00000001")
    prepare_directory(tmp_path)
    assert find_damage(info) is None


def test_committing_a_step_again_replaces_it(tmp_path, make_step):
    info = make_step(1)
    temporary = tmp_path / ".tmp-step_00000001"
    begin(temporary)
    (temporary / "metadata.json").write_text("new")
    write_manifest(1, temporary)
    commit(temporary, info.path)
    assert (info.path / "metadata.json").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == [info.path.name]


def test_an_unusable_directory_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be used") as caught:
        prepare_directory(tmp_path / "file" / "checkpoints")
    assert caught.value.exit_code == ExitCode.STORAGE
