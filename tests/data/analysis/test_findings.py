import pyarrow as pa
import pytest

from jaxlm.data.analysis import findings, languages, shop_findings
from jaxlm.data.analysis.analysis import Analysis
from jaxlm.data.analysis.batch import Batch
from jaxlm.data.analysis.duplicates import Duplicates
from jaxlm.data.analysis.histogram import Histogram
from jaxlm.data.analysis.shop_report import (
    BadRecord,
    Cluster,
    Leak,
    RuleReport,
    ShopReport,
    StepCount,
    TextSample,
)
from tests.data.analysis import planted


@pytest.fixture(scope="module")
def result():
    analysis = Analysis()
    analysis.add(planted.table())
    with pytest.MonkeyPatch.context() as patch:
        # As without the optional library: scripts decide, and languages have their own tests.
        patch.setattr(languages, "find_spec", lambda name: None)
        return analysis.result()


@pytest.fixture(scope="module")
def found(result):
    return {(f.kind, f.source): f for f in findings.find(result)}


@pytest.mark.parametrize(("source", "kind"), planted.DEFECTS.items())
def test_every_planted_defect_is_found_with_numbers_behind_it(found, source, kind):
    names = [(k, s) for k, s in found if s == source and k.startswith(kind)]
    assert names, f"{source}: {[k for k, s in found if s == source]}"
    finding = found[names[0]]
    assert source in finding.title
    assert finding.evidence
    assert finding.threshold


@pytest.mark.parametrize("source", ["clean", "prose"])
def test_clean_sources_have_no_findings(found, source):
    assert [kind for kind, name in found if name == source] == []


def test_findings_come_by_severity(found):
    severities = [finding.severity for finding in found.values()]
    assert severities == sorted(severities, key=["high", "medium", "low"].index)


def test_the_sentences_say_how_much(found):
    assert found["shared_sources: clean", "mirror"].title == (
        "41% of mirror are exact copies of documents in clean"
    )
    assert found["boilerplate", "forum"].evidence == {"Subscribe to our newsletter today!": 30}
    assert "12.5%" in found["mojibake", "legacy"].title


def test_a_duplicated_file_is_named_once():
    texts = planted.sources()["clean"][:10]
    rows = [(f"{file}.jsonl:{n}", text) for file in "ab" for n, text in enumerate(texts)]
    ids, documents = zip(*rows, strict=True)
    duplicates = Duplicates()
    table = pa.table({"id": ids, "text": documents, "source": ["web"] * len(rows)})
    duplicates.add(Batch("web", table))
    titles = [f.title for f in findings.shared_documents({"duplicates": duplicates.result()})]
    assert titles == ["100% of web: a.jsonl are exact copies of documents in web: b.jsonl"]


def with_languages(**sources):
    return {
        "sources": {
            name: {
                "languages": {
                    "basis": "column",
                    "documents": sum(counts.values()),
                    "counts": counts,
                },
                "samples": {"by_language": {}},
                "totals": {"bytes": 1000 * sum(counts.values())},
            }
            for name, counts in sources.items()
        },
    }


def test_a_source_in_another_language_is_named():
    result = with_languages(web={"en": 500}, news={"zh": 88, "en": 12}, mixed={"en": 80, "de": 20})
    titles = [finding.title for finding in findings.wrong_language(result)]
    assert titles[0] == (
        "news: 88% of the documents are in language zh, while the corpus is mostly en"
    )
    assert titles[1].startswith("news: 12% of the documents are in language en")
    assert titles[2] == (
        "mixed: 20% of the documents are in language de, while the source is mostly en"
    )


def test_the_main_language_is_that_of_most_bytes():
    result = with_languages(books={"en": 10}, poems={"zh": 900})
    assert findings.main_language(result) == "zh"
    result["sources"]["books"]["totals"]["bytes"] = 10**9
    assert findings.main_language(result) == "en"


def test_thresholds_decide(result, monkeypatch):
    monkeypatch.setitem(findings.SIGN_SHARES, "mojibake", 0.2)
    assert "mojibake" not in {finding.kind for finding in findings.suspicious(result)}


SAMPLE = TextSample(id="w:1", source="web", text="text", value=3.0)


def report(**fields):
    histogram = Histogram()
    histogram.add([1.0])
    steps = [
        StepCount(step="read", source="web", documents=100, num_bytes=1000),
        StepCount(step="rules", source="web", documents=30, num_bytes=300),
    ]
    rule = RuleReport(
        name="gopher.num_words",
        least=50,
        most=None,
        documents=100,
        dropped_first={"web": 70},
        dropped_alone={"web": 60},
        histogram=histogram.result(),
        samples=[SAMPLE],
    )
    return ShopReport(title="t", steps=steps, rules=[rule], **fields).to_json()


def test_a_step_and_a_rule_that_drop_most_of_a_source_are_named():
    titles = {finding.kind: finding.title for finding in shop_findings.find(report())}
    assert titles == {
        "step rules": "web: the step rules drops 70% of the documents that reach it",
        "rule gopher.num_words": "web: the rule gopher.num_words drops 70% of the documents",
    }


def test_leaks_come_first():
    leak = Leak(evaluation_id="e:7", document_id="w:3", source="web", text="Which?", share=1.0)
    first = shop_findings.find(report(leaks=[leak], num_leaks={"web": 2}))[0]
    assert first.title == "web: evaluation text leaked into 2 documents (2.0%)"
    assert first.samples == [{"id": "e:7 in w:3", "text": "Which?"}]


def test_bad_records_clusters_and_personal_data_are_named():
    kinds = {
        finding.kind
        for finding in shop_findings.find(
            report(
                bad=[BadRecord(path="a.jsonl", line=3, reason="not JSON")],
                num_bad=1,
                clusters=[Cluster(kind="near", size=12, kept="w:1", samples=[SAMPLE])],
                pii={"web": {"email": 50}},
            )
        )
    }
    assert {"bad", "cluster near", "pii"} <= kinds


def test_what_is_left_after_cleaning_is_told_apart(result):
    left = shop_findings.remaining(report(before=result, after=result))
    assert ("mojibake", "legacy") in left
    assert shop_findings.remaining(report(before=result)) == set()
