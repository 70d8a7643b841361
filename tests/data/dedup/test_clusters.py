"""Clusters against every pair, compared one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.dedup.clusters import (
    candidate_edges,
    connected,
    flat_keys,
    near_clusters,
    verified_clusters,
)
from jaxlm.data.dedup.config import NearConfig
from jaxlm.data.dedup.minhash import band_keys, shingle_sets

Pairs = set[tuple[int, int]]


def smallest_connected(pairs: Pairs, num: int) -> list[int]:
    labels = list(range(num))
    for _ in range(num):
        for a, b in pairs:
            labels[a] = labels[b] = min(labels[a], labels[b])
    return labels


def sharing(keys: list[int], documents: list[int]) -> Pairs:
    """Every pair of documents that share a key."""
    entries = sorted(zip(documents, keys, strict=True))
    return {(a, b) for (a, j), (b, k) in itertools.combinations(entries, 2) if j == k and a != b}


CASES = st.integers(1, 12).flatmap(
    lambda num: st.tuples(
        st.just(num),
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, num - 1)), max_size=30),
        st.sets(st.tuples(st.integers(0, num - 1), st.integers(0, num - 1))),
    )
)
Case = tuple[int, list[tuple[int, int]], Pairs]


def columns(entries: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(entries, np.int64).reshape(-1, 2)
    return table[:, 0].astype(np.uint64), table[:, 1]


@settings(deadline=None, max_examples=40)
@given(CASES)
def test_all_pairs_of_small_groups_are_decided(case: Case) -> None:
    num, entries, similar = case
    keys, documents = columns(entries)
    asked: list[tuple[int, int]] = []

    def verify(pairs: np.ndarray) -> np.ndarray:
        asked.extend(map(tuple, pairs.tolist()))
        return np.array([pair in similar for pair in asked[-len(pairs) :]])

    clusters = verified_clusters(keys, documents, num, verify, max_distance=12)
    truth = sharing(keys.tolist(), documents.tolist())
    assert clusters.labels.tolist() == smallest_connected(truth & similar, num)
    assert clusters.kept.tolist() == [clusters.labels[n] == n for n in range(num)]
    assert clusters.num_unfinished == 0
    assert len(set(asked)) == len(asked) == clusters.num_compared
    assert clusters.num_similar == len(set(asked) & similar)
    assert set(asked) <= truth


@settings(deadline=None, max_examples=40)
@given(CASES, st.integers(1, 3))
def test_large_groups_are_bounded_and_told(case: Case, max_distance: int) -> None:
    num, entries, similar = case
    keys, documents = columns(entries)

    def verify(pairs: np.ndarray) -> np.ndarray:
        return np.array([tuple(pair) in similar for pair in pairs.tolist()])

    clusters = verified_clusters(keys, documents, num, verify, max_distance)
    truth = smallest_connected(sharing(keys.tolist(), documents.tolist()) & similar, num)
    assert clusters.num_compared <= max_distance * len(set(entries))
    assert all(found >= true for found, true in zip(clusters.labels.tolist(), truth, strict=True))
    assert clusters.num_unfinished > 0 or clusters.labels.tolist() == truth


@settings(deadline=None, max_examples=40)
@given(CASES)
def test_edges_of_distance_one_connect_each_group(case: Case) -> None:
    num, entries, _ = case
    keys, documents = columns(entries)
    edges = candidate_edges(keys, documents)
    truth = sharing(keys.tolist(), documents.tolist())
    assert connected(edges, num).tolist() == smallest_connected(truth, num)
    assert {tuple(edge) for edge in edges.tolist()} <= truth
    assert len(edges) <= len(set(entries))


def test_a_copy_of_a_copy_is_found_behind_a_stranger() -> None:
    """Comparing each document with the smallest of its group alone would miss (1, 2)."""
    keys, documents = np.zeros(3, np.uint64), np.arange(3)
    similar = verified_clusters(
        keys, documents, 3, lambda pairs: (pairs == [1, 2]).all(1), max_distance=2
    )
    assert similar.labels.tolist() == [0, 1, 1]


def test_no_pair_is_compared_twice() -> None:
    """Documents 0 and 2 are neighbours under one key and two places apart under the other."""
    keys, documents = columns([(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)])
    asked = []

    def verify(pairs: np.ndarray) -> np.ndarray:
        asked.extend(pairs.tolist())
        return np.zeros(len(pairs), bool)

    verified_clusters(keys, documents, 3, verify, max_distance=2)
    assert sorted(asked) == [[0, 1], [0, 2], [1, 2]]


@pytest.mark.parametrize(("size", "num_unfinished"), [(3, 0), (4, 1)])
def test_groups_that_are_too_large_are_counted(size: int, num_unfinished: int) -> None:
    clusters = verified_clusters(
        np.zeros(size, np.uint64),
        np.arange(size),
        size,
        lambda pairs: np.zeros(len(pairs), bool),
        max_distance=2,
    )
    assert clusters.num_unfinished == num_unfinished


def test_copies_cost_one_comparison_each() -> None:
    keys = np.repeat(np.arange(14, dtype=np.uint64), 1000)
    documents = np.tile(np.arange(1000), 14)
    clusters = verified_clusters(
        keys, documents, 1000, lambda pairs: np.ones(len(pairs), bool), max_distance=16
    )
    assert clusters.num_compared == 999
    assert clusters.num_unfinished == 0
    assert not clusters.labels.any()


def edited(text: list[str], share: float, rng: np.random.Generator) -> list[str]:
    return [str(rng.integers(10**6)) if rng.random() < share else word for word in text]


@pytest.fixture(scope="module")
def planted() -> list[str]:
    """40 families of a text and four copies with more and more words changed."""
    rng = np.random.default_rng(1)
    texts = []
    for _ in range(40):
        text = [str(word) for word in rng.integers(0, 5000, 150)]
        texts += [" ".join(edited(text, share, rng)) for share in (0, 0, 0.02, 0.04, 0.08)]
    return texts


def test_planted_copies_against_every_pair(planted: list[str]) -> None:
    config = NearConfig()
    sets = [set(shingles.tolist()) for shingles in shingle_sets(planted, config)]
    bands = [set(row) for row in band_keys(planted, config).to_pylist()]
    truth = {
        (a, b)
        for a, b in itertools.combinations(range(len(planted)), 2)
        if bands[a] & bands[b] and len(sets[a] & sets[b]) >= 0.7 * len(sets[a] | sets[b])
    }
    clusters = near_clusters(planted, config)
    assert clusters.labels.tolist() == smallest_connected(truth, len(planted))
    assert 40 <= clusters.kept.sum() < 120


def test_order_makes_no_difference(planted: list[str]) -> None:
    config = NearConfig()
    keys, documents = flat_keys(band_keys(planted, config), np.arange(len(planted)))
    order = np.random.default_rng(0).permutation(len(keys))
    edges = candidate_edges(keys, documents)
    np.testing.assert_array_equal(candidate_edges(keys[order], documents[order]), edges)


def test_null_lists_have_no_keys() -> None:
    keys = band_keys(["?", "a b", "!", "c"], NearConfig(num_bands=3))
    flat, documents = flat_keys(keys, np.array([7, 5, 3, 1]))
    assert documents.tolist() == [5, 5, 5, 1, 1, 1]
    assert flat.tolist() == [key for row in keys.to_pylist() if row for key in row]


def test_nothing_has_no_clusters() -> None:
    clusters = near_clusters([], NearConfig())
    assert len(clusters.labels) == clusters.num_compared == clusters.num_unfinished == 0
