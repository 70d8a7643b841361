"""Run directories for the tests of the report."""

import json
import math

from jaxlm.monitor.metrics import MetricsLog, training_record, validation_record

HOSTILE = '</script></pre><script>document.title="owned"</script><img src=x onerror=alert(1)>"&\x00'


def write_run(directory, num_steps=40, status="done", loss=lambda step: 8 / (1 + step / 10)):
    """A finished run with everything that a report shows."""
    directory.mkdir(parents=True, exist_ok=True)
    with MetricsLog(directory / "metrics.jsonl") as log:
        log.write(validation_record(step=0, loss=8.1, bits_per_byte=3.2))
        for step in range(1, num_steps + 1):
            seconds = 20.0 if step == 1 else 0.25
            log.write(
                training_record(
                    step=step,
                    loss=loss(step),
                    grad_norm=1 + 30 * math.exp(-step),
                    learning_rate=1e-3 * step / num_steps,
                    tokens=1000 * step,
                    tokens_per_second=1000 / seconds,
                    step_seconds=seconds,
                    data_wait_seconds=0.001,
                    sample_digest="ab",
                )
            )
        log.write(validation_record(step=num_steps, loss=2.2, bits_per_byte=1.1))
    contents = {
        "config.json": {"name": "tiny", "num_steps": num_steps, "model": {"d_model": 64}},
        "status.json": {"status": status, "step": num_steps, "num_parameters": 1_234_567},
        "versions.json": {"jax": "0.10.2", "device_kind": "TPU v5 lite", "num_devices": 4},
        "samples.json": [{"prompt": "def main(", "text": HOSTILE}],
        "data.json": {
            "digest": "9f1c2a",
            "sources": {"code": {"tokens": 5}, "prose": {"tokens": 7}},
        },
    }
    for name, content in contents.items():
        (directory / name).write_text(json.dumps(content))
    events = [{"event": "compile", "seconds": 5.0}, {"event": "saving", "seconds": 0.5, "step": 40}]
    (directory / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    (directory / "command.txt").write_text("python -m jaxlm.train configs/tiny.py runs/tiny\n")
    return directory
