"""What looks wrong in a run of the data shop, by its report."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from jaxlm.data.analysis import findings
from jaxlm.data.analysis.findings import Finding, counted, severity_of

LARGE_CLUSTER = 10
DROP_SHARE = 0.5
PII_PER_DOCUMENT = 0.5
MENDED_SHARE = 0.02
MENDED = {
    "mojibake": "characters of a wrong encoding",
    "controls": "control characters",
    "bidi": "marks that force a direction of writing",
}
"""Switches of the normalisation that mend what should not be there."""

Report = Mapping[str, Any]
"""`ShopReport.to_json()`."""


def find(report: Report) -> list[Finding]:
    """Everything that looks wrong in what was read and in what the steps did to it."""
    found = list(leaks(report))
    found += findings.find(report["before"]) if report["before"] else []
    for rule in (bad_records, dropped_sources, greedy_rules, large_clusters, much_pii, mended_text):
        found += rule(report)
    return findings.ordered(found)


def remaining(report: Report) -> set[tuple[str, str]]:
    """Kind and source of what still looks wrong in the documents that are left."""
    if not report["after"]:
        return set()
    return {(finding.kind, finding.source) for finding in findings.find(report["after"])}


def leaks(report: Report) -> Iterator[Finding]:
    """Evaluation text in a source; one is enough."""
    read = _documents(report, report["steps"][0]["step"]) if report["steps"] else {}
    for source, count in report["num_leaks"].items():
        shown = [leak for leak in report["leaks"] if leak["source"] == source]
        items = {leak["evaluation_id"] for leak in shown}
        if count:
            yield Finding(
                kind="leak",
                severity="high",
                source=source,
                title=f"{source}: evaluation text leaked into {counted(count, 'document')} "
                f"({count / max(1, read.get(source, count)):.1%})",
                threshold="one document",
                evidence={"documents": count, "evaluation items shown below": len(items)},
                samples=[
                    {"id": f"{leak['evaluation_id']} in {leak['document_id']}", **_text(leak)}
                    for leak in shown[:2]
                ],
            )


def bad_records(report: Report) -> Iterator[Finding]:
    """Records that could not be read; one is enough."""
    if report["num_bad"]:
        yield Finding(
            kind="bad",
            severity="medium",
            source="",
            title=f"{counted(report['num_bad'], 'record')} could not be read and left out",
            threshold="one record",
            evidence={f"{r['path']}:{r['line']}": r["reason"] for r in report["bad"][:5]},
        )


def dropped_sources(report: Report) -> Iterator[Finding]:
    """Steps that drop most of what reached them of a source."""
    steps = list(dict.fromkeys(count["step"] for count in report["steps"]))
    for before, after in itertools.pairwise(steps):
        kept = _documents(report, after)
        for source, documents in _documents(report, before).items():
            dropped = documents - kept.get(source, 0)
            if documents and dropped >= DROP_SHARE * documents:
                yield Finding(
                    kind=f"step {after}",
                    severity="high",
                    source=source,
                    title=f"{source}: the step {after} drops {dropped / documents:.0%} of the "
                    "documents that reach it",
                    threshold=f"{DROP_SHARE:.0%} of the documents",
                    evidence={"before": documents, "after": kept.get(source, 0)},
                )


def greedy_rules(report: Report) -> Iterator[Finding]:
    """Rules that by themselves drop most of a source: the wrong rule for it, or a wrong source."""
    read = _documents(report, report["steps"][0]["step"]) if report["steps"] else {}
    for rule in report["rules"]:
        for source, count in rule["dropped_first"].items():
            share = count / max(1, read.get(source, 0))
            if read.get(source) and share >= DROP_SHARE:
                samples = [s for s in rule["samples"] if s["source"] == source][:2]
                yield Finding(
                    kind=f"rule {rule['name']}",
                    severity="high",
                    source=source,
                    title=f"{source}: the rule {rule['name']} drops {share:.0%} of the documents",
                    threshold=f"{DROP_SHARE:.0%} of the documents, as the first rule that fails",
                    evidence={
                        "dropped first": count,
                        "dropped by it alone": rule["dropped_alone"].get(source, 0),
                        "bounds": f"{rule['least']} to {rule['most']}",
                    },
                    samples=samples,
                )


def large_clusters(report: Report) -> Iterator[Finding]:
    """Documents that occur many times over."""
    for kind, word in (("exact", "exact"), ("near", "edited")):
        clusters = [c for c in report["clusters"] if c["kind"] == kind]
        largest = max(clusters, key=lambda c: c["size"], default=None)
        if largest and largest["size"] >= LARGE_CLUSTER:
            source = largest["samples"][0]["source"] if largest["samples"] else ""
            yield Finding(
                kind=f"cluster {kind}",
                severity="medium",
                source=source,
                title=f"one document occurs {largest['size']:,} times ({word} copies)",
                threshold=f"{LARGE_CLUSTER} copies",
                evidence={"kept": largest["kept"], "clusters shown below": len(clusters)},
                samples=largest["samples"][:2],
            )


def much_pii(report: Report) -> Iterator[Finding]:
    """Sources with many personal data: lists of addresses rather than text."""
    read = _documents(report, report["steps"][0]["step"]) if report["steps"] else {}
    for source, kinds in report["pii"].items():
        rate = sum(kinds.values()) / max(1, read.get(source, 0))
        if read.get(source) and rate >= PII_PER_DOCUMENT:
            yield Finding(
                kind="pii",
                severity=severity_of(rate),
                source=source,
                title=f"{source}: {sum(kinds.values()):,} items of personal data replaced in "
                f"{read[source]:,} documents",
                threshold=f"{PII_PER_DOCUMENT} a document",
                evidence=dict(kinds),
            )


def mended_text(report: Report) -> Iterator[Finding]:
    """Sources with much text that had to be mended: what made them was at fault."""
    read = _documents(report, report["steps"][0]["step"]) if report["steps"] else {}
    for source, switches in report["normalisation"].items():
        for switch, what in MENDED.items():
            documents = switches.get(switch, 0)
            share = documents / max(1, read.get(source, 0))
            if share >= MENDED_SHARE:
                yield Finding(
                    kind=f"mended {switch}",
                    severity=severity_of(share),
                    source=source,
                    title=f"{source}: {share:.1%} of the documents held {what}, which were mended",
                    threshold=f"{MENDED_SHARE:.0%} of the documents",
                    evidence={"documents": read[source], "mended": documents},
                )


def _documents(report: Report, step: str) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for count in report["steps"]:
        if count["step"] == step:
            counts[count["source"]] += count["documents"]
    return dict(counts)


def _text(leak: Mapping[str, Any]) -> dict[str, str]:
    return {"text": leak["text"]}
