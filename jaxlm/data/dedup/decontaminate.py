"""Text of evaluation sets in the training text.

    evaluation_index   once: the n-grams of the evaluation texts
    matches            a row function
    without_common     global
    leaks              global: which evaluation text is in which document
    decontaminate      a row function

Source: Brown et al., "Language Models are Few-Shot Learners" (arXiv 2005.14165), appendix C.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jaxlm.data.dedup.characters import Texts, blocks, text_list
from jaxlm.data.dedup.config import DecontaminateConfig
from jaxlm.data.dedup.hashing import bit_set, may_hold, ranges
from jaxlm.data.dedup.ngrams import Units, hashes_at, ngrams, units
from jaxlm.data.dedup.passages import cut, merged

_COLUMNS = {
    "hash": np.uint64,
    "item": np.int64,
    "document": np.int64,
    "start": np.int64,
    "end": np.int64,
}


@dataclass(frozen=True, kw_only=True)
class EvaluationIndex:
    """The n-grams of evaluation texts.

    Attributes:
      ids: Of the evaluation texts.
      hashes: [n] uint64, ascending.
      items: [n] int64, the evaluation text of each; every text has an n-gram once.
      sizes: Numbers of units that n-grams have, ascending: `ngram`, and those of shorter texts.
      begins: `bit_set` of the first `sizes[0]` units of each n-gram.
      too_short: Ids of the texts that are not searched for.
    """

    ids: Sequence[str]
    hashes: np.ndarray
    items: np.ndarray
    sizes: Sequence[int]
    begins: np.ndarray
    too_short: Sequence[str]


def evaluation_index(
    ids: Sequence[str], texts: Texts, config: DecontaminateConfig
) -> EvaluationIndex:
    """Collects the n-grams of evaluation texts.

    Args:
      ids: [num_texts], by which reports name the texts.
      texts: [num_texts].
      config: What an n-gram is.
    """
    parts = units(text_list(texts), config.unit)
    size = np.minimum(np.diff(parts.offsets), config.ngram)
    size[size < min(config.shortest, config.ngram)] = 0
    sizes = np.unique(size[size > 0]).tolist()
    pairs, begins = [np.empty((0, 2), np.uint64)], [np.empty(0, np.uint64)]
    for n in sizes:
        grams = ngrams(parts, n, whole=False)
        item = np.repeat(np.arange(len(size)), np.diff(grams.offsets))
        is_searched = size[item] == n
        item, first = item[is_searched].astype(np.uint64), grams.first[is_searched]
        pairs.append(np.stack([grams.hashes[is_searched], item], axis=1))
        begins.append(hashes_at(parts, first, sizes[0]))
    hashes, items = np.unique(np.concatenate(pairs), axis=0).T
    return EvaluationIndex(
        ids=tuple(ids),
        hashes=hashes.copy(),
        items=items.astype(np.int64),
        sizes=sizes,
        begins=bit_set(np.concatenate(begins)),
        too_short=tuple(ids[item] for item in np.flatnonzero(size == 0).tolist()),
    )


def matches(
    texts: Texts, numbers: np.ndarray, index: EvaluationIndex, config: DecontaminateConfig
) -> pa.Table:
    """Finds evaluation n-grams in texts; a row function.

    Args:
      texts: [num_texts].
      numbers: [num_texts] integers, the number of each document.
      index: What to find.
      config: As given to `evaluation_index`.

    Returns:
      Columns `hash` (uint64), `item` (row of `index.ids`), `document`, and `start` and `end` of the
      n-gram in the text (int64); one row for each evaluation text that has it.
    """
    rows = text_list(texts)
    columns = [tuple(np.empty(0, dtype) for dtype in _COLUMNS.values())]
    for block in blocks(rows) if index.sizes else ():
        parts = units(rows[block], config.unit)
        grams = ngrams(parts, index.sizes[0], whole=False)
        # Almost no text begins as an evaluation text does: the others are done with here.
        begin = grams.first[may_hold(index.begins, grams.hashes)]
        columns += [_matches(parts, begin, size, numbers[block], index) for size in index.sizes]
    found = map(np.concatenate, zip(*columns, strict=True))
    return pa.table(dict(zip(_COLUMNS, found, strict=True)))


def without_common(all_matches: pa.Table, config: DecontaminateConfig) -> pa.Table:
    """Leaves out n-grams that are found in more than `most_documents` documents.

    Args:
      all_matches: The rows of `matches` of the whole corpus.
      config: The limit.
    """
    if not config.most_documents:
        return all_matches
    counts = all_matches.group_by("hash").aggregate([("document", "count_distinct")])
    is_rare = pc.less_equal(counts["document_count_distinct"], config.most_documents)
    return all_matches.filter(pc.is_in(all_matches["hash"], counts.filter(is_rare)["hash"]))


def leaks(all_matches: pa.Table, index: EvaluationIndex) -> pa.Table:
    """Tells which evaluation texts are in which documents, and how much of them.

    Returns:
      Columns `document`, `evaluation` (id), `num_ngrams` (distinct ones shared) and `share` of the
      evaluation text's n-grams; the largest shares first, then by document and evaluation text.
    """
    shared = all_matches.group_by(["document", "item"]).aggregate([("hash", "count_distinct")])
    num_ngrams = np.bincount(index.items, minlength=len(index.ids))
    share = shared["hash_count_distinct"].to_numpy() / num_ngrams[shared["item"].to_numpy()]
    table = pa.table(
        {
            "document": shared["document"],
            "evaluation": pa.array(index.ids, pa.string()).take(shared["item"]),
            "num_ngrams": shared["hash_count_distinct"],
            "share": share,
        }
    )
    order = [("share", "descending"), ("document", "ascending"), ("evaluation", "ascending")]
    return table.sort_by(order)


def decontaminate(
    texts: Texts, numbers: np.ndarray, all_matches: pa.Table, config: DecontaminateConfig
) -> pa.Table:
    """Drops documents with evaluation text, or cuts it out; a row function.

    Args:
      texts: [num_texts].
      numbers: [num_texts] integers, the number of each document.
      all_matches: Of `matches` or `without_common`, in any order; those of other documents are
        passed over.
      config: What to do.

    Returns:
      As of `passages.cut`; `text` is null where the document is dropped.
    """
    document, start, end = (all_matches[k].to_numpy() for k in ("document", "start", "end"))
    here = np.isin(document, numbers)
    start, end = np.maximum(start[here] - config.margin, 0), end[here] + config.margin
    table = cut(texts, numbers, merged(document[here], start, end))
    if config.action == "cut":
        return table
    is_clean = pc.equal(table["removed_passages"], 0)
    lengths = pa.array([len(text) for text in text_list(texts)], pa.int64())
    return pa.table(
        {
            "text": pc.if_else(is_clean, table["text"], None),
            "removed_passages": table["removed_passages"],
            "removed_characters": pc.if_else(is_clean, 0, lengths),
        }
    )


def _matches(
    parts: Units, begin: np.ndarray, size: int, numbers: np.ndarray, index: EvaluationIndex
) -> tuple[np.ndarray, ...]:
    """Columns of the matches of the n-grams of one size that begin at some units."""
    row = np.searchsorted(parts.offsets, begin, side="right") - 1
    is_inside = begin + size <= parts.offsets[row + 1]
    begin, row = begin[is_inside], row[is_inside]
    hashes = hashes_at(parts, begin, size)
    place, end = (np.searchsorted(index.hashes, hashes, side) for side in ("left", "right"))
    count = end - place
    return (
        np.repeat(hashes, count),
        index.items[ranges(place, count)],
        np.repeat(numbers[row], count),
        np.repeat(parts.start[begin], count),
        np.repeat(parts.end[begin + size - 1], count),
    )
