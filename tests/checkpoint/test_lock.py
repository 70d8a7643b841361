import contextlib
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from jaxlm.checkpoint.lock import LOCK_FILE, RunLock
from jaxlm.errors import ExitCode, UserError

HOLD = """
import os, sys, time
from jaxlm.checkpoint.lock import RunLock
with RunLock(sys.argv[1]):
    if "fork" in sys.argv:
        ready, announce = os.pipe()
        if os.fork() == 0:
            os.write(announce, b"!")
            time.sleep(60)
        os.read(ready, 1)
    print(os.getpid(), flush=True)
    time.sleep(60)
"""

TRY = """
import sys
from jaxlm.checkpoint.lock import RunLock
from jaxlm.errors import run_main
def main():
    with RunLock(sys.argv[1]):
        pass
run_main(main)
"""


@pytest.fixture
def hold(tmp_path):
    started = []

    def start(*extra):
        command = [sys.executable, "-c", HOLD, str(tmp_path), *extra]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0)
        started.append(process)
        process.stdout.readline()
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_a_second_writer_exits_with_73_and_names_the_first(tmp_path, hold):
    first = hold()
    start = time.monotonic()
    second = subprocess.run(
        [sys.executable, "-c", TRY, str(tmp_path)], capture_output=True, text=True, timeout=30
    )
    assert time.monotonic() - start < 5
    assert second.returncode == ExitCode.LOCKED
    assert f"in use by process {first.pid} on host" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize("extra", [(), ("fork",)])
def test_a_dead_writers_lock_does_not_block(tmp_path, hold, extra):
    first = hold(*extra)
    first.kill()
    first.wait()
    with RunLock(tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == os.getpid()


def test_released_and_taken_again(tmp_path):
    for _ in range(2):
        with RunLock(tmp_path / "run"), pytest.raises(UserError, match=f"process {os.getpid()}"):
            RunLock(tmp_path / "run").__enter__()
    assert (tmp_path / "run" / LOCK_FILE).read_text() == ""


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot lock") as caught:
        RunLock(tmp_path / "file" / "run").__enter__()
    assert caught.value.exit_code == ExitCode.STORAGE


@pytest.fixture
def no_flock(monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_without_flock_a_live_writer_blocks_and_a_dead_one_does_not(tmp_path, hold, no_flock):
    first = hold()
    with pytest.raises(UserError, match=f"process {first.pid}") as caught:
        RunLock(tmp_path).__enter__()
    assert caught.value.exit_code == ExitCode.LOCKED
    first.kill()
    first.wait()
    with RunLock(tmp_path):
        pass


def test_without_flock_a_reused_process_id_does_not_block(tmp_path, no_flock):
    with RunLock(tmp_path):
        holder = json.loads((tmp_path / LOCK_FILE).read_text())
    holder["start_ticks"] -= 1
    (tmp_path / LOCK_FILE).write_text(json.dumps(holder))
    with RunLock(tmp_path):
        pass


def test_without_flock_another_hosts_writer_blocks_until_its_file_is_deleted(tmp_path, no_flock):
    with RunLock(tmp_path):
        holder = json.loads((tmp_path / LOCK_FILE).read_text())
    (tmp_path / LOCK_FILE).write_text(json.dumps({**holder, "host": "elsewhere", "pid": 1}))
    with pytest.raises(UserError, match="certainly gone, delete"):
        RunLock(tmp_path).__enter__()
    (tmp_path / LOCK_FILE).unlink()
    with RunLock(tmp_path):
        pass
