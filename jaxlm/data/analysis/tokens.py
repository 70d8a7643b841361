"""How often each token occurs, and how well text compresses."""

import math
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlm.data.analysis.histogram import Histogram
from jaxlm.tokenizers import Tokenizer

_POINTS = 60
_SHOWN = 20
_FIRST_FITTED_RANK = 10
_LEAST_FITTED_COUNT = 5
_LEAST_COMPRESSED = 200


def count_tokens(texts: Sequence[str], tokenizer: Tokenizer | None) -> dict[str, Any]:
    """Frequencies of tokens, or of words between white space where there is no tokenizer.

    Returns:
      `unit`, `total`, `distinct`, `once` (share of the distinct ones that occur once),
      `ranks` (pairs of rank and count), `fit` (see `zipf_fit`), `top`; with a tokenizer
      also `bytes_per_token`, `unknown_share`, `used_share` (of the vocabulary), `lengths`
      (a histogram of tokens a document).
    """
    if tokenizer is None:
        counts = Counter(word for text in texts for word in text.split())
        return {"unit": "word", **_frequencies(counts)}
    ids = tokenizer.encode_batch(texts)
    return {"unit": "token", **_token_statistics(texts, ids, tokenizer)}


def compression(texts: Sequence[str]) -> dict[str, Any]:
    """Compressed size of each document as a share of its bytes (zlib, level 6).

    Prose of some length gives 0.35 to 0.6, repetition less, noise and base64 more. Documents below
    200 bytes are left out: the format's own bytes would count.
    """
    histogram = Histogram()
    for text in texts:
        data = text.encode()
        if len(data) >= _LEAST_COMPRESSED:
            histogram.add([len(zlib.compress(data, 6)) / len(data)])
    return histogram.result()


def zipf_fit(counts: np.ndarray) -> dict[str, Any] | None:
    """Fits frequency ~ rank**-exponent by least squares on both logarithms.

    Args:
      counts: Occurrences, in falling order. Ranks below 10 and counts below 5 are left out, and
        ranks are taken at equal distances on the logarithmic axis, so that the many rare tokens do
        not decide alone.

    Returns:
      `exponent`, and `line`: rank and count at both ends of the fit; None where fewer than 10
      ranks are left.
    """
    last = int(np.searchsorted(-counts, -_LEAST_FITTED_COUNT, side="right"))
    if last - _FIRST_FITTED_RANK < 10:
        return None
    ranks = _spread(_FIRST_FITTED_RANK, last)
    slope, height = np.polyfit(np.log(ranks), np.log(counts[ranks - 1]), 1).tolist()
    ends = [_FIRST_FITTED_RANK, last]
    line = [[rank, round(math.exp(height + slope * math.log(rank)), 3)] for rank in ends]
    return {"exponent": round(-slope, 4), "line": line}


def _token_statistics(
    texts: Sequence[str], ids: Sequence[np.ndarray], tokenizer: Tokenizer
) -> dict[str, Any]:
    flat = np.concatenate([np.zeros(0, np.int32), *ids])
    values, numbers = np.unique(flat, return_counts=True)
    counts = Counter[int](dict(zip(values.tolist(), numbers.tolist(), strict=True)))
    total = counts.total()
    lengths = Histogram()
    lengths.add([len(row) for row in ids])
    frequencies = _frequencies(counts)
    for entry in frequencies["top"]:
        entry["text"] = tokenizer.piece(entry["text"])
    return {
        **frequencies,
        "bytes_per_token": sum(len(text.encode()) for text in texts) / max(1, total),
        "unknown_share": counts[tokenizer.unknown_id] / max(1, total),
        "used_share": len(counts) / tokenizer.vocab_size,
        "lengths": lengths.result(),
    }


def _frequencies(counts: Counter[Any]) -> dict[str, Any]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    sizes = np.array([count for _, count in ordered], np.int64)
    ranks = _spread(1, len(sizes)).tolist() if len(sizes) else []
    return {
        "total": int(sizes.sum()),
        "distinct": len(sizes),
        "once": float((sizes == 1).mean()) if len(sizes) else 0.0,
        "ranks": [[rank, int(sizes[rank - 1])] for rank in ranks],
        "fit": zipf_fit(sizes),
        "top": [{"text": key, "count": count} for key, count in ordered[:_SHOWN]],
    }


def _spread(first: int, last: int) -> np.ndarray:
    """Whole numbers at about equal ratios, both ends included."""
    ratios = np.exp(np.linspace(math.log(first), math.log(last), _POINTS))
    return np.unique(np.round(ratios).astype(np.int64))
