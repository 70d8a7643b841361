"""The parts of the page that draw an analysis of a corpus."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxlm.data.analysis.findings import counted
from jaxlm.report import charts, data_charts, page
from jaxlm.report.data_charts import Dot
from jaxlm.report.data_findings import samples
from jaxlm.report.page import Html

Result = Mapping[str, Any]
"""`Analysis.result()`, or one source's part of it."""

MOST_SOURCES = 40
_MOST_LANGUAGES = 7
_COMPRESSION_QUANTILES = ("0.01", "0.05", "0.5", "0.95", "0.99")


def sections(result: Result) -> Html:
    """All parts, from what a reader asks first to the samples."""
    return page.join(
        [
            page.section("Sources", sources_table(result)),
            page.section("Lengths", lengths(result)),
            page.section("Languages", languages(result), _language_note(result)),
            page.section("Suspicious documents", suspicious(result)),
            page.section("Copies", copies(result), _copies_note(result)),
            page.section("Lines in many documents", repeated_lines(result), _sample_note(result)),
            page.section("Characters", characters(result)),
            page.section("Tokens", tokens(result), _sample_note(result)),
            page.section("Compression", compression(result), COMPRESSION_NOTE),
            page.section("Scores", scores(result)),
            page.section("Map", document_map(result)),
            page.section("Documents", documents(result)),
        ]
    )


COMPRESSION_NOTE = (
    "Compressed size (zlib) as a share of the bytes, by sampled document. Prose of some length "
    "gives 0.35 to 0.6; repetition lies below, short documents, noise and encoded data above."
)


def megabytes(num_bytes: float) -> str:
    """A size for people."""
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if num_bytes >= size:
            return f"{num_bytes / size:.3g} {unit}"
    return f"{num_bytes:.0f} B"


def shown_sources(result: Result) -> list[tuple[str, Result]]:
    """The largest sources, by name."""
    largest = sorted(result["sources"].items(), key=lambda item: -item[1]["totals"]["bytes"])
    return sorted(largest[:MOST_SOURCES])


def sources_table(result: Result) -> Html:
    """One line for each source."""
    rows = [_source_row(name, part, result) for name, part in shown_sources(result)]
    left_out = len(result["sources"]) - len(rows)
    more = f'<p class="note">and {left_out:,} smaller sources</p>' if left_out else ""
    header = ("Source", "Documents", "Size", "Share", "Words", "Median length", "Language")
    return page.join([page.table((*header, "Copies"), rows), Html(more)])


def _source_row(name: str, part: Result, result: Result) -> Sequence[object]:
    counts = part["languages"]["counts"]
    language = next(iter(counts), "")
    share = counts[language] / part["languages"]["documents"] if language else 0.0
    median = part["histograms"]["characters"]["quantiles"].get("0.5", 0.0)
    copies_of = result["duplicates"]["sources"].get(name, {"share": 0.0})
    return (
        name,
        part["documents"],
        megabytes(part["totals"]["bytes"]),
        f"{part['totals']['bytes'] / max(1, result['total']['totals']['bytes']):.1%}",
        part["totals"]["words"],
        f"{median:,.0f}",
        f"{language} {share:.0%}" if language else "",
        f"{copies_of['share']:.1%}",
    )


def lengths(result: Result) -> Html:
    """Histograms of all documents, and folded those of each source."""
    folded = [
        page.details(name, _length_charts(part))
        for name, part in shown_sources(result)
        if len(result["sources"]) > 1
    ]
    return page.join([_length_charts(result["total"]), *folded])


def _length_charts(part: Result) -> Html:
    histograms = part["histograms"]
    drawn = [
        data_charts.histogram(f"Documents by {unit}", histograms[unit])
        for unit in ("characters", "words")
    ]
    if "lengths" in part["tokens"]:
        drawn.append(
            data_charts.histogram("Sampled documents by tokens", part["tokens"]["lengths"])
        )
    rows = [
        (unit, *(f"{value:,.0f}" for value in histograms[unit]["quantiles"].values()))
        for unit in histograms
        if histograms[unit]["quantiles"]
    ]
    heads = [f"{float(q):.0%}" for q in histograms["bytes"]["quantiles"]]
    return page.join([data_charts.grid(drawn), page.table(("Quantile", *heads), rows)])


