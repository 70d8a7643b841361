"""What is wrong with a configuration, told in one message, with the nearest valid names."""

from collections.abc import Callable, Iterable, Sequence
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


def edit_distance(a: str, b: str) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.

    Source: optimal string alignment distance (Damerau 1964; Boytsov 2011, section 2).
    """
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, char_a in enumerate(a, start=1):
        row = [i]
        for j, char_b in enumerate(b, start=1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (char_a != char_b))
            if i > 1 and j > 1 and char_a == b[j - 2] and char_b == a[i - 2]:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]


def nearest(wrong: str, valid: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """The valid names closest to a wrong one, best first.

    A dotted name is compared as a whole, and also by its last part alone, so that a setting given
    without its section, or with another section, is still found.

    Returns:
      At most `limit` names; fewer when only some are near the best one.
    """
    scored = sorted((_name_distance(wrong, name), name) for name in valid)
    if not scored:
        return ()
    cutoff = scored[0][0] + 2
    return tuple(name for score, name in scored[:limit] if score <= cutoff)


def _name_distance(wrong: str, name: str) -> float:
    wrong, name = _fold(wrong), _fold(name)
    wrong_section, _, wrong_leaf = wrong.rpartition(".")
    section, _, leaf = name.rpartition(".")
    # A misplaced leaf costs one edit; two per wrong letter keep a clean match of the whole ahead.
    misplaced = 1 + 2 * edit_distance(wrong_leaf, leaf)
    if abs(len(wrong) - len(name)) <= misplaced:  # else the whole is further away in any case
        misplaced = min(misplaced, edit_distance(wrong, name))
    return misplaced + edit_distance(wrong_section, section) / 100


def _fold(name: str) -> str:
    """Spells kebab-case, flags and capitals as settings are spelt."""
    return name.lower().lstrip("-").replace("-", "_")
