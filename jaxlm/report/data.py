"""Offline pages about text: an analysis of a corpus, and a run of the data shop.

    python -m jaxlm.report.data REPORT.json PAGE.html

draws the page again from the JSON of either.
"""

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxlm.data.analysis import findings, shop_findings
from jaxlm.errors import ExitCode, UserError, run_main
from jaxlm.report import data_analysis, data_findings, data_shop, page
from jaxlm.report.page import Html


def write_analysis_page(
    result: Mapping[str, Any],
    path: str | os.PathLike[str],
    title: str = "Corpus",
    before: Mapping[str, Any] | None = None,
) -> Path:
    """Draws an analysis.

    Args:
      result: `Analysis.result()`.
      path: The page's file.
      title: Name of the corpus.
      before: Analysis of an earlier state, to compare with.

    Returns:
      The page's path.

    Raises:
      UserError: The file cannot be written (exit 74).
    """
    return _write(Path(path), draw_analysis(result, title, before))


def write_shop_page(report: Mapping[str, Any], path: str | os.PathLike[str]) -> Path:
    """Draws a run of the data shop.

    Args:
      report: `ShopReport.to_json()`.
      path: The page's file.

    Returns:
      The page's path.

    Raises:
      UserError: The file cannot be written (exit 74).
    """
    return _write(Path(path), draw_shop(report))


def draw_analysis(
    result: Mapping[str, Any], title: str, before: Mapping[str, Any] | None = None
) -> Html:
    """The page of an analysis."""
    found = findings.find(result)
    body = [
        _header(title, _lead(result)),
        page.cards(_cards(result, len(found))),
        data_findings.section(found),
    ]
    if before:
        comparison = data_shop.comparison(before, result)
        body.append(page.section("Before and after", comparison))
    return page.document(
        f"{title}: analysis", page.join([*body, data_analysis.sections(result), _footer()])
    )


def draw_shop(report: Mapping[str, Any]) -> Html:
    """The page of a data shop: findings first, then the steps, then the text itself."""
    before, after = report["before"], report["after"]
    found = shop_findings.find(report)
    remaining = shop_findings.remaining(report) if after else None
    shown = after or before
    body = [
        _header(report["title"], f"{_total(report, 0)}, as read"),
        page.cards(_shop_cards(report, shown, len(found))) if shown else Html(""),
        data_findings.section(found, remaining),
        _steps(report),
        page.section("Before and after", data_shop.comparison(before, after))
        if before and after
        else Html(""),
        _state(f"The text as it was read{_share(report)}", before),
        _state(f"The text that is left{_share(report)}", after),
        page.section("Settings", page.mapping(report["settings"])),
        page.section("Versions", page.mapping(report["versions"])),
        _footer(),
    ]
    return page.document(f"{report['title']}: data report", page.join(body))


def _share(report: Mapping[str, Any]) -> str:
    one_in = report.get("one_in", 1)
    return f" (statistics of 1 in {one_in:,} documents)" if one_in > 1 else ""


def _counts(report: Mapping[str, Any], step: int) -> tuple[int, int]:
    """Documents and bytes of all sources at the first or last step, every document counted."""
    steps = report["steps"]
    name = steps[step]["step"] if steps else ""
    own = [count for count in steps if count["step"] == name]
    return sum(count["documents"] for count in own), sum(count["num_bytes"] for count in own)


def _total(report: Mapping[str, Any], step: int) -> str:
    documents, num_bytes = _counts(report, step)
    return f"{documents:,} documents · {data_analysis.megabytes(num_bytes)}"


def _shop_cards(
    report: Mapping[str, Any], shown: Mapping[str, Any], num_findings: int
) -> list[tuple[str, str, str]]:
    documents, num_bytes = _counts(report, -1)
    left = "left after cleaning"
    own = [
        ("Documents", f"{documents:,}", left),
        ("Size", data_analysis.megabytes(num_bytes), left),
    ]
    return own + _cards(shown, num_findings)[len(own) :]


def _steps(report: Mapping[str, Any]) -> Html:
    return page.join(
        [
            page.section("What each step left", data_shop.funnel(report)),
            page.section("Rules", data_shop.rules(report), _RULES_NOTE),
            page.section("Clusters of copies", data_shop.clusters(report)),
            page.section("Evaluation text in the corpus", data_shop.leaks(report)),
            page.section("Records that could not be read", data_shop.bad_records(report)),
            page.section("Personal data replaced", data_shop.changes(report["pii"], "Source")),
            page.section(
                "Documents changed by normalisation",
                data_shop.changes(report["normalisation"], "Source"),
            ),
        ]
    )


_RULES_NOTE = (
    "A document is dropped by the first rule that it fails; dropped by it alone are those that "
    "every other rule would keep."
)


def _state(title: str, result: Mapping[str, Any] | None) -> Html:
    if result is None:
        return Html("")
    heading = Html(f"<section><h1>{page.text(title)}</h1></section>")
    return page.join([heading, data_analysis.sections(result)])


def _header(title: str, lead: str) -> Html:
    return Html(
        f'<header><h1>{page.text(title)}</h1><p class="lead">{page.text(lead)}</p></header>\n'
    )


def _lead(result: Mapping[str, Any]) -> str:
    total, sources = result["total"], len(result["sources"])
    return (
        f"{total['documents']:,} documents · {data_analysis.megabytes(total['totals']['bytes'])} · "
        f"{sources:,} source{'' if sources == 1 else 's'}"
    )


def _cards(
    result: Mapping[str, Any], num_findings: int, remark: str = ""
) -> list[tuple[str, str, str]]:
    total = result["total"]
    tokens = total["tokens"]
    language = findings.main_language(result)
    cards = [
        ("Documents", f"{total['documents']:,}", remark),
        ("Size", data_analysis.megabytes(total["totals"]["bytes"]), remark or "UTF-8"),
        ("Look wrong", f"{num_findings:,}", "findings below"),
        ("Exact copies", f"{result['duplicates']['total']['share']:.1%}", "of the documents"),
    ]
    if language:
        cards.append(("Main language", language, "by size"))
    if "bytes_per_token" in tokens:
        cards.append(("Bytes a token", f"{tokens['bytes_per_token']:.2f}", ""))
    return cards


def _footer() -> Html:
    return Html(f"<footer>Drawn by jaxlm, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.</footer>")


def _write(path: Path, content: str) -> Path:
    """Writes the page in one step, so that a reader never meets half of one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(content, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"{path}: cannot write the page: {error.strerror or error}. Give another file, or free "
            "space on the disk",
            ExitCode.STORAGE,
        ) from error
    return path


def main() -> int:
    """Draws the page of the JSON file named on the command line."""
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        raise UserError("usage: python -m jaxlm.report.data REPORT.json PAGE.html")
    source = Path(sys.argv[1])
    try:
        content = json.loads(source.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"{source}: cannot read the report: {error}", ExitCode.UNUSABLE) from error
    if isinstance(content, dict) and "steps" in content:
        print(write_shop_page(content, sys.argv[2]))
    elif isinstance(content, dict) and "total" in content:
        print(write_analysis_page(content, sys.argv[2], source.stem))
    else:
        raise UserError(
            f"{source}: neither an analysis (`total`) nor a data shop's report (`steps`)",
            ExitCode.UNUSABLE,
        )
    return ExitCode.DONE


if __name__ == "__main__":
    run_main(main)