def languages(result: Result) -> Html:
    """A bar for each source."""
    return _bars(result, lambda part: part["languages"]["counts"])


def characters(result: Result) -> Html:
    """Kinds of characters, and scripts of letters, for each source."""
    kinds = _bars(result, lambda part: part["characters"]["kinds"])
    scripts = _bars(result, lambda part: part["characters"]["scripts"])
    return page.join(
        [
            page.details("Kinds of characters", kinds, True),
            page.details("Scripts of letters", scripts),
        ]
    )


def _bars(result: Result, counts: Callable[[Result], Mapping[str, int]]) -> Html:
    parts = []
    for name, part in shown_sources(result):
        most = sorted(counts(part).items(), key=lambda item: -item[1])
        total = max(1, sum(n for _, n in most))
        shown = [(f"{label} {n / total:.0%}", float(n)) for label, n in most[:_MOST_LANGUAGES]]
        rest = float(sum(n for _, n in most[_MOST_LANGUAGES:]))
        bar = charts.bar([*shown, ("others", rest)] if rest else shown)
        parts.append(Html(f"<h3>{page.text(name)}</h3>{bar}" if bar else ""))
    return page.join(parts)


def suspicious(result: Result) -> Html:
    """Documents with each sign by source, and examples."""
    signs = {k: s for k, s in result["total"]["signs"].items() if s["documents"]}
    rows = [
        (name, *(_share(part["signs"][kind]) for kind in signs))
        for name, part in (*shown_sources(result), ("all", result["total"]))
    ]
    header = ("Documents with", *(kind.replace("_", " ") for kind in signs))
    examples = [
        page.details(
            f"{kind.replace('_', ' ')}: {counted(sign['documents'], 'document')} {sign['title']}",
            samples(sign["examples"]),
        )
        for kind, sign in signs.items()
    ]
    return page.join([page.table(header, rows), *examples]) if signs else Html("")


def _share(sign: Mapping[str, Any]) -> str:
    """A share in few characters; nothing for none."""
    if not sign["documents"]:
        return ""
    return "<1%" if sign["share"] < 0.01 else f"{sign['share']:.0%}"


def copies(result: Result) -> Html:
    """Exact copies between sources and files, and edited copies in the sample."""
    duplicates, near = result["duplicates"], result["near"]
    tables = [
        page.table(
            (title, "is also in", "Documents", "Share"),
            [
                (p["owner"], p["other"], p["documents"], f"{p['share']:.1%}")
                for p in duplicates[key]
            ],
        )
        for title, key in (("Source", "shared_sources"), ("File", "shared_files"))
    ]
    pairs = [
        page.details(
            f"{p['first']['id']} and {p['second']['id']}: {p['resemblance']:.0%} alike",
            samples([p["first"], p["second"]]),
        )
        for p in near["pairs"]
    ]
    edited = page.details("Edited copies", page.join(pairs)) if pairs else Html("")
    return page.join([*tables, edited])


def _copies_note(result: Result) -> str:
    total, sampled = result["duplicates"]["total"], result["duplicates"]["sampled"]
    basis = "" if sampled == 1 else f" (measured on {sampled:.1%} of the texts)"
    return (
        f"{total['share']:.1%} of the documents are exact copies of earlier ones{basis}; edited "
        f"copies were looked for among {result['near']['documents']:,} documents."
    )


def repeated_lines(result: Result) -> Html:
    """The most frequent lines of each source."""
    return page.join(
        page.details(
            f"{name}: {part['lines']['repeated_share']:.1%} of the characters are in lines that "
            "occur in other documents too",
            page.table(
                ("Line", "Documents", "Share"),
                [
                    (line["text"][:300], line["documents"], f"{line['share']:.1%}")
                    for line in part["lines"]["lines"]
                ],
            ),
        )
        for name, part in shown_sources(result)
        if part["lines"]["lines"]
    )


