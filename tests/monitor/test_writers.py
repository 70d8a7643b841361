import os
import subprocess
import sys

import pytest

from jaxlm.monitor.metrics import training_record, validation_record
from jaxlm.monitor.writers import TensorBoardWriter


def read_events(directory):
    """Events by the format's own definition: length, its checksum, a protobuf, its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    events = []
    for path in sorted(directory.glob("events.out.tfevents.*")):
        data = path.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            events.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return events


def record(step):
    return training_record(
        step=step,
        loss=3.25,
        grad_norm=0.5,
        learning_rate=1e-3,
        tokens=100 * step,
        tokens_per_second=1000.0,
        step_seconds=0.1,
        data_wait_seconds=0.001,
        sample_digest="ab",
    )


def scalars(events):
    return {
        (value.tag, event.step): value.simple_value
        for event in events
        for value in event.summary.value
    }


def test_the_numbers_of_a_record_become_scalars(tmp_path):
    with TensorBoardWriter(tmp_path) as writer:
        writer.write(record(7))
        writer.write(validation_record(step=7, loss=3.5, bits_per_byte=1.25))
    assert scalars(read_events(tmp_path)) == pytest.approx(
        {
            ("train/loss", 7): 3.25,
            ("train/grad_norm", 7): 0.5,
            ("train/learning_rate", 7): 1e-3,
            ("train/tokens", 7): 700,
            ("speed/tokens_per_second", 7): 1000,
            ("speed/step_seconds", 7): 0.1,
            ("speed/data_wait_seconds", 7): 0.001,
            ("validation/loss", 7): 3.5,
            ("validation/bits_per_byte", 7): 1.25,
        }
    )


def test_a_resumed_run_hides_the_steps_that_it_repeats(tmp_path):
    with TensorBoardWriter(tmp_path, resume_step=4) as writer:
        writer.write(record(5))
    starts = [event.step for event in read_events(tmp_path) if event.session_log.status == 1]
    assert starts == [5]


def test_tensorboard_is_imported_only_when_used():
    program = "import sys, jaxlm.monitor.writers; sys.exit('tensorboardX' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment).returncode == 0


def test_importing_tensorboard_pulls_in_no_framework():
    program = (
        "import sys, tensorboardX\n"
        "sys.exit(bool({'tensorflow', 'torch', 'matplotlib'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
