"""Ctrl-C and SIGTERM: finish the step, save, leave with exit code 75."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interruption:
    """Whether the process was asked to stop, and how it should take it.

    Attributes:
      requested: Name of the signal that asked, or none.
      deferred: Whether the signal is only noted (inside the training loop, which looks at
        `requested` after each step) or raises KeyboardInterrupt at once.
    """

    def __init__(self) -> None:
        self.requested: str | None = None
        self.deferred = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Notes the first signal; a second one, or one outside the loop, stops at once."""
        del frame
        if self.deferred and self.requested is None:
            self.requested = signal.Signals(number).name
        else:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def defer(self) -> Iterator[None]:
        """Notes signals instead of raising while inside."""
        self.deferred = True
        try:
            yield
        finally:
            self.deferred = False


@contextlib.contextmanager
def watch_signals() -> Iterator[Interruption]:
    """Watches SIGINT and SIGTERM, and gives the old handlers back at the end."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption  # signals reach the main thread only
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interruption.handle) for number in numbers]
    try:
        yield interruption
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
