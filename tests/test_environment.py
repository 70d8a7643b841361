"""versions.json: what it names, and that it names nothing else."""

import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path

import jax
import pytest

from jaxlm.environment import git_commit, versions


def test_versions_are_those_installed() -> None:
    found = versions()
    assert found["packages"]["jax"] == jax.__version__
    assert found["packages"]["orbax-checkpoint"] == importlib.metadata.version("orbax-checkpoint")
    assert found["python"] == platform.python_version()
    assert found["num_devices"] == jax.device_count()
    assert found["device_kind"] == jax.devices()[0].device_kind
    assert json.loads(json.dumps(found)) == found


def test_nothing_of_the_environment_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "hunter2")
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=there")
    found = versions()
    assert "hunter2" not in json.dumps(found)
    assert found["xla_flags"] == "--xla_dump_to=there"
    assert found.keys() == {
        "jaxlm",
        "python",
        "platform",
        "packages",
        "device_kind",
        "device_platform",
        "num_devices",
        "num_processes",
        "xla_flags",
        "git_commit",
    }


def test_git_commit_of_a_clean_and_of_a_changed_tree(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        settings = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", "-C", str(tmp_path), *settings, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert git_commit(tmp_path) is None
    git("init", "-q")
    package = tmp_path / "package"
    package.mkdir()
    (package / "a.py").write_text("a = 1\n")
    assert git_commit(package) is None
    git("add", ".")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "HEAD")
    assert git_commit(package) == commit
    (package / "a.py").write_text("a = 2\n")
    assert git_commit(package) == f"{commit}-dirty"
