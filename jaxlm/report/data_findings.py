"""The list of what looks wrong in a corpus."""

from collections.abc import Collection, Sequence

from jaxlm.data.analysis.findings import Finding
from jaxlm.report import page
from jaxlm.report.page import Html

_OPEN = 6
_CLASSES = {"high": "failed", "medium": "running", "low": ""}

NOTE = "Ordered by how much of a source is touched. Each names the threshold that it crossed."


def section(
    findings: Sequence[Finding], remaining: Collection[tuple[str, str]] | None = None
) -> Html:
    """The findings, the most serious first and unfolded.

    Args:
      findings: In the order to show.
      remaining: Kind and source of those that are still there after cleaning; None where
        there was no cleaning.
    """
    if not findings:
        return page.section("What looks wrong", Html("<p>Nothing crossed a threshold.</p>"), NOTE)
    items = [
        _finding(finding, number < _OPEN, _state(finding, remaining))
        for number, finding in enumerate(findings)
    ]
    return page.section("What looks wrong", page.join(items), NOTE)


def _finding(finding: Finding, is_open: bool, state: str) -> Html:
    badge = f'<span class="status {_CLASSES[finding.severity]}">{finding.severity}</span>'
    note = f'<p class="note">{page.text(f"Threshold: {finding.threshold}.")}</p>'
    state_html = f' <span class="unit">{page.text(state)}</span>' if state else ""
    body = page.join([Html("<p></p>" + note), _evidence(finding), samples(finding.samples)])
    return Html(
        f"<details{' open' if is_open else ''}><summary>{page.text(finding.title)} {badge}"
        f"{state_html}</summary>{body}</details>\n"
    )


def samples(texts: Sequence[object]) -> Html:
    """Excerpts of documents, each under its name."""
    return page.join(map(_sample, texts))


def _sample(document: object) -> Html:
    assert isinstance(document, dict)
    value = document.get("value")
    length = document.get("length")
    known = [str(document["id"])]
    known += [str(document["source"])] if document.get("source") else []
    known += [f"value {value:.4g}"] if isinstance(value, int | float) else []
    known += [f"{length:,} characters"] if isinstance(length, int) else []
    head = page.text(" · ".join(known))
    return Html(
        f'<pre class="sample" dir="auto"><b>{head}</b>\n{page.text(document["text"])}</pre>'
    )


def _evidence(finding: Finding) -> Html:
    rows = [(label, _shown(value)) for label, value in finding.evidence.items()]
    return page.table(("Evidence", ""), rows)


def _shown(value: str | int | float) -> str | int:
    return f"{value:.3f}" if isinstance(value, float) else value


def _state(finding: Finding, remaining: Collection[tuple[str, str]] | None) -> str:
    """Whether cleaning mended it; what was found about cleaning itself has no such state."""
    if remaining is None or finding.kind.split()[0] in _OF_CLEANING:
        return ""
    is_left = (finding.kind, finding.source) in remaining
    return "still there after cleaning" if is_left else "gone after cleaning"


_OF_CLEANING = {"leak", "bad", "step", "rule", "cluster", "pii"}
