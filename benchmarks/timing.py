"""Timing on a machine that others use too: short windows in turn, and how busy the others were.

Two programs that are timed one after the other meet two different machines. Here they take turns in
windows of a few steps, so that each ratio is of neighbours; and each window says how many cores
were used by processes that do not belong to the benchmark.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

# A window in which others used fewer cores than this is quiet.
QUIET_CORES = 0.15


class Window(NamedTuple):
    """One timed window.

    Attributes:
      step_seconds: Mean time of a step.
      other_cores: Cores used by other processes meanwhile; none where the system does not tell.
    """

    step_seconds: float
    other_cores: float | None

    @property
    def is_quiet(self) -> bool:
        return self.other_cores is not None and self.other_cores < QUIET_CORES


class Side(Protocol):
    """A program that steps when it is its turn and is idle otherwise."""

    pid: int

    def window(self, num_steps: int) -> float:
        """Takes steps; returns the mean seconds of one."""


class Load:
    """Cores used by all processes but the given ones, since it was made. Linux only."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._began, self._start = time.perf_counter(), self._others()

    def other_cores(self) -> float | None:
        """The mean so far, or none where it is not known."""
        now = self._others()
        if now is None or self._start is None:
            return None
        return max(0.0, now - self._start) / (time.perf_counter() - self._began)

    def _others(self) -> float | None:
        """CPU seconds of the machine since it started, less those of our own processes."""
        try:
            return _machine_seconds() - sum(_process_seconds(pid) for pid in self._pids)
        except OSError:
            return None


def _machine_seconds() -> float:
    """Busy CPU seconds of all cores; time that the hypervisor gave to others counts as busy."""
    line = Path("/proc/stat").read_text().splitlines()[0]
    user, nice, system, _idle, _iowait, interrupts, soft_interrupts, steal = map(
        int, line.split()[1:9]
    )
    busy = user + nice + system + interrupts + soft_interrupts + steal
    return busy / os.sysconf("SC_CLK_TCK")


def _process_seconds(pid: int) -> float:
    """CPU seconds of a process, all its threads included."""
    # The name, in parentheses, may hold spaces; state is the first field after it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def interleave(
    sides: Mapping[str, Side],
    num_windows: int,
    num_steps: int,
    show: Callable[[str], None] = lambda line: None,
) -> dict[str, list[Window]]:
    """Lets the sides take turns; the order turns round each time, so that drift cancels.

    Args:
      sides: Programs by name.
      num_windows: Windows of each side.
      num_steps: Timed steps in a window.
      show: Told each window as it ends.
    """
    windows: dict[str, list[Window]] = {name: [] for name in sides}
    pids = [os.getpid(), *(side.pid for side in sides.values())]
    for number in range(num_windows):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in order:
            load = Load(pids)
            seconds = sides[name].window(num_steps)
            window = Window(seconds, load.other_cores())
            windows[name].append(window)
            show(f"window {number + 1}: {name} {seconds:.4g} s a step, {cores(window)} by others")
    return windows


def ratios(numerator: Sequence[Window], denominator: Sequence[Window]) -> list[float]:
    """Ratio of the times of each pair of neighbouring windows."""
    return [a.step_seconds / b.step_seconds for a, b in zip(numerator, denominator, strict=True)]


def quiet_pairs(*sides: Sequence[Window]) -> list[int]:
    """Numbers of the turns in which every side's window was quiet."""
    turns = zip(*sides, strict=True)
    return [number for number, turn in enumerate(turns) if all(w.is_quiet for w in turn)]


def median_of(values: Sequence[float], chosen: Sequence[int] | None = None) -> float | None:
    """The median of all values, or of the chosen ones; none where there are none."""
    kept = values if chosen is None else [values[number] for number in chosen]
    return statistics.median(kept) if kept else None


def cores(window: Window) -> str:
    """The cores used by others, as text."""
    return "n/a" if window.other_cores is None else f"{window.other_cores:.2f} cores"
