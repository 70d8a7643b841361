import itertools
import json
import random

import numpy as np
import pyarrow as pa
import pytest

from jaxlm.data.analysis import sample
from jaxlm.data.analysis.analysis import Analysis
from jaxlm.errors import ExitCode, UserError
from tests.data.analysis import planted


def analysed(*tables, thresholds=None):
    analysis = Analysis(thresholds)
    for table in tables:
        analysis.add(table)
    return analysis


@pytest.fixture(scope="module")
def corpus():
    table = planted.table()
    rng = np.random.default_rng(0)
    scores = pa.array(rng.normal(size=len(table)), pa.float32())
    languages = pa.array(["zh" if s == "foreign" else "en" for s in table["source"].to_pylist()])
    return table.append_column("score", scores).append_column("language", languages)


@pytest.fixture(scope="module")
def result(corpus):
    return analysed(corpus, thresholds={"score": (-1.0, 1.5)}).result()


def test_the_result_is_the_same_whatever_the_split_and_the_order(corpus, monkeypatch):
    monkeypatch.setattr(sample, "DOCUMENTS", 25)
    bounds = {"score": (-1.0, 1.5)}
    whole = json.dumps(analysed(corpus, thresholds=bounds).result())
    for seed in range(2):
        rng = random.Random(seed)
        order = rng.sample(range(len(corpus)), len(corpus))
        shuffled = corpus.take(order)
        cuts = [0, *sorted(rng.sample(range(len(corpus)), 4)), len(corpus)]
        parts = [shuffled[a:b] for a, b in itertools.pairwise(cuts)]
        merged = analysed(*parts[:2], thresholds=bounds)
        merged.merge(analysed(*parts[2:], thresholds=bounds))
        assert json.dumps(merged.result()) == whole


def test_totals_are_exact(corpus, result):
    texts = corpus["text"].to_pylist()
    assert result["total"]["documents"] == len(texts)
    assert result["total"]["totals"] == {
        "characters": sum(map(len, texts)),
        "bytes": sum(len(text.encode()) for text in texts),
        "words": sum(len(text.split()) for text in texts),
    }
    assert list(result["sources"]) == sorted(planted.sources())


def test_scores_are_cut_at_their_bounds(corpus, result):
    values = corpus["score"].to_numpy().astype(float)
    column = result["total"]["scores"]["score"]
    assert column["dropped"] == int(np.sum((values < -1.0) | (values > 1.5)))
    assert column["bounds"] == [-1.0, 1.5]
    assert column["histogram"]["count"] == len(values)


def test_languages_come_from_the_column(result):
    languages = result["sources"]["foreign"]["languages"]
    assert languages == {"basis": "column", "documents": 30, "counts": {"zh": 30}}


def test_languages_are_identified_without_a_column():
    pytest.importorskip("py3langid")
    foreign = analysed(planted.table()).result()["sources"]["foreign"]["languages"]
    assert foreign == {"basis": "sample", "documents": 30, "counts": {"zh": 28, "en": 2}}


def test_a_sample_is_no_larger_than_its_limit_and_even(monkeypatch):
    rows = 3000
    table = pa.table(
        {
            "id": [f"f:{n}" for n in range(rows)],
            "text": [f"document {n}" for n in range(rows)],
            "source": ["a"] * rows,
        }
    )
    documents = analysed(table).sources["a"].sample.documents
    assert len(documents) == sample.DOCUMENTS
    numbers = np.array([int(d.id[2:]) for d in documents])
    # The mean of 2,000 of 3,000 has a standard error of 11.
    assert abs(numbers.mean() - (rows - 1) / 2) < 50


def test_long_texts_are_sampled_at_both_ends():
    text = "a" * 10_000 + "b" * 10_000
    table = pa.table({"id": ["1"], "text": [text], "source": ["s"]})
    (document,) = analysed(table).sources["s"].sample.documents
    assert document.text == "a" * sample.BEGINNING + "\n" + "b" * sample.END


def test_shortest_and_longest_documents_are_shown(result):
    samples = result["sources"]["stubs"]["samples"]
    assert samples["shortest"][0]["length"] == len("  \n")
    texts = planted.sources()["stubs"]
    assert samples["longest"][0]["length"] == max(map(len, texts))


def test_missing_texts_are_empty_documents():
    table = pa.table({"id": ["1", "2"], "text": [None, "x"], "source": ["s", "s"]})
    result = analysed(table).result()
    assert result["total"]["signs"]["empty"]["documents"] == 1


def test_a_table_without_a_column_is_refused():
    with pytest.raises(UserError, match="no column source") as caught:
        Analysis().add(pa.table({"id": ["1"], "text": ["a"]}))
    assert caught.value.exit_code == ExitCode.UNUSABLE


def test_an_empty_analysis_has_a_result():
    assert Analysis().result()["total"]["documents"] == 0
