"""Texts as arrays of code points, and what each character means to the comparison of texts."""

import functools
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from jaxlm.data.permutation import fold

Texts: TypeAlias = Sequence[str] | pa.Array | pa.ChunkedArray

BLOCK_CHARACTERS = 1 << 16
SPACE, WORD, IDEOGRAPH = range(3)

# Planes 0 to 3 hold every letter; what lies above is no part of a word.
_NUM_CODES = 0x40000
# Thai and Lao, Burmese, Khmer, kana, Han: scripts that write no spaces between words.
_NO_SPACES = (
    (0x0E00, 0x0F00),
    (0x1000, 0x10A0),
    (0x1780, 0x1800),
    (0x3005, 0x3100),
    (0x31F0, 0x3200),
    (0x3400, 0xA000),
    (0xF900, 0xFB00),
    (0x20000, _NUM_CODES),
)


def text_list(texts: Texts) -> list[str]:
    """Texts as Python strings."""
    return texts.to_pylist() if isinstance(texts, pa.Array | pa.ChunkedArray) else list(texts)


def blocks(texts: Sequence[str], max_characters: int = BLOCK_CHARACTERS) -> Iterator[slice]:
    """Divides texts into runs that fit the processor's cache; a longer text is a run of its own."""
    start = size = 0
    for row, text in enumerate(texts):
        size += len(text)
        if size > max_characters and row > start:
            yield slice(start, row)
            start, size = row, len(text)
    if start < len(texts):
        yield slice(start, len(texts))


def code_points(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Code points of all texts, with a line feed after each.

    Returns:
      intp [num_characters], and int64 [num_texts + 1], where each text starts.
    """
    joined = "\n".join([*texts, ""])
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.intp)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return codes, np.concatenate([[0], np.cumsum(lengths + 1)])


def folded(codes: np.ndarray) -> np.ndarray:
    """Code points without case, uint32; 0 for what is not a letter, mark or digit."""
    return _folding().take(codes, mode="clip")


def values(codes: np.ndarray) -> np.ndarray:
    """A random number for each case-folded letter, mark or digit, uint64; 0 for others."""
    return _values().take(codes, mode="clip")


def kinds(codes: np.ndarray) -> np.ndarray:
    """SPACE (nothing of a word), WORD (a part) or IDEOGRAPH (a word by itself), uint8."""
    return _kinds().take(codes, mode="clip")


@functools.cache
def _folding() -> np.ndarray:
    table = np.fromiter(map(_fold, range(_NUM_CODES)), np.uint32, _NUM_CODES)
    table[-1] = 0  # Codes above the table are clipped to its last entry.
    return table


@functools.cache
def _values() -> np.ndarray:
    table = _folding()
    return np.where(table, fold(0, table), np.uint64(0))


@functools.cache
def _kinds() -> np.ndarray:
    table = np.where(_folding(), np.uint8(WORD), np.uint8(SPACE))
    for start, end in _NO_SPACES:
        table[start:end] *= np.uint8(IDEOGRAPH)
    return table


def _fold(code: int) -> int:
    """One code point for one, so that positions stay; 0 for what is no part of a word."""
    character = chr(code)
    if unicodedata.category(character)[0] not in "LMN":
        return 0
    forms = (character.casefold(), character.lower(), character)
    return next(ord(form) for form in forms if len(form) == 1)
