import io
import os
import re
import subprocess
import sys

import pytest

from jaxlm.monitor.progress import Progress

LINE = re.compile(
    r"step +(?P<step>\d+)/(?P<total>\d+)  loss (?P<loss>\S+)  lr (?P<lr>\S+)  +(?P<speed>[\d,]+) "
    r"tok/s  +(?P<time>\S+ m?s)/step  data +(?P<wait>\S+ m?s)  MFU (?P<mfu>\S+)  "
    r"ETA +(?P<eta>\S+)  saved (?P<saved>.+)"
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def metrics(seconds=0.5, tokens=1000, **more):
    return {
        "loss": 3.41272,
        "learning_rate": 2.7e-3,
        "tokens_per_second": tokens / seconds,
        "step_seconds": seconds,
        "data_wait_seconds": 1e-4,
        **more,
    }


def run(num_steps=20, every=5, first_step=1, seconds=lambda step: 0.5, saved=None, **more):
    stream, clock = io.StringIO(), Clock()
    with Progress(num_steps, every, stream, clock) as progress:
        for step in range(first_step, num_steps + 1):
            clock.now += seconds(step)
            progress.update(step, metrics(seconds(step), **more), saved)
    return [LINE.fullmatch(line) for line in stream.getvalue().splitlines()]


def test_plain_lines_come_at_the_first_each_nth_and_the_last_step():
    assert [int(line["step"]) for line in run(23, 5)] == [1, 5, 10, 15, 20, 23]


def test_a_plain_line_reads_as_documented():
    assert run(saved=(5, 1000.0))[1][0] == (
        "step  5/20  loss 3.4127  lr 2.70e-03      2,000 tok/s   500 ms/step  data  0.1 ms  "
        "MFU n/a  ETA    0:08  saved 5 (2 s ago)"
    )


def test_lines_keep_their_columns():
    lines = run(1000, 100)
    assert len({line.start("loss") for line in lines}) == 1
    assert len({line.start("saved") for line in lines}) == 1


def test_the_compiling_step_counts_only_until_the_second():
    lines = run(seconds=lambda step: 60.0 if step == 1 else 0.5)
    assert lines[0]["time"] == "60.0 s"
    assert [line["speed"] for line in lines[1:]] == ["2,000"] * 4
    assert lines[1]["eta"] == "0:08"


def test_a_delayed_step_does_not_move_the_speed():
    lines = run(seconds=lambda step: 30.0 if step == 10 else 0.5)
    assert lines[2]["time"] == "500 ms"


def test_the_remaining_time_has_delays_in_it():
    assert run(21, 11, seconds=lambda step: 30.0 if step == 10 else 0.5)[1]["eta"] == "0:34"


def test_the_remaining_time_after_a_resume_counts_this_process_only():
    assert run(100, 50, first_step=90)[1]["eta"] == "0:00"
    assert [line["eta"] for line in run(100, 10, first_step=81)] == ["?", "0:05", "0:00"]


def test_mfu_is_shown_only_where_it_is_known():
    assert [line["mfu"] for line in run(mfu=0.4567)] == ["45.7%"] * 5
    assert [line["mfu"] for line in run(mfu=None)] == ["n/a"] * 5


def test_a_loss_that_is_not_finite_is_shown():
    assert run(loss=float("nan"))[0]["loss"] == "nan"


@pytest.mark.parametrize(
    ("age", "shown"),
    [(12, "7 (12 s ago)"), (600, "7 (10 min ago)"), (9000, "7 (2.5 h ago)"), (-5, "7 (0 s ago)")],
)
def test_the_age_of_the_last_save(age, shown):
    assert run(1, saved=(7, 1000.5 - age))[0]["saved"] == shown


def test_before_the_first_save():
    assert run(1)[0]["saved"] == "never"


def test_plain_phases_show_begin_pace_and_end():
    stream, clock = io.StringIO(), Clock()
    with Progress(10, 1, stream, clock) as progress:
        for done in range(101):
            progress.phase("tokenize", done, 100)
            clock.now += 0.25
    assert stream.getvalue().splitlines() == [
        "tokenize:    0%  0 of 100",
        "tokenize:   40%  40 of 100",
        "tokenize:   80%  80 of 100",
        "tokenize: done in 0:25",
    ]


def test_a_terminal_shows_every_step_and_keeps_notes(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    stream = Terminal()
    with Progress(20, 100, stream, Clock()) as progress:
        progress.phase("tokenize", 1, 2)
        progress.phase("tokenize", 2, 2)
        for step in range(1, 21):
            progress.update(step, metrics(), (10, 990.0))
            if step == 10:
                progress.note("step 10  validation [loss] 3.2")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "tokenize: done in 0:00" in shown
    assert "step 10  validation [loss] 3.2" in shown
    assert "━━ step 20/20 loss 3.4127 lr 2.70e-03" in re.sub(" +", " ", shown)


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_a_narrow_terminal_breaks_between_items(monkeypatch, columns):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", columns)
    stream = Terminal()
    with Progress(20, 100, stream, Clock()) as progress:
        progress.update(1, metrics(), (10, 990.0))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).replace("\r", "\n")
    for item in ("step 1/20", "2,000 tok/s", "500 ms/step", "data 0.1 ms", "saved 10 (10 s ago)"):
        assert any(item in line for line in shown.splitlines())
    assert all(len(line) <= int(columns) for line in shown.splitlines())


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Progress(1, 1, stream, Clock()) as progress:
        progress.update(1, metrics(), None)
    assert LINE.fullmatch(stream.getvalue().strip())


def test_a_piped_run_does_not_import_rich():
    program = (
        "import io, sys; from jaxlm.monitor.progress import Progress\n"
        "with Progress(1, 1, io.StringIO()) as p: p.note('x')\n"
        "sys.exit('rich' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment).returncode == 0
