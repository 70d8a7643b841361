"""One line of progress: how far, how well, how fast, how long still."""

import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from jaxlm.monitor.display import open_display

# Steps that the speeds on the line are taken over.
_WINDOW = 20
# Plain lines about long work come no more often than this.
_PHASE_SECONDS = 10.0


class Progress:
    """Tells the user where the run is, live on a terminal and in plain lines when piped.

    Only one process should show progress; give the others a stream that goes nowhere.
    """

    def __init__(
        self,
        num_steps: int,
        log_every_steps: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Chooses the form by the stream.

        Args:
          num_steps: Steps of the whole run.
          log_every_steps: Steps between plain lines; a terminal shows every step.
          stream: Where to print; standard error when not given.
          clock: Unix time in seconds.
        """
        self._num_steps = num_steps
        self._log_every_steps = log_every_steps
        self._display = open_display(sys.stderr if stream is None else stream)
        self._clock = clock
        self._speed = _Speed()
        self._first: tuple[int, float] | None = None
        self._phase: _Phase | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._display.close()

    def update(
        self, step: int, metrics: Mapping[str, Any], last_saved: tuple[int, float] | None
    ) -> None:
        """Shows a finished step.

        Speeds are medians over the last steps without the first, which compiles; a step that an
        evaluation or a save delayed does not move them. The remaining time is taken from the wall
        clock, so that evaluations and saves are in it.

        Args:
          step: The step, from 1.
          metrics: The step's record, as in `metrics.jsonl`, and perhaps `mfu`.
          last_saved: Step and Unix time of the newest checkpoint.
        """
        now = self._clock()
        is_first = self._first is None
        self._first = self._first or (step, now)
        self._speed.add(metrics)
        due = is_first or step % self._log_every_steps == 0 or step == self._num_steps
        if self._display.live or due:
            width = len(str(self._num_steps))
            items = [
                f"step {step:>{width}}/{self._num_steps}",
                f"loss {metrics['loss']:.4f}",
                f"lr {metrics['learning_rate']:.2e}",
                *self._speed.items(),
                f"ETA {self._remaining(step, self._first, now):>7}",
                f"saved {_saved(last_saved, now)}",
            ]
            self._display.line(items, step / self._num_steps)

    def note(self, message: str) -> None:
        """Prints a message that stays, above the live line on a terminal."""
        self._display.note(message)

    def phase(self, name: str, done: int, total: int) -> None:
        """Shows how far a long piece of work is; it ends when `done` reaches `total`.

        Args:
          name: What is done, such as `tokenize`.
          done: Units of work behind us.
          total: Units of work in all; 0 where not known.
        """
        now = self._clock()
        if self._phase is None or self._phase.name != name:
            self._phase = _Phase(name, now)
        if total and done >= total:
            self._display.clear()
            self._display.note(f"{name}: done in {_clock_time(now - self._phase.started)}")
            self._phase = None
        elif self._display.live or self._phase.due(now):
            amount = f"{done / total:4.0%}  {done:,} of {total:,}" if total else f"{done:,}"
            self._display.line([f"{name}:", amount], done / total if total else 0.0)

    def _remaining(self, step: int, first: tuple[int, float], now: float) -> str:
        """Time to the last step at the pace since the first step of this process."""
        first_step, first_time = first
        left = max(0, self._num_steps - step)
        if left and step == first_step:
            return "?"
        return _clock_time((now - first_time) / (step - first_step) * left if left else 0.0)


class _Phase:
    """A long piece of work under way."""

    def __init__(self, name: str, now: float) -> None:
        self.name = name
        self.started = now
        self._shown: float | None = None

    def due(self, now: float) -> bool:
        """Whether it is time for another plain line."""
        due = self._shown is None or now - self._shown >= _PHASE_SECONDS
        if due:
            self._shown = now
        return due


class _Speed:
    """Medians over recent steps."""

    def __init__(self) -> None:
        self._window: deque[Mapping[str, Any]] = deque(maxlen=_WINDOW)
        self._num_added = 0

    def add(self, metrics: Mapping[str, Any]) -> None:
        """Adds a step; the first, which compiles, counts only until the second."""
        if self._num_added == 1:
            self._window.clear()
        self._window.append(metrics)
        self._num_added += 1

    def items(self) -> list[str]:
        """The parts of the line about speed."""
        return [
            f"{self._median('tokens_per_second'):>9,.0f} tok/s",
            f"{_duration(self._median('step_seconds')):>7}/step",
            f"data {_duration(self._median('data_wait_seconds')):>7}",
            f"MFU {self._mfu()}",
        ]

    def _median(self, key: str) -> float:
        return statistics.median(float(metrics[key]) for metrics in self._window)

    def _mfu(self) -> str:
        """The share of the peak, or that it is not known; never a guess."""
        if any(metrics.get("mfu") is None for metrics in self._window):
            return "n/a"
        return f"{self._median('mfu'):.1%}"


def _duration(seconds: float) -> str:
    """A step's time, in the unit that reads best."""
    if seconds >= 10:
        return f"{seconds:.1f} s"
    milliseconds = 1000 * seconds
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def _clock_time(seconds: float) -> str:
    """Hours, minutes and seconds, such as 1:02:03 or 0:26."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _saved(last_saved: tuple[int, float] | None, now: float) -> str:
    """The newest checkpoint's step and age."""
    if last_saved is None:
        return "never"
    step, saved_at = last_saved
    seconds = max(0.0, now - saved_at)
    if seconds < 100:
        return f"{step} ({seconds:.0f} s ago)"
    if seconds < 6000:
        return f"{step} ({seconds / 60:.0f} min ago)"
    return f"{step} ({seconds / 3600:.1f} h ago)"
