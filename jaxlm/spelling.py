"""Finding the valid name that a wrong one was meant to be."""

from collections.abc import Iterable


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
