import json
import random
from collections import Counter
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from jaxlm.tokenizers.bpe import learn_merges
from jaxlm.tokenizers.bpe_apply import apply_merges, find_order_dependent, rank_merges
from jaxlm.tokenizers.bpe_segment import Segmenter
from jaxlm.tokenizers.bpe_statistics import choose_characters, count_words
from jaxlm.tokenizers.subword_nmt import SubwordNmtTokenizer, read_vocabulary

GOLDEN = Path(__file__).parents[1] / "golden" / "subword_nmt"
CODES = (GOLDEN / "codes.txt").read_text(encoding="utf-8")
MERGES = [tuple(line.split(" ")) for line in CODES.rstrip("\n").split("\n")[1:]]
RANKS = rank_merges(MERGES)


def lines(name: str) -> list[str]:
    return (GOLDEN / name).read_text(encoding="utf-8").rstrip("\n").split("\n")


def vocabulary(threshold: int = 1) -> list[str]:
    text = (GOLDEN / "vocab.txt").read_text(encoding="utf-8")
    return read_vocabulary(text, threshold)


def golden(name: str) -> dict:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


# Learning.


def test_merges_are_those_of_subword_nmt():
    assert learn_merges(count_words(lines("corpus.txt")), len(MERGES)) == MERGES


def naive_merges(word_counts, num_merges, min_frequency):
    """Algorithm 1 of Sennrich et al. as written: all counts anew before each merge."""
    words = {word: [*word[:-1], word[-1] + "</w>"] for word in word_counts}
    merges = []
    while len(merges) < num_merges:
        counts = Counter()
        for word, symbols in words.items():
            for pair in pairwise(symbols):
                counts[pair] += word_counts[word]
        best = max(counts, key=lambda pair: (counts[pair], pair), default=None)
        if best is None or counts[best] < min_frequency:
            break
        merges.append(best)
        words = {word: naive_step(symbols, best) for word, symbols in words.items()}
    return merges


def naive_step(symbols, pair, kept=None):
    """Merges a pair from left to right, where `kept` (all by default) allows it."""
    merged, place = [], 0
    while place < len(symbols):
        allowed = kept is None or place in kept
        if tuple(symbols[place : place + 2]) == pair and allowed:
            merged.append(symbols[place] + symbols[place + 1])
            place += 2
        else:
            merged.append(symbols[place])
            place += 1
    return merged


WORDS = st.text("ab", min_size=1, max_size=9) | st.text("abcé\n", min_size=1, max_size=9)


@given(st.dictionaries(WORDS, st.integers(1, 5), max_size=12), st.integers(1, 3))
@settings(deadline=None, max_examples=80)
def test_merges_are_those_of_a_full_recount(word_counts, min_frequency):
    merges = learn_merges(word_counts, 40, min_frequency)
    assert merges == naive_merges(word_counts, 40, min_frequency)


def test_learning_stops_at_the_limit_and_below_the_frequency():
    counts = {"ab": 3, "cd": 2, "ef": 1}
    assert learn_merges(counts, 9) == [("a", "b</w>"), ("c", "d</w>")]
    assert learn_merges(counts, 1) == [("a", "b</w>")]
    assert learn_merges(counts, 9, 1)[2:] == [("e", "f</w>")]
    assert learn_merges(counts, 9, excluded={"b"}) == [("c", "d</w>")]


def test_words_are_counted_between_ascii_spaces_from_a_stream():
    passages = (text for text in ["a b", " b  c\nd\u00a0e ", ""])
    assert count_words(passages) == {"a": 1, "b": 2, "c\nd\u00a0e": 1}


def test_frequent_characters_are_kept():
    assert choose_characters({"aab": 2, "c": 1}, 1.0) == (["a", "b", "c"], set())
    assert choose_characters({"aab": 2, "c": 1}, 0.8) == (["a", "b"], {"c"})


# Applying.


def test_segmentation_is_that_of_subword_nmt():
    segmenter = Segmenter(MERGES)
    assert [segmenter.segment(line) for line in lines("corpus.txt")] == lines("segmented.txt")


def test_awkward_lines_are_segmented_as_subword_nmt_does():
    for line, expected in golden("extra_lines.json"):
        assert Segmenter(MERGES).segment(line) == expected


def test_rare_symbols_are_split_and_glossaries_kept():
    expected = lines("segmented_vocab_threshold_20.txt")
    segmenter = Segmenter(MERGES, vocabulary=vocabulary(20))
    found = [segmenter.segment(line) for line in lines("corpus.txt")[: len(expected)]]
    assert found == expected
    protected = golden("glossaries.json")
    segmenter = Segmenter(MERGES, glossaries=protected["glossaries"])
    for line, expected_line in protected["lines"]:
        assert segmenter.segment(line) == expected_line


def naive_apply(word, ranks):
    symbols = [*word[:-1], word[-1] + "</w>"]
    while pairs := [pair for pair in pairwise(symbols) if pair in ranks]:
        symbols = naive_step(symbols, min(pairs, key=ranks.__getitem__))
    return symbols