def tokens(result: Result) -> Html:
    """Rank and frequency, the most frequent tokens, and the tokenizer's figures by source."""
    total = result["total"]["tokens"]
    chart = data_charts.rank_frequency(
        f"Frequency of each {total['unit']} by rank", total["ranks"], total["fit"]
    )
    top = page.table(
        (total["unit"].title(), "Count"), [(t["text"], t["count"]) for t in total["top"]]
    )
    rows = [_token_row(name, part["tokens"]) for name, part in shown_sources(result)]
    header = ("Source", f"{total['unit'].title()}s", "Distinct", "Occur once", "Exponent")
    fits = ("Bytes a token", "Unknown", "Vocabulary used") if total["unit"] == "token" else ()
    return page.join(
        [
            data_charts.grid([chart]),
            page.table((*header, *fits), rows),
            page.details(f"Most frequent {total['unit']}s", top),
        ]
    )


def _token_row(name: str, part: Mapping[str, Any]) -> Sequence[object]:
    exponent = f"{part['fit']['exponent']:.2f}" if part["fit"] else ""
    row: list[object] = [name, part["total"], part["distinct"], f"{part['once']:.0%}", exponent]
    if part["unit"] == "token":
        row += [f"{part['bytes_per_token']:.2f}", f"{part['unknown_share']:.2%}"]
        row += [f"{part['used_share']:.0%}"]
    return row


def compression(result: Result) -> Html:
    """A histogram of all sampled documents, and quantiles of each source."""
    chart = data_charts.histogram("Compressed share", result["total"]["compression"])
    by_source = {name: part["compression"]["quantiles"] for name, part in shown_sources(result)}
    rows = [
        (name, *(f"{quantiles[q]:.2f}" for q in _COMPRESSION_QUANTILES))
        for name, quantiles in by_source.items()
        if quantiles
    ]
    heads = [f"{float(q):.0%}" for q in _COMPRESSION_QUANTILES]
    return page.join([data_charts.grid([chart]), page.table(("Source", *heads), rows)])


def scores(result: Result) -> Html:
    """A histogram for each column, with the rule's bounds and what they would drop."""
    drawn = []
    for name, column in result["total"]["scores"].items():
        bounds = column["bounds"] or ()
        count = max(1, column["histogram"]["count"])
        remark = f"Outside the bounds: {column['dropped'] / count:.1%}" if bounds else ""
        drawn.append(data_charts.histogram(name, column["histogram"], bounds=bounds, remark=remark))
    return data_charts.grid(drawn)


def document_map(result: Result) -> Html:
    """Documents by their character trigrams, coloured by source."""
    points = result["map"]["points"]
    names = sorted({point["source"] for point in points})
    dots = [
        Dot(
            x=point["x"],
            y=point["y"],
            colour=names.index(point["source"]),
            title=f"{point['source']} · {point['id']}\n{point['text']}",
            label=point["id"] if point["outlier"] else "",
        )
        for point in points
    ]
    explained = ", ".join(f"{share:.0%}" for share in result["map"]["explained"])
    remark = (
        f"Sampled documents by spelling: two principal components of hashed character trigrams "
        f"({explained} of the variance). Hover for the text; documents far from the rest of their "
        "source carry their names."
    )
    return data_charts.scatter("Documents of like spelling lie together", dots, names, remark)


def documents(result: Result) -> Html:
    """Random, shortest and longest documents of each source."""
    return page.join(
        page.details(
            name,
            page.join(
                page.details(kind.title(), samples(part["samples"][kind]), kind == "random")
                for kind in ("random", "shortest", "longest")
            ),
        )
        for name, part in shown_sources(result)
    )


def _sample_note(result: Result) -> str:
    seen, sampled = (
        sum(p["samples"][k] for p in result["sources"].values()) for k in ("seen", "sampled")
    )
    if seen == sampled:
        return "From the beginning and the end of every document."
    return f"From {sampled:,} of {seen:,} documents, drawn at random for each source."


def _language_note(result: Result) -> str:
    basis = result["total"]["languages"]["basis"]
    if basis == "none":
        return ""
    return "By the column `language`." if basis == "column" else "Identified on sampled documents."
