"""Capitals: folded away, or written as marks that can be undone.

The marks are noncharacters, which Unicode keeps for internal use, so that text hardly ever holds
them; where it does, they are escaped:

    Word -> ONE word        WORD -> ALL word        WORDs -> ALL word END s

Only letters of the Basic Multilingual Plane whose capital and small form are each other's, one
character each, are marked; others (such as the Turkish dotted I) stay as they are.
"""

import functools
import re

ONE = "\ufdd0"  # the next letter is a capital
ALL = "\ufdd1"  # the next letters are capitals
END = "\ufdd2"  # up to here
ESCAPE = "\ufdd3"  # the next character is no mark

_MARKS = ONE + ALL + END + ESCAPE
# Further letters with case are those of dead scripts, and `re` is slow with sets of them.
_BASIC_PLANE = 0x10000


def fold_case(text: str) -> str:
    """Folds case away, so that words that differ in capitals only become equal.

    Source: Unicode Standard 3.13, "Default Caseless Matching" (full case folding).
    """
    return text.casefold()


def decase(text: str) -> str:
    """Writes capitals as marks and small letters; `recase` gives the text back, whatever it is."""
    return _capitals().sub(_mark, text)


def recase(text: str) -> str:
    """Undoes `decase`."""
    if not any(mark in text for mark in _MARKS):
        return text
    return _marked().sub(_unmark, text)


def _mark(match: re.Match[str]) -> str:
    first, capitals, next_small = match.groups()
    if first in _MARKS:
        return ESCAPE + first + _mark_run(capitals, next_small)
    return _mark_run(first + capitals, next_small)


def _mark_run(capitals: str, next_small: str) -> str:
    # Letter by letter, since a sigma at the end of a word has another small form.
    small = "".join(map(str.lower, capitals))
    if len(capitals) < 2:
        return (ONE if capitals else "") + small + next_small
    return ALL + small + (END + next_small if next_small else "")


def _unmark(match: re.Match[str]) -> str:
    one, several, escaped = match.groups()
    if escaped:
        return str(escaped)
    return str(one or several).upper()


@functools.cache
def _letters() -> tuple[str, str]:
    """The capitals that are marked, and their small letters."""
    pairs = [
        (capital, small)
        for capital, small in ((chr(code), chr(code).lower()) for code in range(_BASIC_PLANE))
        if capital != small and len(small) == 1 and small.upper() == capital
    ]
    return "".join(a for a, _ in pairs), "".join(b for _, b in pairs)


@functools.cache
def _capitals() -> re.Pattern[str]:
    capitals, small = _letters()
    # A set at the beginning lets `re` skip to the next capital.
    return re.compile(f"([{capitals}{_MARKS}])([{capitals}]*)([{small}]?)")


@functools.cache
def _marked() -> re.Pattern[str]:
    _, small = _letters()
    return re.compile(f"{ONE}([{small}])|{ALL}([{small}]+){END}?|{ESCAPE}(.)", re.DOTALL)
