import json
import math
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from jaxlm.errors import ExitCode, UserError
from jaxlm.report.run import write_report
from tests.report.run_directory import HOSTILE, write_run


class Reader(HTMLParser):
    """Collects elements, attributes and the text that a reader sees."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]

    def handle_data(self, data):
        self.words.append(data)


def words_of(run_dir):
    return " ".join(Reader(write_report(run_dir).read_text("utf-8")).words)


def test_the_page_has_everything_that_was_asked_of_it(tmp_path):
    path = write_report(write_run(tmp_path / "run"))
    assert path == tmp_path / "run" / "report.html"
    source = path.read_text("utf-8")
    titles = re.findall(r"<h2>(.*?)</h2>", source)
    assert titles == [
        "Curves",
        "Where the time went",
        "Samples",
        "Data",
        "Configuration",
        "Environment",
        "Events",
        "Resume",
    ]
    charts = re.findall(r"<figcaption><h3>(.*?)[ <]", source)
    assert charts == ["Loss", "Bits", "Learning", "Gradient", "Throughput", "Step", "Waiting"]
    words = " ".join(Reader(source).words)
    for part in (
        "step 40 of 40 · TPU v5 lite, 4 devices",
        "from 3.2000 at step 0",
        "1.235 M",
        "MFU n/a",
        "d_model",
        "python -m jaxlm.train configs/tiny.py runs/tiny",
        "Beyond the axis: 1 step, at most 20.0 s, in step 1.",
    ):
        assert part in words


def test_hostile_text_is_shown_and_does_nothing(tmp_path):
    run_dir = write_run(tmp_path)
    config = {"name": HOSTILE, HOSTILE: {HOSTILE: HOSTILE}, "num_steps": 40}
    (run_dir / "config.json").write_text(json.dumps(config))
    for name in ("status.json", "versions.json", "data.json"):
        content = {"status": HOSTILE, "device_kind": HOSTILE, "message": HOSTILE, HOSTILE: "x"}
        (run_dir / name).write_text(json.dumps(content))
    (run_dir / "events.jsonl").write_text(json.dumps({"event": HOSTILE, "seconds": 1.0}) + "\n")
    (run_dir / "command.txt").write_text(HOSTILE)
    reader = Reader(write_report(run_dir).read_text("utf-8"))
    assert reader.tags.count("script") == 1
    assert "img" not in reader.tags
    assert not [name for name in reader.attributes if name.startswith("on") or name == "style"]
    assert reader.words.count(HOSTILE.replace("\x00", "\u2400")) >= 8


def test_the_speed_is_that_of_the_median_step_and_mfu_is_never_guessed(tmp_path):
    run_dir = write_run(tmp_path)
    assert "Tokens per second 4,000 median step; MFU n/a" in words_of(run_dir)
    records = map(json.loads, (run_dir / "metrics.jsonl").read_text().splitlines())
    lines = [json.dumps(record | {"mfu": 0.4567}) + "\n" for record in records]
    (run_dir / "metrics.jsonl").write_text("".join(lines))
    assert "median step; MFU 45.7%" in words_of(run_dir)


def test_times_add_up_and_count_the_data_wait_once(tmp_path):
    words = words_of(write_run(tmp_path))
    # 20 s and 39 steps of 0.25 s, of which 40 ms waited; 5 s compile; 0.5 s saving.
    assert re.search(r"training +29\.71 s", words)
    assert re.search(r"data wait +0\.04 s", words)
    assert re.search(r"total +35\.25 s", words)


@pytest.mark.parametrize("status", ["failed", "preempted", "running"])
def test_a_run_that_stopped_early_has_a_report(tmp_path, status):
    run_dir = write_run(tmp_path, num_steps=3, status=status)
    for name in ("samples.json", "data.json", "events.jsonl"):
        (run_dir / name).unlink()
    source = write_report(run_dir).read_text("utf-8")
    assert f'<span class="status {status}">{status}</span>' in source
    assert "<h2>Samples</h2>" not in source


def test_a_run_of_no_steps_has_a_report(tmp_path):
    (tmp_path / "config.json").write_text('{"name": "tiny", "num_steps": 10}')
    (tmp_path / "metrics.jsonl").write_text("")
    assert "step 0 of 10" in words_of(tmp_path)


def test_a_run_of_one_step_has_a_report(tmp_path):
    assert "step 1 of 1" in words_of(write_run(tmp_path, num_steps=1))


def test_losses_that_are_not_finite_are_told(tmp_path):
    run_dir = write_run(tmp_path, loss=lambda step: math.nan if step > 35 else 1.0)
    assert "Not drawn: 5 values that are not finite." in words_of(run_dir)


def test_a_long_run_stays_under_a_megabyte(tmp_path):
    run_dir = write_run(tmp_path, num_steps=1)
    line = (run_dir / "metrics.jsonl").read_text().splitlines()[1]
    record = json.loads(line)
    with (run_dir / "metrics.jsonl").open("w") as file:
        for step in range(1, 20_001):
            record |= {"step": step, "loss": math.sin(step) + 3, "step_seconds": step % 7 / 7}
            record |= {"grad_norm": 1 + step % 13, "tokens_per_second": 100 + step % 17}
            file.write(json.dumps(record) + "\n")
    assert write_report(run_dir).stat().st_size < 300_000


def test_drawing_again_replaces_the_page_and_leaves_nothing_else(tmp_path):
    run_dir = write_run(tmp_path)
    write_report(run_dir)
    before = sorted(os.listdir(run_dir))
    write_report(run_dir)
    assert sorted(os.listdir(run_dir)) == before


def test_another_directory_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no run directory") as raised:
        write_report(tmp_path)
    assert raised.value.exit_code == ExitCode.USAGE


def test_a_damaged_file_is_named(tmp_path):
    run_dir = write_run(tmp_path)
    (run_dir / "samples.json").write_text("{")
    with pytest.raises(UserError, match=r"samples\.json: not valid JSON"):
        write_report(run_dir)
    (run_dir / "samples.json").write_text("{}")
    with pytest.raises(UserError, match=r"samples\.json: expected a JSON list"):
        write_report(run_dir)


def test_the_command_draws_without_starting_jax(tmp_path):
    run_dir = write_run(tmp_path)
    program = (
        "import sys, runpy\n"
        f"sys.argv = ['report', {str(run_dir)!r}]\n"
        "try: runpy.run_module('jaxlm.report.run', run_name='__main__')\n"
        "except SystemExit as stop: sys.exit(stop.code or ('jax' in sys.modules and 99))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str(run_dir / "report.html")
