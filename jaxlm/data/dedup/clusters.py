"""Clusters of nearly the same documents, from the keys of their bands."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.sparse
import scipy.sparse.csgraph

from jaxlm.data.dedup.characters import Texts, text_list
from jaxlm.data.dedup.config import NearConfig
from jaxlm.data.dedup.minhash import band_keys, similarities

Verify = Callable[[np.ndarray], np.ndarray]
"""Which of some pairs [num_pairs, 2] of documents are similar enough, [num_pairs] bool."""


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Documents and the ones that stand for them.

    Attributes:
      labels: [num_documents] int64, the smallest document of each one's cluster, which is kept.
      num_compared: Candidate pairs that were compared.
      num_similar: Of these, the similar ones.
      num_unfinished: Groups of equal keys in which some pairs were too far apart to be compared,
        and which are not one cluster.
    """

    labels: np.ndarray
    num_compared: int
    num_similar: int
    num_unfinished: int

    @property
    def kept(self) -> np.ndarray:
        """[num_documents] bool, whether a document stands for its cluster."""
        return self.labels == np.arange(len(self.labels))


def flat_keys(
    band_keys: pa.FixedSizeListArray, documents: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lays the keys of all bands end to end, with the document of each; null lists give none."""
    valid = band_keys.is_valid().to_numpy(zero_copy_only=False)
    keys = band_keys.flatten().to_numpy()
    return keys, np.repeat(documents[valid], band_keys.type.list_size)


def candidate_edges(keys: np.ndarray, documents: np.ndarray, distance: int = 1) -> np.ndarray:
    """Pairs of documents that share a key and are so many places apart among those that do.

    The pairs of distance 1 connect all documents of a key, n of them by n - 1 edges; distances up
    to n - 1 give every pair.

    Args:
      keys: [n] uint64, in any order.
      documents: [n] int64, the document of each key.
      distance: Places in the order of the documents' numbers.

    Returns:
      [num_edges, 2] int64, distinct, the smaller number first.
    """
    return _distinct(_edges(*_sorted(keys, documents), distance))


def connected(edges: np.ndarray, num_documents: int) -> np.ndarray:
    """The smallest document that each document is connected to, [num_documents] int64."""
    graph = scipy.sparse.coo_array(
        (np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])),
        shape=(num_documents, num_documents),
    )
    _, component = scipy.sparse.csgraph.connected_components(graph, directed=False)
    _, smallest = np.unique(component, return_index=True)
    return smallest[component].astype(np.int64)


def verified_clusters(
    keys: np.ndarray,
    documents: np.ndarray,
    num_documents: int,
    verify: Verify,
    max_distance: int,
) -> Clusters:
    """Connects documents that share a key and are similar enough.

    Documents of one key are compared with their neighbours in the order of their numbers, then
    with the ones two places on, and so forth; pairs that are connected already are left out. So a
    cluster of n copies takes n - 1 comparisons, all pairs are decided among up to
    `max_distance + 1` documents, and a larger group costs no more than `max_distance` comparisons
    a document.

    Args:
      keys: [n] uint64, in any order.
      documents: [n] int64 below `num_documents`, the document of each key.
      num_documents: Documents altogether.
      verify: Decides which pairs are similar; called once a distance, with distinct pairs.
      max_distance: Largest distance, at least 1.
    """
    keys, documents = _sorted(keys, documents)
    labels = np.arange(num_documents)
    similar = compared = np.empty((0, 2), np.int64)
    for distance in range(1, max_distance + 1):
        edges = _distinct(_edges(keys, documents, distance))
        edges = edges[labels[edges[:, 0]] != labels[edges[:, 1]]]
        edges = edges[~_among(edges, compared, num_documents)]
        if len(edges):
            compared = np.concatenate([compared, edges])
            similar = np.concatenate([similar, edges[verify(edges)]])
            labels = connected(similar, num_documents)
    return Clusters(
        labels=labels,
        num_compared=len(compared),
        num_similar=len(similar),
        num_unfinished=_num_unfinished(keys, labels[documents], max_distance),
    )


def near_clusters(texts: Texts, config: NearConfig) -> Clusters:
    """Clusters texts that fit into memory; the row of a text is its number."""
    rows = text_list(texts)

    def verify(pairs: np.ndarray) -> np.ndarray:
        needed, place = np.unique(pairs, return_inverse=True)
        needed_texts = [rows[row] for row in needed]
        return similarities(needed_texts, place.reshape(-1, 2), config) >= config.threshold

    keys, documents = flat_keys(band_keys(rows, config), np.arange(len(rows)))
    return verified_clusters(keys, documents, len(rows), verify, config.max_distance)


def _sorted(keys: np.ndarray, documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By key, then by document; without what is there twice or has its key for itself."""
    order = np.lexsort((documents, keys))
    keys, documents = keys[order], documents[order]
    is_new = np.ones(len(keys), bool)
    is_new[1:] = (keys[1:] != keys[:-1]) | (documents[1:] != documents[:-1])
    keys, documents = keys[is_new], documents[is_new]
    shared = np.zeros(len(keys), bool)
    shared[1:] = keys[1:] == keys[:-1]
    shared[:-1] |= shared[1:]
    return keys[shared], documents[shared]


def _edges(keys: np.ndarray, documents: np.ndarray, distance: int) -> np.ndarray:
    same = np.flatnonzero(keys[distance:] == keys[:-distance])
    return np.stack([documents[same], documents[same + distance]], axis=1)


def _distinct(edges: np.ndarray) -> np.ndarray:
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    edges = edges[order]
    is_new = np.ones(len(edges), bool)
    is_new[1:] = (edges[1:] != edges[:-1]).any(axis=1)
    return edges[is_new]


def _among(edges: np.ndarray, others: np.ndarray, num_documents: int) -> np.ndarray:
    def number(pairs: np.ndarray) -> np.ndarray:
        return pairs[:, 0] * num_documents + pairs[:, 1]

    return np.isin(number(edges), number(others))


def _num_unfinished(keys: np.ndarray, labels: np.ndarray, max_distance: int) -> int:
    """Groups of equal keys where a pair was left out that is not connected otherwise."""
    borders = np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [len(keys)]])
    is_large = np.diff(borders) > max_distance + 1
    large = zip(borders[:-1][is_large], borders[1:][is_large], strict=True)
    return sum(bool((labels[start:end] != labels[start]).any()) for start, end in large)
