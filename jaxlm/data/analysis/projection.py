"""A map of documents: those with like spelling lie close together."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlm.data.analysis.sample import Sampled
from jaxlm.data.analysis.signs import excerpt

DOCUMENTS = 2_000
_CHARACTERS = 2_000
_BUCKETS = 256
_OUTLIERS = 8
_FAR = 8.0


def project(documents: Sequence[Sampled]) -> dict[str, Any]:
    """Places documents by the first two principal components of their character trigrams.

    Trigrams of the first 2,000 characters are hashed to 256 counts, whose square roots are scaled
    to length one (the Hellinger kernel). Signs are fixed by the largest weight, so that the same
    documents give the same map. An outlier lies over eight times as far from the middle of its
    source (the median of each axis) as half of that source does.

    Args:
      documents: The first 2,000 are placed.

    Returns:
      `explained`: share of the variance along each axis; `points`: `x`, `y`, `source`, `id`,
      `text`, `outlier`.
    """
    documents = [document for document in documents if document.text.strip()][:DOCUMENTS]
    if len(documents) < 3:
        return {"explained": [], "points": []}
    features = np.stack([_trigrams(document.text[:_CHARACTERS]) for document in documents])
    places, explained = _principal(features)
    outliers = _outliers(places, [document.source for document in documents])
    return {
        "explained": [round(float(share), 4) for share in explained],
        "points": [
            {
                "x": round(float(x), 4),
                "y": round(float(y), 4),
                "source": document.source,
                "id": document.id,
                "text": excerpt(document.text),
                "outlier": index in outliers,
            }
            for index, (document, (x, y)) in enumerate(zip(documents, places, strict=True))
        ],
    }


def _trigrams(text: str) -> np.ndarray:
    """Square roots of hashed trigram frequencies, float64 [256]; the sum of squares is one."""
    codes = np.frombuffer(f"  {text.lower()} ".encode("utf-32-le"), np.uint32).astype(np.uint64)
    mixed = codes[:-2] * np.uint64(0x9E3779B1) + codes[1:-1] * np.uint64(0x85EBCA77)
    mixed = (mixed + codes[2:] * np.uint64(0xC2B2AE3D)) * np.uint64(0x9E3779B97F4A7C15)
    counts = np.bincount((mixed >> np.uint64(56)).astype(np.int64), minlength=_BUCKETS)
    return np.sqrt(counts / counts.sum())


def _principal(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates on two axes, [documents, 2], and their shares of the variance."""
    centred = features - features.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.where(axes[largest, range(2)] < 0, -1, 1)
    return centred @ axes, variances[::-1][:2] / max(float(variances.sum()), 1e-12)


def _outliers(places: np.ndarray, sources: Sequence[str]) -> set[int]:
    ratios = np.zeros(len(places))
    names = np.array(sources)
    for name in dict.fromkeys(sources):
        own = names == name
        distances = np.linalg.norm(places[own] - np.median(places[own], axis=0), axis=1)
        ratios[own] = distances / max(float(np.median(distances)), 1e-6)
    far = np.flatnonzero(ratios > _FAR)
    return set(far[np.argsort(-ratios[far], kind="stable")][:_OUTLIERS].tolist())
