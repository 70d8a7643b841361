"""Lines and paragraphs that many documents share: menus, licences, notices.

    line_hashes        a row function
    repeated_lines     global
    remove_lines       a row function

Two lines are equal if their letters, marks and digits are, whatever their case.
"""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from jaxlm.data.dedup.characters import Texts, blocks, code_points, text_list, values
from jaxlm.data.dedup.config import LinesConfig
from jaxlm.data.dedup.hashing import find, segment_hashes
from jaxlm.data.permutation import fold

_SEPARATORS = {"line": re.compile(r"(\n)"), "paragraph": re.compile(r"(\n(?:[^\S\n]*\n)+)")}


def line_hashes(texts: Texts, numbers: np.ndarray, config: LinesConfig) -> pa.Table:
    """Hashes the lines of texts that are long enough; a row function.

    Args:
      texts: [num_texts].
      numbers: [num_texts] integers, the number of each document.
      config: What a line is.

    Returns:
      Columns `hash` (uint64) and `document` (int64), each line once a document.
    """
    columns = [(np.empty(0, np.uint64), np.empty(0, np.int64))]
    rows = text_list(texts)
    for block in blocks(rows):
        _, hashes, is_long, offsets = _split(rows[block], config)
        documents = np.repeat(numbers[block], np.diff(offsets))
        columns.append(_distinct(hashes[is_long], documents[is_long]))
    hashes, documents = map(np.concatenate, zip(*columns, strict=True))
    return pa.table({"hash": hashes, "document": documents})


def repeated_lines(lines: pa.Table, config: LinesConfig) -> pa.Table:
    """Finds the lines in more than `most_documents` documents.

    Args:
      lines: The rows of `line_hashes` of the whole corpus, in any order.
      config: How many documents are too many.

    Returns:
      Columns `hash` (uint64, ascending) and `first`, the smallest document that has the line.
    """
    hashes, documents = lines["hash"].to_numpy(), lines["document"].to_numpy()
    order = np.lexsort((documents, hashes))
    distinct, first, counts = np.unique(hashes[order], return_index=True, return_counts=True)
    is_common = counts > config.most_documents
    return pa.table({"hash": distinct[is_common], "first": documents[order][first[is_common]]})


def remove_lines(
    texts: Texts, numbers: np.ndarray, repeated: pa.Table, config: LinesConfig
) -> pa.Table:
    """Removes repeated lines with the line feeds after them; a row function.

    Args:
      texts: [num_texts].
      numbers: [num_texts] integers, the number of each document.
      repeated: Of `repeated_lines`, sorted by hash.
      config: Whether the first document keeps its lines.

    Returns:
      Columns `text`, `removed_lines` and `removed_characters` (int64, line feeds included).
    """
    hashes, first = repeated["hash"].to_numpy(), repeated["first"].to_numpy()
    rows = text_list(texts)
    new_texts, removed = [], []
    for block in blocks(rows):
        parts, line_hash, _, offsets = _split(rows[block], config)
        place, is_repeated = find(hashes, line_hash)
        goes = np.flatnonzero(is_repeated)
        if config.keep == "first":
            owners = np.repeat(numbers[block], np.diff(offsets))
            goes = goes[first[place[goes]] != owners[goes]]
        bounds = np.searchsorted(goes, offsets)
        for row, (text, lines) in enumerate(zip(rows[block], parts, strict=True)):
            own = goes[bounds[row] : bounds[row + 1]] - offsets[row]
            new_texts.append(_without(lines, own) if len(own) else text)
            removed.append(len(own))
    lost = [len(old) - len(new) for old, new in zip(rows, new_texts, strict=True)]
    return pa.table(
        {
            "text": pa.array(new_texts, pa.string()),
            "removed_lines": pa.array(removed, pa.int64()),
            "removed_characters": pa.array(lost, pa.int64()),
        }
    )


def _split(
    texts: Sequence[str], config: LinesConfig
) -> tuple[list[list[str]], np.ndarray, np.ndarray, np.ndarray]:
    """Splits texts into lines.

    Returns:
      For each text its lines and the separators between; for each line of all texts its hash and
      whether it is long enough; [num_texts + 1], where the lines of each text start.
    """
    parts = [_SEPARATORS[config.unit].split(text) for text in texts]
    hashes, num_letters = _letter_hashes([line for lines in parts for line in lines[::2]])
    offsets = np.cumsum([0, *(len(lines) // 2 + 1 for lines in parts)])
    return parts, hashes, num_letters >= config.min_characters, offsets


def _distinct(hashes: np.ndarray, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.lexsort((hashes, documents))
    hashes, documents = hashes[order], documents[order]
    is_new = np.ones(len(hashes), bool)
    is_new[1:] = (hashes[1:] != hashes[:-1]) | (documents[1:] != documents[:-1])
    return hashes[is_new], documents[is_new]


def _letter_hashes(lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hash and number of the letters, marks and digits of each line."""
    columns = [(np.empty(0, np.uint64), np.empty(0, np.int64))]
    for block in blocks(lines):
        codes, start = code_points(lines[block])
        letters = values(codes)
        start = np.concatenate([[0], np.cumsum(letters != 0)])[start]
        counts = np.diff(start)
        hashes = np.zeros(len(counts), np.uint64)
        hashes[counts > 0] = segment_hashes(letters[letters != 0], start[:-1][counts > 0])
        columns.append((fold(2, hashes), counts))
    hashes, counts = map(np.concatenate, zip(*columns, strict=True))
    return hashes, counts


def _without(parts: Sequence[str], goes: np.ndarray) -> str:
    """Joins the lines that stay; a separator goes with the line before it."""
    kept = np.delete(np.arange(len(parts) // 2 + 1), goes).tolist()
    joined = [part for line in kept for part in parts[2 * line : 2 * line + 2]]
    # The last line that stays has nothing to be separated from.
    return "".join(joined[: max(0, 2 * len(kept) - 1)])
