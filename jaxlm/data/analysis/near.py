"""Edited copies within a sample of documents."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from jaxlm.data.analysis.sample import Sampled
from jaxlm.data.analysis.signs import excerpt

WORDS = 5
RESEMBLANCE = 0.5
_ONE_IN = 4
_LEAST_SHINGLES = 8
_MOST_SHARING = 30
_SHOWN = 10
_NONE = np.zeros(0, np.uint64)


def near_duplicates(documents: Sequence[Sampled]) -> dict[str, Any]:
    """Pairs of documents that share most of their runs of five words but are not equal.

    Of each document's runs the quarter with hashes divisible by four is compared, which estimates
    the resemblance (Jaccard) without bias; runs in more than 30 documents are boilerplate and say
    nothing. Documents with fewer than eight such runs are left out. A pair is seen only if both are
    in the sample, so with a sample of a share f about f**2 of the pairs are.

    Returns:
      `documents` compared; `edited`: documents by source that have an edited copy; `pairs`: the
      ten most alike, each with `first`, `second` (id, source, text) and `resemblance`.

    Source: Broder 1997, On the resemblance and containment of documents, section 3 (MOD m).
    """
    shingles = _rare([_shingles(document.text) for document in documents])
    pairs = {
        (a, b): likeness
        for (a, b), likeness in _similar(shingles).items()
        if documents[a].text.strip() != documents[b].text.strip()
    }
    edited = {d for pair in pairs for d in pair}
    by_source = Counter(documents[d].source for d in sorted(edited))
    best = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:_SHOWN]
    return {
        "documents": sum(len(s) >= _LEAST_SHINGLES for s in shingles),
        "edited": dict(by_source),
        "pairs": [
            {
                "first": _shown(documents[a]),
                "second": _shown(documents[b]),
                "resemblance": round(pairs[a, b], 4),
            }
            for a, b in best
        ],
    }


def _rare(shingles: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Leaves out the shingles that more than thirty documents share."""
    flat = np.concatenate([*shingles, _NONE])
    values, counts = np.unique(flat, return_counts=True)
    is_rare = ~np.isin(flat, values[counts > _MOST_SHARING])
    ends = np.cumsum([len(own) for own in shingles])
    return [
        own[is_rare[end - len(own) : end]] for own, end in zip(shingles, ends.tolist(), strict=True)
    ]


def _similar(shingles: Sequence[np.ndarray]) -> dict[tuple[int, int], float]:
    """Resemblance of the pairs above the threshold."""
    holders: defaultdict[int, list[int]] = defaultdict(list)
    for number, hashes in enumerate(shingles):
        if len(hashes) >= _LEAST_SHINGLES:
            for value in hashes.tolist():
                holders[value].append(number)
    shared = Counter[tuple[int, int]]()
    for group in holders.values():
        if len(group) > 1:
            shared.update(combinations(group, 2))
    likeness = {
        (a, b): n / (len(shingles[a]) + len(shingles[b]) - n) for (a, b), n in shared.items()
    }
    return {pair: value for pair, value in likeness.items() if value >= RESEMBLANCE}


def _shingles(text: str) -> np.ndarray:
    """Sorted hashes of the runs of five words that are compared, uint64."""
    words = np.array([zlib.crc32(word.encode()) for word in text.lower().split()], np.uint64)
    if len(words) < WORDS:
        return _NONE
    hashes = np.zeros(len(words) - WORDS + 1, np.uint64)
    for n in range(WORDS):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + words[n : n + len(hashes)]
    hashes ^= hashes >> np.uint64(29)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(32)
    return np.unique(hashes[hashes % np.uint64(_ONE_IN) == 0])


def _shown(document: Sampled) -> dict[str, str]:
    return {"id": document.id, "source": document.source, "text": excerpt(document.text)}
