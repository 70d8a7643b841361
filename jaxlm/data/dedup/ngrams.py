"""Words or characters of texts as hashes, and n-grams of them."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxlm.data.dedup.characters import (
    BLOCK_CHARACTERS,
    IDEOGRAPH,
    blocks,
    code_points,
    kinds,
    values,
)
from jaxlm.data.dedup.hashing import WINDOW_BASE, ranges, segment_hashes, window_hashes
from jaxlm.data.permutation import fold

# White space and punctuation, of ASCII and of Chinese.
_BETWEEN_WORDS = re.compile(r"[\s!-/:-@\[-`{-~\u3001\u3002\uff0c]")


@dataclass(frozen=True, kw_only=True)
class Units:
    """The words or characters of some texts.

    Attributes:
      hashes: [num_units] uint64, the same for the same letters whatever their case.
      start: [num_units] int64, first character in the text.
      end: [num_units] int64, the character after the last.
      offsets: [num_texts + 1] int64, where the units of each text start.
    """

    hashes: np.ndarray
    start: np.ndarray
    end: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Ngrams:
    """The n-grams of some texts, in order.

    Attributes:
      hashes: [num_ngrams] uint64.
      first: [num_ngrams] int64, the first unit of each.
      offsets: [num_texts + 1] int64, where the n-grams of each text start.
    """

    hashes: np.ndarray
    first: np.ndarray
    offsets: np.ndarray


def units(texts: Sequence[str], unit: Literal["word", "character"]) -> Units:
    """Finds the units of texts: runs of letters, marks and digits, or each of these."""
    find = {"word": _words, "character": _characters}[unit]
    pieces, row, shift = _pieces(texts)
    columns = [(np.empty(0, np.uint64), *(np.empty(0, np.int64),) * 3)]
    for block in blocks(pieces):
        codes, first = code_points(pieces[block])
        hashes, start, end = find(codes)
        count = np.diff(np.searchsorted(start, first))
        move = np.repeat(shift[block] - first[:-1], count)
        columns.append((hashes, start + move, end + move, np.repeat(row[block], count)))
    hashes, start, end, unit_row = map(np.concatenate, zip(*columns, strict=True))
    offsets = np.searchsorted(unit_row, np.arange(len(texts) + 1))
    return Units(hashes=hashes, start=start, end=end, offsets=offsets)


def ngrams(parts: Units, n: int, *, whole: bool = True) -> Ngrams:
    """Hashes all runs of n units within a text.

    Args:
      parts: Units of some texts.
      n: Units of an n-gram.
      whole: A text of fewer units, but at least one, gives a single n-gram of all of them; without
        this it gives none.
    """
    counts = np.diff(parts.offsets)
    num = np.where(counts >= n, counts - n + 1, np.minimum(counts, 1) if whole else 0)
    first = ranges(parts.offsets[:-1], num)
    # n - 1 zeros after each text end the n-gram of a short one.
    shift = np.arange(len(counts)) * (n - 1)
    padded = np.zeros(len(parts.hashes) + len(counts) * (n - 1), np.uint64)
    padded[np.arange(len(parts.hashes)) + np.repeat(shift, counts)] = parts.hashes
    hashes = window_hashes(padded, n)[first + np.repeat(shift, num)]
    offsets = np.concatenate([[0], np.cumsum(num)])
    return Ngrams(hashes=fold(n, hashes), first=first, offsets=offsets)


def hashes_at(parts: Units, first: np.ndarray, n: int) -> np.ndarray:
    """The hashes of the n-grams that begin at some units; as of `ngrams`, without the others."""
    hashes = parts.hashes[first]
    for unit in range(1, n):
        hashes = hashes * np.uint64(WINDOW_BASE) + parts.hashes[first + unit]
    return fold(n, hashes)


def _pieces(texts: Sequence[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Cuts long texts between words, for arrays that fit; row and first character of each piece."""
    cuts = [_cuts(text) for text in texts]
    pieces = [
        text[start:end]
        for text, starts in zip(texts, cuts, strict=True)
        for start, end in itertools.pairwise([*starts, len(text)])
    ]
    row = np.repeat(np.arange(len(texts)), [len(starts) for starts in cuts])
    return pieces, row, np.array([start for starts in cuts for start in starts], np.int64)


def _cuts(text: str) -> list[int]:
    starts = [0]
    while len(text) - starts[-1] > BLOCK_CHARACTERS:
        between = _BETWEEN_WORDS.search(text, starts[-1] + BLOCK_CHARACTERS)
        if between is None:
            break
        starts.append(between.end())
    return starts


def _words(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hash, start and end of each word."""
    kind = kinds(codes)
    changed = np.ones(len(kind), bool)
    changed[1:] = (kind[1:] != kind[:-1]) | (kind[1:] == IDEOGRAPH)
    edges = np.append(np.flatnonzero(changed), len(kind))
    is_word = kind.take(edges[:-1]) > 0
    start, end = edges[:-1][is_word], edges[1:][is_word]
    return segment_hashes(values(codes), start), start, end


def _characters(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hash, start and end of each letter, mark or digit."""
    value = values(codes)
    start = np.flatnonzero(value)
    return value[start], start, start + 1
