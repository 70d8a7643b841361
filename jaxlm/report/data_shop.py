"""The parts of the page that draw what the steps of a data shop did."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from jaxlm.report import data_charts, page
from jaxlm.report.data_analysis import megabytes
from jaxlm.report.data_findings import samples
from jaxlm.report.page import Html

Report = Mapping[str, Any]
"""`ShopReport.to_json()`."""


def funnel(report: Report) -> Html:
    """Documents and bytes that each step leaves, in all and by source."""
    steps = list(dict.fromkeys(count["step"] for count in report["steps"]))
    sources = list(dict.fromkeys(count["source"] for count in report["steps"]))
    total = {step: _sum(report, step) for step in steps}
    by_source = [
        page.details(source, _funnel(steps, {s: _sum(report, s, source) for s in steps}))
        for source in sources
        if len(sources) > 1
    ]
    return page.join([_funnel(steps, total), *by_source])


def _funnel(steps: Sequence[str], counts: Mapping[str, tuple[int, int]]) -> Html:
    """A table with a bar in each line, which `page.table` would escape."""
    if not steps:
        return Html("")
    read = counts[steps[0]]
    rows, before = [], read
    for step in steps:
        documents, size = counts[step]
        dropped = before[0] - documents
        dropped_shown = f"{dropped:,}" if step != steps[0] else ""
        share = size / max(1, read[1])
        cells = (step, f"{documents:,}", dropped_shown, megabytes(size), f"{share:.1%}")
        words = "".join(f"<td>{page.text(cell)}</td>" for cell in cells)
        rows.append(f"<tr>{words}<td>{data_charts.meter(share)}</td></tr>")
        before = counts[step]
    names = ("After", "Documents", "Dropped", "Size", "Of what was read", "")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return Html(
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _sum(report: Report, step: str, source: str | None = None) -> tuple[int, int]:
    counts = [
        count
        for count in report["steps"]
        if count["step"] == step and source in (None, count["source"])
    ]
    return sum(c["documents"] for c in counts), sum(c["num_bytes"] for c in counts)


def rules(report: Report) -> Html:
    """What each rule drops, and for each its histogram and dropped documents."""
    dropping = [rule for rule in report["rules"] if rule["dropped_first"] or rule["dropped_alone"]]
    rows = [
        (
            rule["name"],
            _bounds(rule),
            sum(rule["dropped_first"].values()),
            sum(rule["dropped_alone"].values()),
            f"{sum(rule['dropped_first'].values()) / max(1, rule['documents']):.1%}",
        )
        for rule in report["rules"]
    ]
    table = page.table(("Rule", "Keeps", "Dropped first", "Dropped by it alone", "Share"), rows)
    return page.join([table, *map(_rule, dropping)])


def _rule(rule: Mapping[str, Any]) -> Html:
    chart = data_charts.histogram(
        rule["name"], rule["histogram"], bounds=(rule["least"], rule["most"])
    )
    by_source = page.table(
        ("Source", "Dropped first", "Dropped by it alone"),
        [
            (source, rule["dropped_first"].get(source, 0), rule["dropped_alone"].get(source, 0))
            for source in sorted({*rule["dropped_first"], *rule["dropped_alone"]})
        ],
    )
    count = sum(rule["dropped_first"].values())
    title = f"{rule['name']} ({_bounds(rule)}): {count:,} dropped"
    return page.details(
        title, page.join([data_charts.grid([chart]), by_source, samples(rule["samples"])])
    )


def _bounds(rule: Mapping[str, Any]) -> str:
    parts = [f"at least {rule['least']:g}"] if rule["least"] is not None else []
    parts += [f"at most {rule['most']:g}"] if rule["most"] is not None else []
    return ", ".join(parts)


def clusters(report: Report) -> Html:
    """The largest clusters of copies."""
    names = {"exact": "exact copies", "near": "edited copies"}
    largest = sorted(report["clusters"], key=lambda cluster: -cluster["size"])
    return page.join(
        page.details(
            f"{cluster['size']:,} {names[cluster['kind']]}, kept {cluster['kept']}",
            samples(cluster["samples"]),
        )
        for cluster in largest
    )


def leaks(report: Report) -> Html:
    """Evaluation text in the corpus."""
    counts = page.table(("Source", "Documents"), list(report["num_leaks"].items()))
    rows = [
        (
            leak["evaluation_id"],
            leak["document_id"],
            leak["source"],
            f"{leak['share']:.0%}",
            leak["action"],
            leak["text"][:400],
        )
        for leak in report["leaks"]
    ]
    header = ("Evaluation item", "Document", "Source", "Of the item", "Done", "Text in both")
    return page.join([counts, page.table(header, rows)])


def bad_records(report: Report) -> Html:
    """Records that could not be read, with their places."""
    rows = [(f"{record['path']}:{record['line']}", record["reason"]) for record in report["bad"]]
    left_out = report["num_bad"] - len(rows)
    more = f'<p class="note">and {left_out:,} more</p>' if left_out > 0 else ""
    return page.join([page.table(("Place", "What is wrong"), rows), Html(more if rows else "")])


def changes(counts: Mapping[str, Mapping[str, int]], title: str) -> Html:
    """Counts by source and kind, kinds across."""
    kinds = list(dict.fromkeys(kind for by_kind in counts.values() for kind in by_kind))
    rows = [(source, *(n.get(kind, 0) for kind in kinds)) for source, n in counts.items()]
    return page.table((title, *kinds), rows) if kinds else Html("")


def comparison(before: Mapping[str, Any], after: Mapping[str, Any]) -> Html:
    """Figures of two analyses side by side, and their histograms."""
    figures = [_figures(before), _figures(after)]
    rows = [
        (name, _shown(name, a), _shown(name, b), f"{b / a - 1:+.1%}" if a else "")
        for name, (a, b) in _paired(figures).items()
    ]
    drawn = [
        data_charts.histogram(f"{unit.title()}, {when}", result["total"]["histograms"][unit])
        for unit in ("characters", "words")
        for when, result in (("before", before), ("after", after))
    ]
    return page.join([page.table(("", "Before", "After", "Change"), rows), data_charts.grid(drawn)])


def _figures(result: Mapping[str, Any]) -> dict[str, float]:
    """The figures to compare; shares are per cent of documents."""
    total = result["total"]
    figures: dict[str, float] = {"documents": total["documents"]}
    figures |= {name: float(count) for name, count in total["totals"].items()}
    for name in ("0.05", "0.5", "0.95"):
        value = total["histograms"]["characters"]["quantiles"].get(name, 0.0)
        figures[f"characters of a document, {float(name):.0%} quantile"] = value
    figures["exact copies, share"] = result["duplicates"]["total"]["share"]
    figures["text in repeated lines, share"] = total["lines"]["repeated_share"]
    for sign in total["signs"].values():
        figures[f"documents that {sign['title']}, share"] = sign["share"]
    if "bytes_per_token" in total["tokens"]:
        figures["bytes a token"] = total["tokens"]["bytes_per_token"]
    return figures


def _paired(figures: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    pairs: defaultdict[str, list[float]] = defaultdict(list)
    for values in figures:
        for name, value in values.items():
            pairs[name].append(value)
    return {name: (v[0], v[1]) for name, v in pairs.items() if len(v) == 2 and any(v)}


def _shown(name: str, value: float) -> str:
    if name.endswith(", share"):
        return f"{value:.2%}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"
