"""Passages of documents, and texts without them."""

import numpy as np
import pyarrow as pa

from jaxlm.data.dedup.characters import Texts, text_list


def merged(documents: np.ndarray, start: np.ndarray, end: np.ndarray) -> pa.Table:
    """Unites passages that overlap or touch.

    Args:
      documents: [n] integers.
      start: [n] integers, first character of a passage.
      end: [n] integers, the character after the last.

    Returns:
      Columns `document`, `start` and `end` (int64), in this order.
    """
    order = np.lexsort((start, documents))
    documents, start, end = (x[order].astype(np.int64) for x in (documents, start, end))
    # Documents laid end to end, one character apart, make one axis of positions.
    width = 2 + int(end.max(initial=0))
    _, row = np.unique(documents, return_inverse=True)
    reach = np.maximum.accumulate(end + row * width) if len(row) else end
    is_new = np.ones(len(row), bool)
    is_new[1:] = start[1:] + (row * width)[1:] > reach[:-1]
    first = np.flatnonzero(is_new)
    last = np.append(first[1:], len(row))[: len(first)] - 1
    reach -= row * width
    return pa.table({"document": documents[first], "start": start[first], "end": reach[last]})


def cut(texts: Texts, numbers: np.ndarray, passages: pa.Table) -> pa.Table:
    """Cuts passages out of texts; a row function.

    Args:
      texts: [num_texts].
      numbers: [num_texts] integers, the number of each document.
      passages: Of `merged`; those of other documents are passed over.

    Returns:
      Columns `text`, `removed_passages` and `removed_characters` (int64).
    """
    documents = passages["document"].to_numpy()
    start, end = passages["start"].to_numpy(), passages["end"].to_numpy()
    first, last = (np.searchsorted(documents, numbers, side) for side in ("left", "right"))
    rows = text_list(texts)
    new_texts = [
        _without(text, start[a:b].tolist(), end[a:b].tolist()) if b > a else text
        for text, a, b in zip(rows, first, last, strict=True)
    ]
    lost = [len(old) - len(new) for old, new in zip(rows, new_texts, strict=True)]
    return pa.table(
        {
            "text": pa.array(new_texts, pa.string()),
            "removed_passages": pa.array(last - first, pa.int64()),
            "removed_characters": pa.array(lost, pa.int64()),
        }
    )


def _without(text: str, start: list[int], end: list[int]) -> str:
    kept = zip([0, *end], [*start, len(text)], strict=True)
    return "".join(text[a:b] for a, b in kept)
