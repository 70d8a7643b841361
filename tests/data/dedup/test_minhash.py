"""Signatures against theory and against plain integers; similarity against sets of tuples."""

# ruff: noqa: RUF001 (text of other scripts)

import dataclasses
import itertools

import numpy as np
import pytest

from jaxlm.data.dedup.config import NearConfig
from jaxlm.data.dedup.minhash import (
    band_keys,
    candidate_probability,
    jaccard,
    shingle_sets,
    signatures,
    similarities,
)
from jaxlm.data.permutation import fold

UNIGRAMS = NearConfig(ngram=1)
NUM_PAIRS = 400


def pairs_of_known_similarity(shared: int, own: int, seed: int) -> list[str]:
    """Pairs of texts of distinct words: `shared` in common and `own` of each."""
    words = np.random.default_rng(seed).integers(0, 1 << 40, (NUM_PAIRS, shared + 2 * own))
    texts = []
    for row in words.tolist():
        texts.append(" ".join(f"{word:x}" for word in row[: shared + own]))
        texts.append(" ".join(f"{word:x}" for word in row[:shared] + row[shared + own :]))
    return texts


@pytest.mark.parametrize(("shared", "own"), [(70, 15), (80, 10), (90, 5), (20, 40), (600, 100)])
def test_the_share_of_equal_hashes_estimates_similarity(shared: int, own: int) -> None:
    """Mean and spread are those of 112 independent hashes (binomial)."""
    signature, _ = signatures(pairs_of_known_similarity(shared, own, seed=shared), UNIGRAMS)
    estimate = (signature[::2] == signature[1::2]).mean(1)
    similarity = shared / (shared + 2 * own)
    spread = np.sqrt(similarity * (1 - similarity) / signature.shape[1])
    assert abs(estimate.mean() - similarity) < 4 * spread / np.sqrt(NUM_PAIRS)
    # The relative error of a standard deviation is 1 / sqrt(2 n).
    assert abs(estimate.std() / spread - 1) < 4 / np.sqrt(2 * NUM_PAIRS)


@pytest.mark.parametrize(("num_bands", "rows"), [(14, 8), (9, 13), (20, 5)])
def test_recall_follows_theory(num_bands: int, rows: int) -> None:
    config = dataclasses.replace(UNIGRAMS, num_bands=num_bands, rows_per_band=rows)
    for shared, own in ((70, 15), (80, 10), (90, 5), (100, 0)):
        keys = band_keys(pairs_of_known_similarity(shared, own, seed=own), config)
        rows_of_keys = keys.flatten().to_numpy().reshape(-1, num_bands)
        recall = (rows_of_keys[::2] == rows_of_keys[1::2]).any(1).mean()
        theory = candidate_probability(shared / (shared + 2 * own), config)
        assert abs(recall - theory) <= 4 * np.sqrt(theory * (1 - theory) / NUM_PAIRS)


def test_the_theory_itself() -> None:
    # Figures of the curve 1 - (1 - s**5)**20, Leskovec et al., section 3.4.2.
    config = NearConfig(num_bands=20, rows_per_band=5)
    curve = candidate_probability(np.array([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]), config)
    assert curve.round(4).tolist() == [0.0064, 0.0475, 0.186, 0.4701, 0.8019, 0.9748, 0.9996]


def test_signatures_are_minima_of_products() -> None:
    texts = ["a b c d e f g a b c d e", "one two"]
    signature, is_empty = signatures(texts, NearConfig(num_bands=3, rows_per_band=2))
    factors = [int(x) % 2**32 | 1 for x in fold(0, np.arange(6))]
    for row, shingles in enumerate(shingle_sets(texts, NearConfig())):
        short = [int(shingle) >> 32 for shingle in shingles]
        assert signature[row].tolist() == [min(x * a % 2**32 for x in short) for a in factors]
    assert not is_empty.any()


def test_band_keys_never_change_between_releases() -> None:
    keys = band_keys(["To be, or not to be, that is the question"], NearConfig(num_bands=3))
    assert keys.to_pylist() == [[4510935449474628046, 2635431886720823719, 2881456795879440485]]


def test_a_text_without_letters_has_no_keys_and_is_like_nothing() -> None:
    keys = band_keys(["?!", "a", "", "a b c d e f"], NearConfig())
    assert keys.is_valid().to_pylist() == [False, True, False, True]
    assert jaccard("?!", "...", NearConfig()) == 0


def test_equal_hashes_in_another_band_are_another_key() -> None:
    keys = band_keys(["word"], NearConfig(num_bands=30, rows_per_band=1)).to_pylist()[0]
    assert len(set(keys)) == 30


def test_short_texts_are_one_shingle() -> None:
    config = NearConfig()
    assert jaccard("the end", "The END.", config) == 1
    assert jaccard("the end", "the ends", config) == 0
    assert len(shingle_sets(["the end"], config)[0]) == 1


@pytest.mark.parametrize("unit", ["word", "character"])
def test_similarity_is_that_of_sets_of_tuples(unit: str) -> None:
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(["aa", "b", "cd"], size=n)) for n in rng.integers(1, 60, 30)]
    config = NearConfig(unit=unit, ngram=3)
    pairs = np.array(list(itertools.combinations(range(len(texts)), 2)))

    def shingles(text: str) -> set[tuple[str, ...]]:
        parts = text.split() if unit == "word" else list(text.replace(" ", ""))
        return {tuple(parts[i : i + 3]) for i in range(max(1, len(parts) - 2))}

    sets = list(map(shingles, texts))
    truth = [len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs]
    np.testing.assert_array_equal(similarities(texts, pairs, config), truth)


def test_chinese_copies_share_bands_and_others_do_not() -> None:
    text = "语言模型的预训练需要大量文本，而重复的文本会降低模型的质量，因此必须先去除重复的文档。"
    edited = text.replace("因此", "所以").replace("，", " ")
    other = "今天天气很好，我们一起去公园散步，看到了许多盛开的花朵和正在玩耍的孩子们，心情愉快。"
    for config in (NearConfig(ngram=3), NearConfig(unit="character", ngram=3)):
        keys = [set(row) for row in band_keys([text, edited, other], config).to_pylist()]
        assert keys[0] & keys[1]
        assert not keys[0] & keys[2]


def test_signatures_do_not_depend_on_how_texts_are_divided() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(map(str, rng.integers(0, 99, n))) for n in rng.integers(0, 3000, 60)]
    together = band_keys(texts, NearConfig()).to_pylist()
    assert together == [band_keys([text], NearConfig()).to_pylist()[0] for text in texts]
