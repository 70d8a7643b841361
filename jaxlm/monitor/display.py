"""Where progress goes: a live line on a terminal, plain lines elsewhere."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.text import Text

_LEAST_BAR = 10
_WIDEST_BAR = 30


class Display(Protocol):
    """A place for one line of the moment and for messages that stay.

    Attributes:
      live: Whether the line replaces itself, so that it may change often.
    """

    live: bool

    def line(self, items: Sequence[str], done: float) -> None:
        """Shows the line of the moment.

        Args:
          items: Its parts.
          done: Share of the work behind us, from 0 to 1.
        """

    def note(self, message: str) -> None:
        """Prints a message that stays."""

    def clear(self) -> None:
        """Removes a live line."""

    def close(self) -> None:
        """Leaves the last line standing."""


def open_display(stream: TextIO) -> Display:
    """The display that fits a stream."""
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return Terminal(stream)
    return Plain(stream)


class Plain:
    """Lines for a file or a pipe."""

    live = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def line(self, items: Sequence[str], done: float) -> None:
        """Prints the line."""
        self.note("  ".join(items))

    def note(self, message: str) -> None:
        """Prints a message."""
        print(message, file=self._stream, flush=True)

    def clear(self) -> None:
        """Does nothing: what is printed stays."""

    def close(self) -> None:
        """Hands all lines on."""
        self._stream.flush()


class Terminal:
    """A live line under what has been printed."""

    live = True

    def __init__(self, stream: TextIO) -> None:
        # Here, because a piped run need not wait for it.
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=stream)
        # Streams are not redirected: a program's other output would lose its order and its form.
        self._live = Live(
            console=self._console,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def line(self, items: Sequence[str], done: float) -> None:
        """Replaces the live line."""
        self._live.start()
        self._live.update(self._draw([" ".join(item.split()) for item in items], done))

    def note(self, message: str) -> None:
        """Prints a message above the live line."""
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)

    def clear(self) -> None:
        """Empties the live line."""
        self._live.update("")

    def close(self) -> None:
        """Stops the live line where it is."""
        self._live.stop()

    def _draw(self, items: list[str], done: float) -> "Text":
        """A bar where there is room for it, then the items, broken between items only."""
        from rich.text import Text

        words = Text(_wrap(items, self._console.width))
        words.highlight_regex(r"(?<=loss )\S+", "bold")
        words.highlight_regex(r"(?<!/)\b(step|loss|lr|data|MFU|ETA|saved)\b", "dim")
        room = min(_WIDEST_BAR, self._console.width - len(words) - 2)
        if room < _LEAST_BAR or "\n" in words.plain:
            return words
        filled = round(max(0.0, min(1.0, done)) * room)
        dash = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"
        bar = ((dash * filled, "cyan"), (dash * (room - filled), "bright_black"))
        return Text.assemble(*bar, "  ", words)


def _wrap(items: Sequence[str], width: int) -> str:
    """Joins items to lines no wider than `width`, an item's own width aside."""
    lines = [""]
    for item in items:
        candidate = f"{lines[-1]}  {item}" if lines[-1] else item
        if lines[-1] and len(candidate) > width:
            lines.append(item)
        else:
            lines[-1] = candidate
    return "\n".join(lines)
