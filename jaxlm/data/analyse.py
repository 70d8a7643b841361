"""Analyses a corpus: what it is made of, and what looks wrong.

    python -m jaxlm.data.analyse PATH... --html corpus.html

A PATH is a file, a folder or a glob of documents, `NAME=PATH` to name the source.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa

from jaxlm import tokenizers
from jaxlm.data.analysis import findings
from jaxlm.data.analysis.analysis import Analysis
from jaxlm.data.config import DataConfig
from jaxlm.data.readers import BadDocument, Document, Record
from jaxlm.data.sources import TextSource, find_sources
from jaxlm.errors import ArgumentParser, ExitCode, UserError, run_main
from jaxlm.report.data import write_analysis_page

TABLE_CHARACTERS = 1 << 23

_SHOWN_BAD = 5


def tables(records: Iterable[Record], bad: list[BadDocument]) -> Iterator[pa.Table]:
    """Documents as tables of about 8 million characters.

    Args:
      records: Documents, and in their place unreadable ones.
      bad: Takes the unreadable ones.
    """
    documents: list[Document] = []
    size = 0
    for record in records:
        if isinstance(record, BadDocument):
            bad.append(record)
            continue
        documents.append(record)
        size += len(record.text)
        if size >= TABLE_CHARACTERS:
            yield _table(documents)
            documents, size = [], 0
    if documents:
        yield _table(documents)


def analyse_source(source: TextSource) -> tuple[Analysis, list[BadDocument]]:
    """Reads a source to its end; what cannot be read is returned beside the statistics."""
    analysis, bad = Analysis(), list[BadDocument]()
    for table in tables(source.read(), bad):
        analysis.add(table)
    return analysis, bad


def analyse(
    paths: Sequence[str], text_field: str = "text", num_workers: int = 1
) -> tuple[Analysis, list[BadDocument]]:
    """Analyses files; the result does not depend on the number of workers.

    Args:
      paths: As the entries of `data.path`.
      text_field: Field or column that holds the text.
      num_workers: Processes; each source is read by one.

    Raises:
      UserError: A path names no documents, or a file is damaged as a whole.
    """
    sources = find_sources(DataConfig(path=tuple(paths), text_field=text_field), "PATH")
    if num_workers == 1 or len(sources) == 1:
        return _merged(map(analyse_source, sources))
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        return _merged(pool.map(analyse_source, sources))


def _merged(
    parts: Iterable[tuple[Analysis, list[BadDocument]]],
) -> tuple[Analysis, list[BadDocument]]:
    analysis, bad = Analysis(), list[BadDocument]()
    for part, part_bad in parts:
        analysis.merge(part)
        bad += part_bad
    return analysis, bad


def _table(documents: Sequence[Document]) -> pa.Table:
    columns = ("id", "text", "source")
    return pa.table(
        {name: pa.array([getattr(d, name) for d in documents], pa.string()) for name in columns}
    )


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m jaxlm.data.analyse", description=__doc__.split("\n")[0])
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="documents, NAME=PATH to name them"
    )
    parser.add_argument("--text-field", default="text", help="field or column that holds the text")
    parser.add_argument("--tokenizer", metavar="FILE", help="count tokens of this tokenizer")
    parser.add_argument("--html", metavar="OUT.html", help="write the page")
    parser.add_argument("--json", metavar="OUT.json", help="write the numbers")
    parser.add_argument("--before", metavar="PATH", help="an earlier state (documents, or JSON)")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    return parser


def _before(path: str, text_field: str, tokenizer: tokenizers.Tokenizer | None) -> dict[str, Any]:
    """An analysis that `--json` wrote, or that of documents."""
    if not path.endswith(".json"):
        return analyse([path], text_field)[0].result(tokenizer)
    try:
        result = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"--before {path}: {error}", ExitCode.UNUSABLE) from error
    if not isinstance(result, dict) or "total" not in result:
        raise UserError(f"--before {path}: not written by --json", ExitCode.UNUSABLE)
    return result


def _summary(result: dict[str, Any], bad: Sequence[BadDocument]) -> str:
    """The findings as plain lines."""
    total = result["total"]
    lines = [f"{total['documents']:,} documents, {total['totals']['bytes']:,} bytes"]
    lines += [f"[{finding.severity}] {finding.title}" for finding in findings.find(result)]
    if bad:
        lines.append(f"records that cannot be read and are left out: {len(bad):,}")
        lines += [f"  {record}" for record in bad[:_SHOWN_BAD]]
    return "\n".join(lines)


def _write_json(path: str, result: dict[str, Any]) -> None:
    try:
        Path(path).write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise UserError(f"--json {path}: {error.strerror or error}", ExitCode.STORAGE) from error


def main(argv: Sequence[str] | None = None) -> int:
    """Prints what looks wrong; writes the page and the numbers where asked to."""
    arguments = _parser().parse_args(argv)
    if arguments.workers < 1:
        raise UserError(f"--workers {arguments.workers}: give at least 1")
    tokenizer = tokenizers.load(arguments.tokenizer) if arguments.tokenizer else None
    analysis, bad = analyse(arguments.paths, arguments.text_field, arguments.workers)
    result = analysis.result(tokenizer)
    print(_summary(result, bad))
    if arguments.json:
        _write_json(arguments.json, result)
    if arguments.html:
        earlier = arguments.before
        before = _before(earlier, arguments.text_field, tokenizer) if earlier else None
        write_analysis_page(result, arguments.html, ", ".join(arguments.paths), before)
    return ExitCode.DONE


if __name__ == "__main__":
    run_main(main)
