"""Characters by kind and by script."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

KINDS = (
    "digit",
    "punctuation",
    "symbol",
    "space",
    "control",
    "format",
    "private",
    "replacement",
    "unassigned",
)
"""Kinds of characters other than letters."""

SCRIPTS = (
    ("Latin", ((0x41, 0x24F), (0x1E00, 0x1EFF), (0x2C60, 0x2C7F), (0xA720, 0xA7FF))),
    ("Latin (fullwidth)", ((0xFF21, 0xFF5A),)),
    ("Greek", ((0x370, 0x3FF), (0x1F00, 0x1FFF))),
    ("Cyrillic", ((0x400, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F))),
    ("Armenian", ((0x530, 0x58F),)),
    ("Hebrew", ((0x590, 0x5FF), (0xFB1D, 0xFB4F))),
    ("Arabic", ((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFEFC))),
    ("Devanagari", ((0x900, 0x97F),)),
    ("Bengali", ((0x980, 0x9FF),)),
    ("Gurmukhi", ((0xA00, 0xA7F),)),
    ("Gujarati", ((0xA80, 0xAFF),)),
    ("Tamil", ((0xB80, 0xBFF),)),
    ("Telugu", ((0xC00, 0xC7F),)),
    ("Kannada", ((0xC80, 0xCFF),)),
    ("Malayalam", ((0xD00, 0xD7F),)),
    ("Sinhala", ((0xD80, 0xDFF),)),
    ("Thai", ((0xE00, 0xE7F),)),
    ("Lao", ((0xE80, 0xEFF),)),
    ("Tibetan", ((0xF00, 0xFFF),)),
    ("Myanmar", ((0x1000, 0x109F),)),
    ("Georgian", ((0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2F))),
    ("Hangul", ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF))),
    ("Ethiopic", ((0x1200, 0x139F), (0x2D80, 0x2DDF))),
    ("Khmer", ((0x1780, 0x17FF),)),
    ("Mongolian", ((0x1800, 0x18AF),)),
    ("Hiragana", ((0x3041, 0x309F),)),
    ("Katakana", ((0x30A0, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F))),
    ("Bopomofo", ((0x3105, 0x312F),)),
    ("Han", ((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3400, 0x9FFF), (0xF900, 0xFAFF))),
    ("Han (supplementary)", ((0x20000, 0x3FFFF),)),
)
"""Name and ranges of code points, both ends included. Other letters are of script `other`.

Source: the block table of the Unicode standard (Blocks.txt), by the blocks' main script.
"""

SCRIPT_NAMES = (*(name for name, _ in SCRIPTS), "other")
CLASSES = (*KINDS, *SCRIPT_NAMES)
"""A character's class: its kind, or for a letter or combining mark its script."""

_FIRST_SCRIPT = len(KINDS)
_KIND_OF = {"N": "digit", "P": "punctuation", "S": "symbol", "Z": "space"}
_KIND_OF |= {"Cc": "control", "Cf": "format", "Co": "private", "Cn": "unassigned"}
_CHUNK = 1 << 20


class Characters:
    """How many characters there are of each kind and script.

    Attributes:
      counts: Characters by class, int64 [classes].
    """

    def __init__(self) -> None:
        self.counts = np.zeros(len(CLASSES), np.int64)

    def add(self, classes: np.ndarray) -> None:
        """Counts documents by `count_classes`, int64 [documents, classes]."""
        self.counts += classes.sum(axis=0)

    def merge(self, other: "Characters") -> None:
        """Adds the counts of another."""
        self.counts += other.counts

    def result(self) -> dict[str, Any]:
        """Characters by kind, and letters by script; what does not occur is left out."""
        kinds = dict(zip(KINDS, self.counts.tolist(), strict=False))
        scripts = dict(zip(SCRIPT_NAMES, self.counts[_FIRST_SCRIPT:].tolist(), strict=True))
        kinds = {"letter": sum(scripts.values()), **kinds}
        return {
            "kinds": {name: count for name, count in kinds.items() if count},
            "scripts": {name: count for name, count in scripts.items() if count},
        }


def column(name: str) -> int:
    """Column of a class."""
    return CLASSES.index(name)


def count_classes(texts: Sequence[str]) -> np.ndarray:
    """Characters of each class in each text, int64 [texts, classes]."""
    counts = np.zeros((len(texts), len(CLASSES)), np.int64)
    first = size = 0
    for last, text in enumerate(texts, start=1):
        size += len(text)
        if size >= _CHUNK or last == len(texts):
            counts[first:last] = _count_chunk([part[:_CHUNK] for part in texts[first:last]])
            first, size = last, 0
        for start in range(_CHUNK, len(text), _CHUNK):
            counts[last - 1] += _count_chunk([text[start : start + _CHUNK]])[0]
    return counts


def letters(classes: np.ndarray) -> np.ndarray:
    """Letters of each document, from its classes."""
    return classes[:, _FIRST_SCRIPT:].sum(axis=1)


def _count_chunk(texts: Sequence[str]) -> np.ndarray:
    joined = "".join(texts)
    if joined.isascii():
        codes = np.frombuffer(joined.encode(), np.uint8)
    else:
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    rows = np.repeat(np.arange(len(texts), dtype=np.int32), [len(text) for text in texts])
    cells = rows * np.int32(len(CLASSES)) + _table()[codes]
    return np.bincount(cells, minlength=len(texts) * len(CLASSES)).reshape(len(texts), -1)


@lru_cache(maxsize=1)
def _table() -> np.ndarray:
    """Class of each code point, uint8 [0x110000]."""
    table = np.full(0x110000, CLASSES.index("unassigned"), np.uint8)
    scripts = np.full(len(table), CLASSES.index("other"), np.uint8)
    for name, ranges in SCRIPTS:
        for low, high in ranges:
            scripts[low : high + 1] = CLASSES.index(name)
    # Beyond, planes 2 and 3 are Han throughout and the last two private.
    for code in range(0x20000):
        table[code] = _class(code, int(scripts[code]))
    table[0x20000:0x40000] = scripts[0x20000:0x40000]
    table[0xE0000:0xE1000] = CLASSES.index("format")
    table[0xF0000:] = CLASSES.index("private")
    table[0xFFFD] = CLASSES.index("replacement")
    return table


def _class(code: int, script: int) -> int:
    category = unicodedata.category(chr(code))
    if chr(code) in "\t\n\r":
        return CLASSES.index("space")
    if category[0] in "LM":
        return script
    # Half of a surrogate pair stands for no character.
    return CLASSES.index(_KIND_OF.get(category) or _KIND_OF.get(category[0]) or "unassigned")
