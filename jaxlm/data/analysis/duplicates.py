"""Exact copies within and between sources and files."""

import hashlib
import itertools
from collections import defaultdict
from typing import Any

import numpy as np

from jaxlm.data.analysis.batch import Batch

CAPACITY = 1 << 20
_MOST_PAIRS = 20
_MOST_OWNERS = 20

_Key = np.dtype([("key", "<u8"), ("group", "<i4")])


class Duplicates:
    """Counts documents by a 64-bit hash of their text without surrounding white space.

    Beyond `CAPACITY` distinct texts only the hashes that end in one more zero bit are kept, each
    time it overflows. Which ones are kept depends on the set of texts alone, and their counts are
    exact, so that shares are unbiased; `sampled` says which part of the texts they stand on.

    Attributes:
      level: Zero bits at the end of the hashes that are kept.
      groups: Number by `(source, file)`; a document's file is its id up to the last colon, and
        where the document is a whole file, its folder.

    Source: distinct sampling (Gibbons 2001, VLDB, section 3).
    """

    def __init__(self) -> None:
        self.level = 0
        self.groups: dict[tuple[str, str], int] = {}
        self._keys = np.zeros(0, _Key)
        self._counts = np.zeros(0, np.int64)
        self._pending: list[np.ndarray] = []

    def add(self, batch: Batch) -> None:
        """Counts documents; empty ones are no copies of one another."""
        rows = [
            (_key(text), self._group(batch.source, _file_of(document_id)))
            for text, document_id in zip(batch.texts, batch.ids, strict=True)
            if text and not text.isspace()
        ]
        self._pending.append(np.array(rows, _Key))
        if sum(map(len, self._pending)) > CAPACITY:
            self._compact()

    def merge(self, other: "Duplicates") -> None:
        """Adds the counts of another."""
        other._compact()
        numbers = [self._group(*group) for group in other.groups]
        keys = other._keys.copy()
        keys["group"] = np.array(numbers, np.int32)[keys["group"]] if len(keys) else 0
        self._compact()
        self.level = max(self.level, other.level)
        self._keys, self._counts = _summed(
            np.concatenate([self._keys, keys]), np.concatenate([self._counts, other._counts])
        )
        self._shrink()

    def result(self) -> dict[str, Any]:
        """Copies by source, and shares of sources and files that occur in others."""
        self._compact()
        groups, sources = sorted(self.groups), sorted({source for source, _ in self.groups})
        # Numbers by name, not by first occurrence, which depends on the order of the documents.
        rank = np.zeros(len(groups), np.int64)
        rank[[self.groups[group] for group in groups]] = range(len(groups))
        _, text_number = np.unique(self._keys["key"], return_inverse=True)
        group = rank[self._keys["group"]]
        source = np.array([sources.index(name) for name, _ in groups], np.int64)[group]
        return {
            "sampled": 0.5**self.level,
            "sources": self._copies(text_number, source, sources),
            "total": self._copies(text_number, np.zeros_like(group), ["total"])["total"],
            "shared_sources": self._shared(text_number, source, sources),
            "shared_files": self._shared(text_number, group, [": ".join(g) for g in groups]),
        }

    def _copies(
        self, text_number: np.ndarray, owner: np.ndarray, names: list[str]
    ) -> dict[str, dict[str, float]]:
        """Documents and distinct texts of each owner."""
        texts, documents = _by_owner(text_number, owner, self._counts)
        distinct = np.bincount(texts[:, 1], minlength=len(names))
        total = np.bincount(texts[:, 1], weights=documents, minlength=len(names))
        return {
            name: {"documents": int(n), "copies": int(n - d), "share": float((n - d) / max(n, 1))}
            for name, n, d in zip(names, total.tolist(), distinct.tolist(), strict=True)
        }

    def _shared(
        self, text_number: np.ndarray, owner: np.ndarray, names: list[str]
    ) -> list[dict[str, Any]]:
        """Pairs of owners with texts in common; the largest shares first."""
        texts, documents = _by_owner(text_number, owner, self._counts)
        totals = np.bincount(texts[:, 1], weights=documents, minlength=len(names))
        common: defaultdict[tuple[int, int], int] = defaultdict(int)
        edges = np.flatnonzero(np.diff(texts[:, 0], prepend=-1, append=-1))
        for first, last in itertools.pairwise(edges):
            if last - first > 1:
                _count_pairs(texts[first:last, 1], documents[first:last], common)
        pairs = [
            {"owner": names[a], "other": names[b], "documents": n, "share": float(n / totals[a])}
            for (a, b), n in common.items()
        ]
        return sorted(pairs, key=_by_share)[:_MOST_PAIRS]

    def _group(self, source: str, file: str) -> int:
        return self.groups.setdefault((source, file), len(self.groups))

    def _compact(self) -> None:
        pending = [self._keys, *self._pending]
        ones = np.ones(sum(map(len, self._pending)), np.int64)
        self._pending = []
        self._keys, self._counts = _summed(
            np.concatenate(pending), np.concatenate([self._counts, ones])
        )
        self._shrink()

    def _shrink(self) -> None:
        while True:
            mask = np.uint64((1 << self.level) - 1)
            kept = (self._keys["key"] & mask) == 0
            self._keys, self._counts = self._keys[kept], self._counts[kept]
            if len(np.unique(self._keys["key"])) <= CAPACITY:
                return
            self.level += 1


def _file_of(document_id: str) -> str:
    return document_id.rpartition(":")[0] or document_id.rpartition("/")[0] or "."


def _key(text: str) -> int:
    digest = hashlib.blake2b(text.strip().encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def _summed(keys: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums the counts of equal keys; sorted."""
    unique, inverse = np.unique(keys, return_inverse=True)
    return unique, np.bincount(inverse, weights=counts, minlength=len(unique)).astype(np.int64)


def _by_owner(
    text_number: np.ndarray, owner: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distinct `(text, owner)`, sorted, and the documents of each."""
    pairs, inverse = np.unique(np.stack([text_number, owner], axis=1), axis=0, return_inverse=True)
    return pairs, np.bincount(inverse.ravel(), weights=counts, minlength=len(pairs))


def _by_share(pair: dict[str, Any]) -> tuple[Any, ...]:
    return -pair["share"], -pair["documents"], pair["owner"], pair["other"]


def _count_pairs(
    owners: np.ndarray, documents: np.ndarray, common: defaultdict[tuple[int, int], int]
) -> None:
    """Adds one text's documents to every ordered pair of its owners; the first 20 of them."""
    few = list(zip(owners.tolist(), documents.tolist(), strict=True))[:_MOST_OWNERS]
    for a, count in few:
        for b, _ in few:
            if a != b:
                common[a, b] += int(count)
