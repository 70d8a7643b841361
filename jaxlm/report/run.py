"""The report of a training run: one page drawn from the files of its run directory.

    python -m jaxlm.report.run runs/NAME

draws it again, also for a run that was killed and could not draw its own.
"""

import json
import os
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxlm.errors import ExitCode, UserError, run_main
from jaxlm.monitor import metrics
from jaxlm.report import page, run_charts
from jaxlm.report.page import Html

_REPORT = "report.html"
# Events with a duration are summed in the table of times; of the others the page shows the newest.
_MOST_EVENTS = 200


@dataclass(frozen=True)
class Run:
    """What a run directory says.

    Attributes:
      directory: The run directory.
      config: `config.json`.
      records: `metrics.jsonl`.
      events: `events.jsonl`: `{"event": name}`, with `seconds` where it took time, and details.
      status: `status.json`: `status` and `step`; perhaps `message`, `num_parameters`.
      versions: `versions.json`: the environment; perhaps `device_kind` and `num_devices`.
      samples: `samples.json`: a list of `{"prompt": text, "text": continuation}`.
      data: `data.json`: a summary of the token store.
      command: `command.txt`: the command that resumes the run.
    """

    directory: Path
    config: Mapping[str, Any]
    records: Sequence[metrics.Record]
    events: Sequence[metrics.Record]
    status: Mapping[str, Any]
    versions: Mapping[str, Any]
    samples: Sequence[Mapping[str, Any]]
    data: Mapping[str, Any]
    command: str

    @property
    def training(self) -> list[metrics.Record]:
        """Records of training steps."""
        return [record for record in self.records if "loss" in record]

    @property
    def validation(self) -> list[metrics.Record]:
        """Records of evaluations."""
        return [record for record in self.records if "validation_loss" in record]


def write_report(run_dir: str | os.PathLike[str]) -> Path:
    """Draws `report.html` of a run, whether it has finished or stopped early.

    Returns:
      The page's path.

    Raises:
      UserError: the directory is not a run's, a file in it is damaged, or the disk is full.
    """
    run = read_run(Path(run_dir))
    path = run.directory / _REPORT
    try:
        _replace(path, draw(run))
    except OSError as error:
        raise UserError(
            f"{path}: cannot write the report: {error.strerror or error}. The run itself is safe;"
            f" draw it later with `python -m jaxlm.report.run {run.directory}`.",
            ExitCode.STORAGE,
        ) from error
    return path


def read_run(run_dir: Path) -> Run:
    """Reads what the report needs; a file that a run did not come to write is empty.

    Raises:
      UserError: the directory is not a run's, or a file in it is damaged.
    """
    if not (run_dir / "config.json").is_file():
        raise UserError(f"{run_dir} is no run directory: it has no config.json")
    command = run_dir / "command.txt"
    return Run(
        directory=run_dir,
        config=_read_json(run_dir / "config.json", {}),
        records=_read_lines(run_dir / "metrics.jsonl"),
        events=_read_lines(run_dir / "events.jsonl"),
        status=_read_json(run_dir / "status.json", {}),
        versions=_read_json(run_dir / "versions.json", {}),
        samples=_read_json(run_dir / "samples.json", []),
        data=_read_json(run_dir / "data.json", {}),
        command=command.read_text("utf-8").strip() if command.exists() else "",
    )


def draw(run: Run) -> Html:
    """The page."""
    name = str(run.config.get("name", run.directory.name))
    body = page.join(
        [
            _header(run, name),
            page.cards(_cards(run)),
            page.section("Curves", run_charts.curves(run.training, run.validation)),
            page.section("Where the time went", _times(run)),
            page.section("Samples", page.join(map(_sample, run.samples))),
            page.section("Data", page.mapping(run.data, is_open=True)),
            page.section("Configuration", page.mapping(run.config)),
            page.section("Environment", page.mapping(run.versions)),
            page.section("Events", _events(run)),
            page.section(
                "Resume",
                page.code(run.command) if run.command else Html(""),
                "Started again with its run directory, the run goes on from its newest checkpoint.",
            ),
            Html(f"<footer>Drawn by jaxlm, {page.text(_now())}.</footer>"),
        ]
    )
    return page.document(f"{name}: training report", body)


def _header(run: Run, name: str) -> Html:
    status = str(run.status.get("status", "unknown"))
    step, total = _last_step(run), run.config.get("num_steps")
    parts = [f"step {step:,} of {total:,}" if isinstance(total, int) else f"step {step:,}"]
    if run.versions.get("device_kind"):
        parts.append(f"{run.versions['device_kind']}, {_devices(run)}")
    if run.status.get("message"):
        parts.append(str(run.status["message"]))
    known = status if status in ("done", "failed", "preempted", "running") else ""
    return Html(
        f'<header><h1>{page.text(name)} <span class="status {known}">{page.text(status)}</span>'
        f'</h1><p class="lead">{page.text(" · ".join(parts))}</p></header>\n'
    )


def _devices(run: Run) -> str:
    count = run.versions.get("num_devices", 1)
    return "1 device" if count == 1 else f"{count:,} devices"


