"""Long passages that occur more than once in the corpus.

    anchors            a row function: few hashes of short passages, chosen by their content
    repeated_anchors   global
    windows            a row function: all passages of `length` that hold a repeated anchor
    repeated_passages  global
    passages.cut       a row function

Two equal passages of `length` characters hold at least one equal anchor, so no repeat is missed;
and the hash of a window is of all its characters, so nothing else is found. A repeat is a window
that begins after its first occurrence in the corpus, in the order of documents' numbers, and does
not overlap it. Only anchors, about 2 in `length - gram` characters, and the windows of text that
is repeated leave a worker.

Source: winnowing of Schleimer, Wilkerson and Aiken, "Winnowing: Local Algorithms for Document
Fingerprinting" (2003), section 3; the purpose of Lee et al., "Deduplicating Training Data Makes
Language Models Better" (arXiv 2107.06499), section 4.1.
"""

import numpy as np
import pyarrow as pa

from jaxlm.data.dedup.characters import BLOCK_CHARACTERS, Texts, blocks, code_points, text_list
from jaxlm.data.dedup.config import SubstringsConfig
from jaxlm.data.dedup.hashing import find, ranges, window_hashes
from jaxlm.data.dedup.passages import merged

_LOW_HALF = np.uint64(0xFFFFFFFF)
_NONE = (np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.int64))


def anchors(texts: Texts, config: SubstringsConfig) -> np.ndarray:
    """Hashes of the anchors of texts, [num_anchors] uint64; a row function."""
    pieces, row, shift = _pieces(texts, config.length)
    columns = [_NONE]
    for block in blocks(pieces):
        codes, first = code_points(pieces[block])
        place, found = _anchors(codes, first, config)
        columns.append((found, *_located(place, first, row[block], shift[block])))
    hashes, rows, start = map(np.concatenate, zip(*columns, strict=True))
    # Two pieces of a text may have found the same one.
    is_new = np.ones(len(hashes), bool)
    is_new[1:] = (rows[1:] != rows[:-1]) | (start[1:] != start[:-1])
    return hashes[is_new]


def repeated_anchors(hashes: np.ndarray) -> np.ndarray:
    """The anchors that occur more than once in the corpus, ascending."""
    distinct, counts = np.unique(hashes, return_counts=True)
    return distinct[counts > 1]


def windows(
    texts: Texts, numbers: np.ndarray, repeated: np.ndarray, config: SubstringsConfig
) -> pa.Table:
    """Finds the passages of `length` characters that hold a repeated anchor; a row function.

    Args:
      texts: [num_texts].
      numbers: [num_texts] integers, the number of each document.
      repeated: Of `repeated_anchors`.
      config: Lengths.

    Returns:
      Columns `hash` (uint64), `document` and `start` (int64, first character of the passage).
    """
    pieces, row, shift = _pieces(texts, config.length)
    columns = [_NONE]
    for block in blocks(pieces):
        codes, first = code_points(pieces[block])
        place = _windows(codes, first, repeated, config)
        if len(place):
            hashes = window_hashes(codes.astype(np.uint64), config.length)[place]
            columns.append((hashes, *_located(place, first, row[block], shift[block])))
    hashes, rows, start = map(np.concatenate, zip(*columns, strict=True))
    return pa.table({"hash": hashes, "document": numbers[rows], "start": start})


def repeated_passages(found_windows: pa.Table, config: SubstringsConfig) -> pa.Table:
    """Unites the windows that repeat an earlier one.

    Args:
      found_windows: The rows of `windows` of the whole corpus, in any order.
      config: Lengths.

    Returns:
      As of `passages.merged`.
    """
    columns = (found_windows[name].to_numpy() for name in ("hash", "document", "start"))
    hashes, documents, start = columns
    order = np.lexsort((start, documents, hashes))
    hashes, documents, start = hashes[order], documents[order], start[order]
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    is_other = documents != documents[first][group]
    is_repeat = is_other | (start >= start[first][group] + config.length)
    documents, start = documents[is_repeat], start[is_repeat]
    return merged(documents, start, start + config.length)


def _pieces(texts: Texts, length: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Cuts long texts so that each window is in one piece; row and first character of each."""
    rows = text_list(texts)
    cuts = [range(0, max(1, len(text) - length + 1), BLOCK_CHARACTERS) for text in rows]
    size = BLOCK_CHARACTERS + length - 1
    pieces = [
        text[start : start + size]
        for text, starts in zip(rows, cuts, strict=True)
        for start in starts
    ]
    row = np.repeat(np.arange(len(rows)), [len(starts) for starts in cuts])
    return pieces, row, np.array([start for starts in cuts for start in starts], np.int64)


def _located(
    place: np.ndarray, first: np.ndarray, row: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Row and position in the text of places in joined pieces, which start at `first`."""
    piece = np.searchsorted(first, place, side="right") - 1
    return row[piece], place - first[piece] + shift[piece]


def _windows(
    codes: np.ndarray, text_start: np.ndarray, repeated: np.ndarray, config: SubstringsConfig
) -> np.ndarray:
    """Where windows that hold a repeated anchor start, ascending."""
    place, hashes = _anchors(codes, text_start, config)
    place = place[find(repeated, hashes)[1]]
    row = np.searchsorted(text_start, place, side="right") - 1
    first = np.maximum(place - (config.length - config.gram), text_start[row])
    last = np.minimum(place, text_start[row + 1] - 1 - config.length)
    first[1:] = np.maximum(first[1:], last[:-1] + 1)  # each window once
    return ranges(first, last - first + 1)


def _anchors(
    codes: np.ndarray, text_start: np.ndarray, config: SubstringsConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Position and hash of each anchor: the least hash of a gram in some window of the text."""
    grams = window_hashes(codes.astype(np.uint64), config.gram)
    place = _last_minima(grams, config.length - config.gram + 1)
    # A text of n characters has n - length + 1 windows, and a line feed after it.
    lengths = np.diff(text_start) - 1
    place = place[ranges(text_start[:-1], np.maximum(lengths - config.length + 1, 0))]
    place = place[np.diff(place, prepend=-1) > 0]
    return place, grams[place]


def _last_minima(x: np.ndarray, size: int) -> np.ndarray:
    """Where the least high half of each window is, its last place of several."""
    if len(x) < size:
        return np.empty(0, np.int64)
    # Below the high half, the place from behind: the least number is the last of the least.
    least, length = x & ~_LOW_HALF | (_LOW_HALF - np.arange(len(x), dtype=np.uint64)), 1
    while length < size:
        # Windows may overlap: the second one ends where the doubled one shall.
        step = min(length, size - length)
        least, length = np.minimum(least[:-step], least[step:]), length + step
    return (_LOW_HALF - (least & _LOW_HALF)).astype(np.int64)
