import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxlm.data import staging
from jaxlm.data.staging import remove_abandoned, staged_directory
from jaxlm.errors import ExitCode, UserError


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def build_of(target: Path, host: str, process: int) -> Path:
    path = target.with_name(f"{target.name}.building-{host}-{process}")
    path.mkdir(parents=True)
    (path / "part").write_text("half")
    return path


def test_the_directory_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "stores" / "x"
    with staged_directory(target) as directory:
        (directory / "file").write_text("whole")
        assert not target.exists()
    assert (target / "file").read_text() == "whole"
    assert os.listdir(tmp_path / "stores") == ["x"]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_a_failed_block_leaves_nothing(tmp_path: Path, fault: type[BaseException]) -> None:
    with pytest.raises(fault), staged_directory(tmp_path / "x") as directory:
        (directory / "file").write_text("half")
        raise fault
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"No space left.*data\.store_dir") as error,
        staged_directory(tmp_path / "x") as directory,
    ):
        (directory / "file").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert error.value.exit_code == ExitCode.STORAGE
    assert os.listdir(tmp_path) == []


def test_the_faster_of_two_builds_stays(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with staged_directory(target) as directory:
        (directory / "file").write_text("slow")
        target.mkdir()
        (target / "file").write_text("fast")
    assert (target / "file").read_text() == "fast"
    assert os.listdir(tmp_path) == ["x"]


def test_builds_of_dead_processes_are_removed_and_others_stay(tmp_path: Path) -> None:
    target = tmp_path / "my-store"
    dead = build_of(target, staging._host(), dead_process())
    alive = build_of(target, staging._host(), os.getppid())
    elsewhere = build_of(target, "other-host", 1)
    old = build_of(target, "other-host", 2)
    for path in (old / "part", old):
        os.utime(path, (1e9, 1e9))
    target.mkdir()
    assert remove_abandoned(tmp_path) == sorted([dead, old])
    assert sorted(tmp_path.iterdir()) == sorted([target, alive, elsewhere])


def test_the_own_number_of_an_earlier_process_is_no_obstacle(tmp_path: Path) -> None:
    stale = build_of(tmp_path / "x", staging._host(), os.getpid())
    with staged_directory(tmp_path / "x") as directory:
        assert directory == stale
        assert os.listdir(directory) == []
    assert os.listdir(tmp_path) == ["x"]


def test_a_file_that_cannot_be_read_is_not_called_a_failed_write(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), staged_directory(tmp_path / "x"):
        (tmp_path / "nowhere").read_bytes()
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(UserError, match="cannot write the token store") as error,
        staged_directory(tmp_path / "file" / "x"),
    ):
        pass
    assert error.value.exit_code == ExitCode.STORAGE


def test_a_build_that_vanishes_meanwhile_is_not_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = build_of(tmp_path / "x", "other-host", 1)
    listed = list(elsewhere.iterdir())
    (elsewhere / "part").unlink()
    monkeypatch.setattr(Path, "iterdir", lambda path: iter(listed))
    assert remove_abandoned(tmp_path) == []
    assert elsewhere.is_dir()
