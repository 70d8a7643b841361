"""Repeated passages against every window of every text."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.dedup import substrings
from jaxlm.data.dedup.config import SubstringsConfig
from jaxlm.data.dedup.passages import cut, merged
from jaxlm.data.dedup.substrings import anchors, repeated_anchors, repeated_passages, windows


def passages(
    texts: list[str], config: SubstringsConfig, numbers: np.ndarray, num_shards: int
) -> pa.Table:
    shards = [slice(start, None, num_shards) for start in range(num_shards)][::-1]
    repeated = repeated_anchors(np.concatenate([anchors(texts[s], config) for s in shards]))
    found = [windows(texts[s], numbers[s], repeated, config) for s in shards]
    return repeated_passages(pa.concat_tables(found), config)


def without_repeats(
    texts: list[str], config: SubstringsConfig, numbers: np.ndarray | None = None, shards: int = 1
) -> pa.Table:
    numbers = np.arange(len(texts)) if numbers is None else numbers
    return cut(texts, numbers, passages(texts, config, numbers, shards))


def brute_force(texts: list[str], length: int) -> list[str]:
    """Cuts each window that begins after its first occurrence and does not overlap it."""
    first: dict[str, tuple[int, int]] = {}
    result = []
    for row, text in enumerate(texts):
        covered: set[int] = set()
        for start in range(len(text) - length + 1):
            row0, start0 = first.setdefault(text[start : start + length], (row, start))
            if row0 < row or start0 + length <= start:
                covered.update(range(start, start + length))
        result.append("".join(c for i, c in enumerate(text) if i not in covered))
    return result


@settings(deadline=None, max_examples=120)
@given(
    st.lists(st.text(alphabet="ab", max_size=60), max_size=6),
    st.sampled_from([(6, 3), (5, 1), (7, 6), (4, 2), (12, 5), (3, 3)]),
    st.integers(1, 4),
    st.sampled_from([1, 7, 1000]),
)
def test_exactly_the_repeats_are_cut(
    texts: list[str], lengths: tuple[int, int], num_shards: int, piece: int
) -> None:
    config = SubstringsConfig(length=lengths[0], gram=lengths[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(substrings, "BLOCK_CHARACTERS", piece)
        table = without_repeats(texts, config, shards=num_shards)
    assert table["text"].to_pylist() == brute_force(texts, config.length)
    lost = [len(text) - len(new.as_py()) for text, new in zip(texts, table["text"], strict=True)]
    assert table["removed_characters"].to_pylist() == lost


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.sampled_from(["abcab", "ca", "b", "aaaa"]), max_size=16), max_size=5))
def test_exactly_the_repeats_of_periodic_texts_are_cut(parts: list[list[str]]) -> None:
    texts = ["".join(words) for words in parts]
    table = without_repeats(texts, SubstringsConfig(length=8, gram=3))
    assert table["text"].to_pylist() == brute_force(texts, 8)


def test_every_place_of_a_planted_passage_is_found() -> None:
    """At the default lengths, across borders of blocks, in the smallest number's favour."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz 语言模型"))
    texts = ["".join(rng.choice(letters, size)) for size in rng.integers(0, 4000, 40)]
    texts.append("".join(rng.choice(letters, 70_000)))
    passage = "".join(rng.choice(letters, 200))
    rows = [3, 8, 20, 40]
    for row in rows:
        place = rng.integers(len(texts[row]))
        texts[row] = texts[row][:place] + passage + texts[row][place:]
    numbers = rng.permutation(len(texts))
    table = without_repeats(texts, SubstringsConfig(), numbers)
    first = min(rows, key=lambda row: numbers[row])
    for row, lost in enumerate(table["removed_characters"].to_pylist()):
        # A letter beside the passage may be equal by chance.
        assert lost in (range(200, 206) if row in rows and row != first else (0,))


def test_a_passage_one_character_short_stays() -> None:
    rng = np.random.default_rng(1)
    noise = ["".join(map(chr, rng.integers(97, 123, 300))) for _ in range(4)]
    passage = "x" + "".join(map(chr, rng.integers(97, 123, 197))) + "y"
    texts = [f"{noise[0]}1{passage}2{noise[1]}", f"{noise[2]}3{passage}4{noise[3]}"]
    assert without_repeats(texts, SubstringsConfig())["text"].to_pylist() == texts


def test_a_run_of_one_character_keeps_its_beginning() -> None:
    assert without_repeats(["-" * 1000], SubstringsConfig())["text"].to_pylist() == ["-" * 200]


def test_anchors_are_few() -> None:
    """Of random text 2 in w + 1, for windows of w anchors (Schleimer et al., section 3.1)."""
    text = "".join(map(chr, np.random.default_rng(2).integers(97, 123, 200_000)))
    config = SubstringsConfig()
    density = len(anchors([text], config)) / len(text)
    expected = 2 / (config.length - config.gram + 2)
    assert density == pytest.approx(expected, rel=0.1)
    # A run has one window after another with its last gram as the minimum.
    assert len(anchors(["-" * 10_000], config)) < 10_000
    assert len(repeated_anchors(anchors([text], config))) == 0


def test_unknown_and_empty_documents_are_passed_over() -> None:
    table = merged(np.array([5, 5, 2, 5]), np.array([8, 0, 1, 3]), np.array([9, 3, 2, 4]))
    assert table.to_pydict() == {"document": [2, 5, 5], "start": [1, 0, 8], "end": [2, 4, 9]}
    assert cut(["0123456789", "", "abc"], np.array([5, 4, 2]), table).to_pydict() == {
        "text": ["45679", "", "ac"],
        "removed_passages": [2, 0, 1],
        "removed_characters": [5, 0, 1],
    }


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(1, 9)), max_size=12))
def test_merged_passages_cover_the_same_characters(spans: list[tuple[int, int, int]]) -> None:
    document, start, length = np.array(spans, np.int64).reshape(-1, 3).T
    table = merged(document, start, start + length)
    covered = {(d, i) for d, a, n in spans for i in range(a, a + n)}
    rows = list(zip(*table.to_pydict().values(), strict=True))
    assert sorted(covered) == [(d, i) for d, a, b in rows for i in range(a, b)]
    assert all(d != e or b < c for (d, _, b), (e, c, _) in itertools.pairwise(rows))
