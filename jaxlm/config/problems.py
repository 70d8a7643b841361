"""What is wrong with a configuration, told in one message, with the nearest valid names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from jaxlm.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Given:
    """One value as the user gave it.

    Attributes:
      path: Dotted name, such as `optim.peak_lr`.
      value: The value as text; empty for a setting that has none.
      origin: Where the value was given, such as `configs/x.py:12`; empty when not yet known.
    """

    path: str
    value: str = ""
    origin: str = ""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake.

    Attributes:
      what: The kind of mistake in a few words.
      settings: The values that take part, the one to blame first.
      expected: What would have been right.
      nearest: Valid names close to the wrong one, best first.
    """

    what: str
    settings: tuple[Given, ...]
    expected: str
    nearest: tuple[str, ...] = ()

    def with_origins(self, origins: Callable[[str], str]) -> "Problem":
        """Fills in the origins that are not yet known."""
        settings = tuple(
            given if given.origin else replace(given, origin=origins(given.path))
            for given in self.settings
        )
        return replace(self, settings=settings)


def format_problems(problems: Sequence[Problem], subject: str, hint: str = "") -> str:
    """Lays all problems out as one message.

    Args:
      problems: What to report, in order.
      subject: What was read, such as the recipe's path.
      hint: A last line that says where to look further.

    Returns:
      Several lines without a final newline.
    """
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [f"{count} in the configuration {subject}"]
    for number, problem in enumerate(problems, start=1):
        lines += ["", f"{number}. {problem.what}", *_body(problem)]
    return "\n".join([*lines, "", hint] if hint else lines)


def usage_error(problems: Sequence[Problem], subject: str, hint: str = "") -> UserError:
    """The problems as the error that an entry point shows."""
    return UserError(format_problems(problems, subject, hint))


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lays rows of equally many cells out in aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _body(problem: Problem) -> list[str]:
    """Aligned lines: every value with its origin, then the expectation and the nearest names."""
    name_width = max(len(given.path) for given in problem.settings)
    rows = [
        (
            f"{given.path:<{name_width}} = {given.value}" if given.value else given.path,
            f"({given.origin})" if given.origin else "",
        )
        for given in problem.settings
    ]
    lines = [*(f"     {line}" for line in columns(rows)), f"   expected  {problem.expected}"]
    return [*lines, f"   nearest   {', '.join(problem.nearest)}"] if problem.nearest else lines
