"""Runs the parts of a stage in processes of this machine."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from jaxlm.errors import ExitCode, UserError

Work = Callable[[int], Any]

# A part whose worker dies so often is at fault itself.
_MOST_TRIES = 3


def num_workers(wanted: int) -> int:
    """The number of processes: `wanted`, or one a core for 0."""
    if wanted:
        return wanted
    has_affinity = hasattr(os, "sched_getaffinity")  # Linux
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


def run_parts(
    work: Work, parts: Iterable[int], workers: int, stage: str
) -> Iterator[tuple[int, Any]]:
    """Runs `work` for each part and yields (part, result) as they end.

    A part is a pure function of its number that leaves a file: a worker that is killed costs the
    parts it was at, which are run again.

    Args:
      work: Picklable.
      parts: Numbers of the parts.
      workers: Processes.
      stage: Name for messages.

    Raises:
      UserError: A part raised it, or killed its worker again and again (exit 75).
    """
    left = dict.fromkeys(parts, 0)
    while left:
        for part in left:
            left[part] += 1
        try:
            for part, result in _run_once(work, list(left), min(workers, len(left))):
                del left[part]
                left = dict.fromkeys(left, 0)  # one that ended shows that others may, too
                yield part, result
        except BrokenProcessPool:
            stubborn = [part for part, tries in left.items() if tries >= _MOST_TRIES]
            if stubborn:
                raise UserError(
                    f"{stage}: a worker was killed {_MOST_TRIES} times at part {stubborn[0]} (or a "
                    "part beside it), perhaps for lack of memory; give fewer workers (workers=1) "
                    "and start again: finished parts are kept",
                    ExitCode.RESTART,
                ) from None


def _run_once(work: Work, parts: list[int], workers: int) -> Iterator[tuple[int, Any]]:
    context = multiprocessing.get_context("spawn")  # forking beside Arrow's threads may hang
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_settle, initargs=(work,)
    ) as pool:
        futures: dict[Future[Any], int] = {pool.submit(_run_part, part): part for part in parts}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


# Sent to a worker once, since it may hold decisions about every document.
_work: Work | None = None


def _run_part(part: int) -> Any:
    assert _work is not None
    return _work(part)


def _settle(work: Work) -> None:
    """One thread a worker; Ctrl-C is the driver's to handle, and no worker outlives it."""
    import pyarrow

    global _work
    _work = work
    threading.Thread(target=_end_with_driver, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)


def _end_with_driver() -> None:
    driver = multiprocessing.parent_process()
    assert driver is not None
    driver.join()
    os._exit(1)