def _cards(run: Run) -> list[tuple[str, str, str]]:
    """The key numbers that are known."""
    cards = []
    if run.training:
        last = run.training[-1]
        cards.append(("Training loss", f"{last['loss']:.4f}", f"at step {last['step']:,}"))
    if run.validation:
        first, last = run.validation[0], run.validation[-1]
        cards.append(_change("Validation loss", first, last, "validation_loss"))
        cards.append(_change("Bits per byte", first, last, "validation_bits_per_byte"))
    if run.training:
        cards.append(("Tokens", _large(run.training[-1]["tokens"]), "trained on"))
        cards.append(_speed_card(run.training))
    seconds = sum(size for _, size in _durations(run))
    if seconds:
        cards.append(("Time", _clock_time(seconds), "all sessions together"))
    if "num_parameters" in run.status:
        cards.append(("Parameters", _large(run.status["num_parameters"]), ""))
    return cards


def _change(
    label: str, first: metrics.Record, last: metrics.Record, key: str
) -> tuple[str, str, str]:
    """A value now, and where it came from."""
    came = f"from {first[key]:.4f} at step {first['step']:,}" if last is not first else ""
    return label, f"{last[key]:.4f}", came


def _speed_card(training: Sequence[metrics.Record]) -> tuple[str, str, str]:
    """Speed of the median step, and its share of the devices' peak where that is known."""
    speed = statistics.median(record["tokens_per_second"] for record in training)
    shares = [record["mfu"] for record in training if record.get("mfu") is not None]
    share = f"{statistics.median(shares):.1%}" if shares else "n/a"
    return "Tokens per second", _large(speed), f"median step; MFU {share}"


def _durations(run: Run) -> list[tuple[str, float]]:
    """Seconds by kind of work: from the events, and of the steps from the metrics."""
    totals: Counter[str] = Counter()
    for event in run.events:
        if isinstance(event.get("seconds"), int | float):
            totals[str(event.get("event"))] += event["seconds"]
    waited = sum(record["data_wait_seconds"] for record in run.training)
    stepped = sum(record["step_seconds"] for record in run.training) - waited
    steps = {"training": stepped, "data wait": waited} if run.training else {}
    return [*steps.items(), *((name, s) for name, s in totals.items() if name not in steps)]


def _times(run: Run) -> Html:
    durations = _durations(run)
    total = sum(seconds for _, seconds in durations)
    if not total:
        return Html("")
    rows = [(name, _seconds(s), f"{s / total:.1%}") for name, s in durations]
    rows.append(("total", _seconds(total), ""))
    return page.join([run_charts.time_bar(durations), page.table(("Work", "Time", "Share"), rows)])


def _sample(sample: Mapping[str, Any]) -> Html:
    prompt, text = page.text(sample.get("prompt", "")), page.text(sample.get("text", ""))
    return Html(f'<pre class="sample" dir="auto"><b>{prompt}</b>{text}</pre>\n')


def _events(run: Run) -> Html:
    """What happened besides steps, newest last."""
    rows = [
        (
            event.get("step", ""),
            event.get("event", ""),
            _seconds(event["seconds"]) if isinstance(event.get("seconds"), int | float) else "",
            ", ".join(
                f"{key} {value}"
                for key, value in event.items()
                if key not in ("step", "event", "seconds", "time")
            ),
        )
        for event in run.events[-_MOST_EVENTS:]
    ]
    table = page.table(("Step", "Event", "Time", "Details"), rows)
    if not rows:
        return Html("")
    shown = f"last {len(rows):,} of {len(run.events):,}" if len(rows) < len(run.events) else "all"
    return page.details(f"{len(run.events):,} events ({shown})", table)


def _last_step(run: Run) -> int:
    steps = [run.status.get("step", 0), *(record["step"] for record in run.records[-1:])]
    return int(max(steps))


def _large(count: float) -> str:
    """A count in four digits at most."""
    for size, suffix in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e5, " k")):
        if count >= size:
            return f"{count / (1e3 if suffix == ' k' else size):.4g}{suffix}"
    return f"{count:,.0f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 100 else _clock_time(seconds)


def _clock_time(seconds: float) -> str:
    """A duration in its two largest units."""
    for size, unit, smaller_size, smaller in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} {seconds % size // smaller_size:.0f} {smaller}"
    return f"{seconds:.1f} s"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def _read_json(path: Path, missing: Any) -> Any:
    """The content of a JSON file, which must be of the kind of `missing`."""
    if not path.exists():
        return missing
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error})", ExitCode.UNUSABLE) from error
    if not isinstance(content, type(missing)):
        raise UserError(f"{path}: expected a JSON {type(missing).__name__}", ExitCode.UNUSABLE)
    return content


def _read_lines(path: Path) -> list[metrics.Record]:
    return metrics.read(path) if path.exists() else []


def _replace(path: Path, content: str) -> None:
    """Writes a file in one step, so that a reader never meets half a page."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".report-", suffix=".html")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def main() -> int:
    """Draws the report of the run directory named on the command line."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise UserError("usage: python -m jaxlm.report.run RUN_DIR")
    print(write_report(sys.argv[1]))
    return ExitCode.DONE


if __name__ == "__main__":
    run_main(main)
