"""What the page says of a run, against the corpus itself."""

from jaxlm.data.shop import summary
from jaxlm.data.shop.local import LocalEngine
from jaxlm.report.data import draw_shop
from tests.data.shop.test_pipeline import config, corpus, documents, reasons, run


def test_counts_are_of_all_documents_and_statistics_say_of_which(tmp_path, monkeypatch):
    corpus(tmp_path)
    prepared, _ = run(config(tmp_path), tmp_path / "stages")
    monkeypatch.setattr(summary, "_ANALYSED_BYTES", 4000)
    report = summary.make_report(prepared, LocalEngine(1), lambda *_: None)
    final = [step for step in report.steps if step.step == report.steps[-1].step]
    assert sum(step.documents for step in final) == len(documents(prepared))
    read = [step for step in report.steps if step.step == "read"]
    assert sum(step.documents for step in read) == len(documents(prepared)) + len(reasons(prepared))
    assert report.num_leaks == {"b": 1}
    assert {leak.evaluation_id for leak in report.leaks} == {"quiz.jsonl:1"}
    dropped = {rule.name: sum(rule.dropped_first.values()) for rule in report.rules}
    assert dropped["table.digits"] == 1 and sum(dropped.values()) == 1
    assert sorted(cluster.kind for cluster in report.clusters) == ["exact", "exact", "near"]
    assert report.one_in > 1
    page = draw_shop(report.to_json())
    assert f"statistics of 1 in {report.one_in} documents" in page
    assert f">{len(documents(prepared))}<" in page
