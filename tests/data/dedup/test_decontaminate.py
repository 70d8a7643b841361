"""Evaluation text in training text, by hand and against sets of tuples."""

# ruff: noqa: RUF001 (text of other scripts)

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.dedup.config import DecontaminateConfig
from jaxlm.data.dedup.decontaminate import (
    EvaluationIndex,
    decontaminate,
    evaluation_index,
    leaks,
    matches,
    without_common,
)

QUESTION = (
    "Which of the following is the largest planet of the solar system: Mars, Jupiter, or Venus?"
)
SHORT = "What is the boiling point of pure water?"  # 8 words
CONFIG = DecontaminateConfig(margin=0)
EVALUATION = {"quiz/1": QUESTION, "quiz/2": SHORT, "quiz/3": "Who was it?"}


def index_of(config: DecontaminateConfig = CONFIG) -> EvaluationIndex:
    return evaluation_index(list(EVALUATION), list(EVALUATION.values()), config)


def found(texts: list[str], config: DecontaminateConfig = CONFIG) -> pa.Table:
    return matches(texts, np.arange(len(texts)), index_of(config), config)


def test_reports_say_which_evaluation_text_leaked_where() -> None:
    texts = [
        "Nothing to see here, although it is rather long: " + "word " * 30,
        "Intro. " + QUESTION.upper().replace(",", " ") + " outro",
        "What is the boiling point of pure water? Who was it?",
        "which of the following is the largest planet of the solar system? Mars " + SHORT,
    ]
    table = leaks(found(texts), index_of())
    # 16 words have 4 13-grams; the last text has the first of them.
    assert table.to_pylist() == [
        {"document": 1, "evaluation": "quiz/1", "num_ngrams": 4, "share": 1.0},
        {"document": 2, "evaluation": "quiz/2", "num_ngrams": 1, "share": 1.0},
        {"document": 3, "evaluation": "quiz/2", "num_ngrams": 1, "share": 1.0},
        {"document": 3, "evaluation": "quiz/1", "num_ngrams": 1, "share": 0.25},
    ]


def test_texts_that_cannot_be_told_from_chance_are_named() -> None:
    assert index_of().too_short == ("quiz/3",)
    assert index_of(DecontaminateConfig(shortest=3)).too_short == ()
    assert index_of(DecontaminateConfig(shortest=9)).too_short == ("quiz/2", "quiz/3")


def test_twelve_words_of_a_longer_text_are_no_match() -> None:
    words = QUESTION.split()
    assert found([" ".join(words[:12])]).num_rows == 0
    assert found([" ".join(words[:13])]).num_rows == 1


def test_shared_passages_are_cut_with_their_margin() -> None:
    text = "0123456789 " + QUESTION + " abcdefghij"
    for margin, kept in ((0, "0123456789 ? abcdefghij"), (4, "0123456cdefghij"), (500, "")):
        config = DecontaminateConfig(action="cut", margin=margin)
        table = decontaminate([text, "x"], np.array([0, 1]), found([text]), config)
        assert table.to_pydict() == {
            "text": [kept, "x"],
            "removed_passages": [1, 0],
            "removed_characters": [len(text) - len(kept), 0],
        }


def test_documents_are_dropped() -> None:
    texts = ["clean", QUESTION]
    assert decontaminate(texts, np.arange(2), found(texts), CONFIG).to_pydict() == {
        "text": ["clean", None],
        "removed_passages": [0, 1],
        "removed_characters": [0, len(QUESTION)],
    }


def test_common_phrases_do_not_count() -> None:
    texts = [SHORT, SHORT + SHORT, "So: " + SHORT, QUESTION]
    for most, documents in ((0, {0, 1, 2, 3}), (3, {0, 1, 2, 3}), (2, {3})):
        config = DecontaminateConfig(most_documents=most)
        assert set(without_common(found(texts), config)["document"].to_pylist()) == documents


def test_an_ngram_of_two_evaluation_texts_names_both() -> None:
    index = evaluation_index(["a", "b"], [QUESTION, "Q: " + QUESTION], CONFIG)
    table = leaks(matches([QUESTION], np.array([9]), index, CONFIG), index)
    assert table["evaluation"].to_pylist() == ["a", "b"]
    assert table["share"].to_pylist() == [1.0, 0.8]


def test_chinese_by_characters() -> None:
    config = DecontaminateConfig(unit="character", margin=0, action="cut")
    question = "下列行星中体积最大的是哪一颗：火星、木星还是金星？"
    index = evaluation_index(["问题"], [question], config)
    text = "前文。" + question.replace("：", " ") + "后文。"
    table = matches([text, "下列行星中体积最大的是太阳"], np.array([0, 1]), index, config)
    assert leaks(table, index)["evaluation"].to_pylist() == ["问题"]
    cut = decontaminate([text], np.array([0]), table, config)
    assert cut["text"].to_pylist() == ["前文。？后文。"]


def test_without_evaluation_texts_nothing_matches() -> None:
    index = evaluation_index([], [], CONFIG)
    table = matches([QUESTION], np.array([0]), index, CONFIG)
    assert table.num_rows == leaks(table, index).num_rows == 0


WORDS = st.lists(st.sampled_from("abc"), max_size=14)


@settings(deadline=None, max_examples=50)
@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4), st.integers(1, 5))
def test_against_sets_of_tuples(items: list[list[str]], texts: list[list[str]], n: int) -> None:
    config = DecontaminateConfig(ngram=n, shortest=2)

    def grams(words: list[str], size: int) -> set[tuple[str, ...]]:
        return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}

    expected = []
    for row, words in enumerate(texts):
        for item, target in enumerate(items):
            size = min(n, len(target))
            shared = grams(words, size) & grams(target, size)
            if size >= min(2, n) and shared:
                share = len(shared) / len(grams(target, size))
                expected.append((-share, row, str(item), len(shared)))
    ids = [str(item) for item in range(len(items))]
    index = evaluation_index(ids, [" ".join(words) for words in items], config)
    joined = [" ".join(words) for words in texts]
    table = leaks(matches(joined, np.arange(len(texts)), index, config), index)
    rows = [
        (-r["share"], r["document"], r["evaluation"], r["num_ngrams"]) for r in table.to_pylist()
    ]
    assert rows == sorted(expected)