@st.composite
def merge_tables(draw):
    """Merges in any order, so that some make symbols that earlier ones use."""
    symbols = ["a", "b", "a</w>", "b</w>"]
    merges = []
    for _ in range(draw(st.integers(0, 12))):
        left = draw(st.sampled_from([s for s in symbols if not s.endswith("</w>")]))
        right = draw(st.sampled_from(symbols))
        merges.append((left, right))
        symbols.append(left + right)
    return draw(st.permutations(merges))


@given(merge_tables(), st.text("ab", min_size=1, max_size=14))
@settings(deadline=None, max_examples=150)
def test_any_merges_apply_as_written(merges, word):
    ranks = rank_merges(merges)
    assert apply_merges(word, ranks) == naive_apply(word, ranks)


@given(merge_tables(), st.lists(st.text("ab", min_size=1, max_size=14), min_size=1, max_size=8))
@settings(deadline=None, max_examples=150)
def test_the_runtime_applies_any_merges_as_written(merges, words):
    ranks = rank_merges(merges)
    expected = [symbol for word in words for symbol in naive_apply(word, ranks)]
    alphabet = ["a", "b", "a</w>", "b</w>"]
    tokenizer = SubwordNmtTokenizer(merges, list(dict.fromkeys([*alphabet, *expected])))
    shown = [s.removesuffix("</w>") if s.endswith("</w>") else s + "@@" for s in expected]
    assert [tokenizer.piece(token) for token in tokenizer.encode(" ".join(words))] == shown


def test_words_that_the_runtime_would_merge_otherwise_are_found():
    # As written, both (a, b) merge at once. One by one, the first makes ab, which (ab, a) turns
    # into aba before the second.
    merges = [("ab", "a"), ("a", "b"), ("ab", "b</w>")]
    assert find_order_dependent(rank_merges(merges)) == ["ab"]
    tokenizer = SubwordNmtTokenizer(merges, ["a", "b", "b</w>", "ab", "aba", "abb</w>"])
    assert [tokenizer.piece(token) for token in tokenizer.encode("ababb")] == ["ab@@", "abb"]
    assert find_order_dependent(RANKS) == []


def exact_distribution(word: str, ranks, p: float) -> dict[tuple[str, ...], float]:
    """Follows every way to drop occurrences, at each step anew."""
    final: Counter = Counter()
    open_states = Counter({(*word[:-1], word[-1] + "</w>"): 1.0})
    while open_states:
        symbols = max(open_states, key=len)  # only shorter ones follow from it
        probability = open_states.pop(symbols)
        places = [i for i, pair in enumerate(pairwise(symbols)) if pair in ranks]
        for kept in product((False, True), repeat=len(places)):
            share = probability * p ** kept.count(False) * (1 - p) ** kept.count(True)
            alive = [place for place, keep in zip(places, kept, strict=True) if keep]
            if not alive:
                final[symbols] += share
                continue
            best = min((symbols[i : i + 2] for i in alive), key=ranks.__getitem__)
            open_states[tuple(naive_step(symbols, best, alive))] += share
    return final


def total_variation(counts, exact):
    total = sum(counts.values())
    return sum(abs(counts.get(k, 0) / total - q) for k, q in exact.items()) / 2


def fit(counts, exact):
    """Chance of counts as unlikely as these, if they are from the distribution."""
    total = sum(counts.values())
    often = [key for key, q in exact.items() if q * total >= 5]
    observed = np.array([counts.get(key, 0) for key in often], float)
    expected = np.array([exact[key] * total for key in often])
    observed = np.append(observed, total - observed.sum())
    expected = np.append(expected, total - expected.sum())
    return stats.chisquare(observed[expected > 1e-6], expected[expected > 1e-6]).pvalue


@pytest.mark.parametrize("case", golden("dropout_frequencies.json")["counts"])
def test_dropout_has_the_distribution_of_subword_nmt(case):
    word, _, p = case.partition(" p=")
    exact = {
        " ".join(symbols).removesuffix("</w>"): probability
        for symbols, probability in exact_distribution(word, RANKS, float(p)).items()
    }
    assert sum(exact.values()) == pytest.approx(1)
    draws = random.Random(7)
    ours = Counter(
        " ".join(apply_merges(word, RANKS, float(p), draws)).removesuffix("</w>")
        for _ in range(20_000)
    )
    # 20,000 draws of 140 outcomes differ by 0.02 even if they are from the same distribution.
    largest = 0.03 if len(exact) > 100 else 0.02
    for counts in (ours, golden("dropout_frequencies.json")["counts"][case]):
        assert counts.keys() <= exact.keys()
        assert total_variation(counts, exact) < largest
        assert fit(counts, exact) > 1e-3


def test_occurrences_of_one_pair_are_dropped_apart_and_merged_together():
    ranks = rank_merges([("a", "b"), ("ab", "ab"), ("b", "a"), ("a", "a"), ("b", "a</w>")])
    exact = exact_distribution("aabababa", ranks, 0.3)
    draws = random.Random(11)
    ours = Counter(tuple(apply_merges("aabababa", ranks, 0.3, draws)) for _ in range(10_000))
    assert ours.keys() <= exact.keys()
    assert fit(ours, exact) > 1e-3
