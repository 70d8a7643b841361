"""Repeated lines against a count in plain Python."""

# ruff: noqa: RUF001 (text of other scripts)

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.dedup.config import LinesConfig
from jaxlm.data.dedup.lines import line_hashes, remove_lines, repeated_lines

MENU = "Home | About us | Contact"
TEXTS = [
    f"{MENU}\nFirst story about cats.\nshort\n",
    f"Second story about dogs.\n{MENU.upper()}!\nshort",
    f"Third story about birds.\nshort\n\n{MENU}",
]


def removed(texts: list[str], config: LinesConfig, numbers: np.ndarray | None = None) -> pa.Table:
    numbers = np.arange(len(texts)) if numbers is None else numbers
    lines = line_hashes(texts, numbers, config)
    return remove_lines(texts, numbers, repeated_lines(lines, config), config)


def test_the_first_document_keeps_its_line() -> None:
    table = removed(TEXTS, LinesConfig(min_characters=10, most_documents=2))
    assert table["text"].to_pylist() == [
        TEXTS[0],
        "Second story about dogs.\nshort",
        "Third story about birds.\nshort\n",
    ]
    assert table["removed_lines"].to_pylist() == [0, 1, 1]
    assert table["removed_characters"].to_pylist() == [0, len(MENU) + 2, len(MENU) + 1]


def test_first_means_smallest_number() -> None:
    config = LinesConfig(min_characters=10, most_documents=1)
    table = removed(TEXTS, config, np.array([20, 10, 30]))
    assert table["removed_lines"].to_pylist() == [1, 0, 1]


def test_no_document_keeps_its_line() -> None:
    table = removed(TEXTS, LinesConfig(min_characters=10, most_documents=2, keep="none"))
    assert table["text"][0].as_py() == "First story about cats.\nshort\n"
    assert table["removed_lines"].to_pylist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("min_characters", "most_documents", "expected"),
    # The menu has 18 letters, the stories 19, 20 and 20.
    [(18, 3, [0, 0, 0]), (18, 0, [2, 2, 2]), (19, 0, [1, 1, 1]), (20, 0, [0, 1, 1])],
)
def test_lines_in_few_documents_and_short_lines_stay(
    min_characters: int, most_documents: int, expected: list[int]
) -> None:
    config = LinesConfig(min_characters=min_characters, most_documents=most_documents, keep="none")
    table = removed(TEXTS, config)
    assert table["removed_lines"].to_pylist() == expected
    assert (table["text"].to_pylist() == TEXTS) == (not any(expected))


def test_a_line_that_one_document_repeats_counts_once() -> None:
    texts = [f"{MENU}\n" * 9, "another line, of the second text"]
    assert (
        removed(texts, LinesConfig(min_characters=1, most_documents=1))["text"].to_pylist() == texts
    )


def test_a_document_of_repeated_lines_becomes_empty() -> None:
    config = LinesConfig(min_characters=1, most_documents=0, keep="none")
    assert removed(["one", "one\ntwo", "", "\n"], config).to_pydict() == {
        "text": ["", "", "", "\n"],
        "removed_lines": [1, 2, 0, 0],
        "removed_characters": [3, 7, 0, 0],
    }


def test_paragraphs_go_with_the_blank_lines_after_them() -> None:
    notice = "All rights reserved.\nNo part may be copied."
    texts = [
        f"{notice}\n\nStory.\n \nEnd.",
        f"Other.\n\n\n{notice.replace(chr(10), ' ')}\n \t\nEnd.",
    ]
    config = LinesConfig(unit="paragraph", min_characters=9, most_documents=1, keep="none")
    assert removed(texts, config)["text"].to_pylist() == ["Story.\n \nEnd.", "Other.\n\n\nEnd."]


def test_chinese_lines() -> None:
    texts = [f"{story}\n版权所有，未经许可不得转载。" for story in ("猫的故事", "狗的故事")]
    texts[1] = texts[1].replace("，", "")
    config = LinesConfig(min_characters=12, most_documents=1)
    assert removed(texts, config)["text"].to_pylist() == [texts[0], "狗的故事"]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.sampled_from(["aa", "bb", "c!", "dd ", "", "e"]), max_size=6), max_size=6),
    st.integers(0, 3),
    st.sampled_from(["first", "none"]),
    st.integers(1, 5),
)
def test_against_a_count(documents: list[list[str]], most: int, keep: str, num_shards: int) -> None:
    def letters(line: str) -> str:
        return "".join(c for c in line if c.isalnum())

    sets = [{letters(line) for line in lines} for lines in documents]
    counts = Counter(line for lines in sets for line in lines)
    common = {line for line in counts if len(line) >= 2 and counts[line] > most}
    expected = []
    for row, lines in enumerate(documents):
        here = common if keep == "none" else common & set().union(*sets[:row])
        expected.append([line for line in lines if letters(line) not in here])

    texts = ["\n".join(lines) for lines in documents]
    config = LinesConfig(min_characters=2, most_documents=most, keep=keep)
    # Shards in reverse order: neither their number nor their order matters.
    numbers = np.arange(len(texts))
    shards = [slice(start, None, num_shards) for start in range(num_shards)][::-1]
    lines = pa.concat_tables(line_hashes(texts[s], numbers[s], config) for s in shards)
    repeated = repeated_lines(lines, config)
    for shard in shards:
        table = remove_lines(texts[shard], numbers[shard], repeated, config)
        assert table["text"].to_pylist() == ["\n".join(lines) for lines in expected[shard]]


@pytest.mark.parametrize("unit", ["line", "paragraph"])
@settings(deadline=None, max_examples=50)
@given(text=st.text(alphabet="ab \n\t\r\u2028", max_size=30))
def test_what_has_no_repeats_is_unchanged(unit: str, text: str) -> None:
    config = LinesConfig(unit=unit, min_characters=1, most_documents=1)
    assert removed([text], config)["text"].to_pylist() == [text]
