import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jaxlm.checkpoint.manifest import find_damage
from jaxlm.checkpoint.steps import list_steps

WORKER = Path(__file__).parent / "two_process_worker.py"


@pytest.mark.slow
def test_two_processes_save_and_restore_together(tmp_path):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(tmp_path), str(process), port],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for process in range(2)
    ]
    for worker in workers:
        output, _ = worker.communicate(timeout=120)
        assert worker.returncode == 0
        assert output.endswith("restored\n")
    steps = list_steps(tmp_path)
    assert [info.step for info in steps] == [1, 2]
    files = {path.name for path in (steps[-1].path / "arrays").iterdir()}
    assert {"ocdbt.process_0", "ocdbt.process_1"} <= files
    assert find_damage(steps[-1]) is None
