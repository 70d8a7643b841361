"""Line ends, spaces and blank lines."""

import re

_LINE_ENDS = re.compile("[\r\v\f\x85\u2028\u2029](?:(?<=\r)\n)?")
# General category Zs without the space itself.
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_RUNS = re.compile(r"(?<=\S)[ \t]{2,}")
_PAIRS = ("  ", " \t", "\t ", "\t\t")


def unify_line_ends(text: str) -> str:
    """Every line or page end becomes a line feed.

    Source: Unicode Standard 5.8, "Newline Guidelines".
    """
    if text.isascii() and not any(end in text for end in "\r\v\f"):
        return text
    return _LINE_ENDS.sub("\n", text)


def unify_spaces(text: str) -> str:
    """Every space of whatever width, breaking or not, becomes an ordinary space."""
    return text if text.isascii() else _SPACES.sub(" ", text)


def collapse_runs(text: str) -> str:
    """Several blanks (spaces, tabs) after a word become one space; indentation stays."""
    return _RUNS.sub(" ", text) if any(pair in text for pair in _PAIRS) else text


def strip_line_ends(text: str) -> str:
    """Removes the blanks before each line end and at the end of the text."""
    if " \n" in text or "\t\n" in text or text.endswith((" ", "\t")):
        return "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return text


def limit_blank_lines(text: str, most: int) -> str:
    """At most so many lines without a word in succession."""
    end = "\n" * (most + 1)
    return re.sub(rf"\n(?:[ \t]*\n){{{most + 1},}}", end, text)
