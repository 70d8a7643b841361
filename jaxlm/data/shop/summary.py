"""What the report of a run says: counts by step and source, rules, copies, leaks, samples."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jaxlm.data.analysis.analysis import Analysis
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
from jaxlm.data.dedup.decontaminate import leaks
from jaxlm.data.filters.rules import Rule, failures
from jaxlm.data.shop import judgement
from jaxlm.data.shop.engine import Engine
from jaxlm.data.shop.pipeline import Prepared
from jaxlm.data.shop.stage import Stage
from jaxlm.data.shop.versions import versions

_SHOWN = 20
_CLUSTERS = 10
_CLUSTER_SAMPLES = 3
_EXCERPT = 600
_CONTEXT = 80
# Statistics of a large corpus come from a share of its documents, chosen by their numbers.
_ANALYSED_BYTES = 32 << 20

Progress = Callable[[str, int, int], None]


def make_report(prepared: Prepared, engine: Engine, progress: Progress) -> ShopReport:
    """Collects everything that the page shows."""
    texts = _Texts(prepared)
    records = prepared.texts.records()
    bad = [BadRecord(**entry) for record in records for entry in record["bad"]]
    found = _leaks(prepared, texts)
    total = sum(record["bytes"] for record in records)
    one_in = max(1, -(-total // _ANALYSED_BYTES))
    before, after = _analyses(prepared, one_in, engine, progress)
    return ShopReport(
        title=prepared.config.name,
        steps=_steps(prepared, texts),
        rules=_rules(prepared, texts),
        clusters=_clusters(prepared, texts),
        leaks=found,
        num_leaks=_num_leaks(prepared, texts),
        bad=bad[:_SHOWN],
        num_bad=len(bad),
        pii=_by_source(prepared, "pii"),
        normalisation=_by_source(prepared, "normalised"),
        before=before,
        after=after,
        one_in=one_in,
        settings=asdict(prepared.config),
        versions=versions(),
    )


class _Texts:
    """Sizes and sources of all documents, and texts of some.

    Attributes:
      sizes: [num_documents] int64, UTF-8 bytes.
      sources: [num_documents] integers, places in the configuration.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        parts = list(prepared.measures.tables(["bytes"]))
        self.sizes = np.concatenate([part["bytes"].to_numpy() for part in parts]).astype(np.int64)
        counts = np.diff(prepared.starts)
        self.sources = np.repeat([unit.source for unit in prepared.units], counts)

    def source(self, number: int) -> str:
        """Name of a document's source."""
        return self._prepared.config.sources[self.sources[number]].name

    def read(self, numbers: Iterable[int]) -> dict[int, tuple[str, str]]:
        """Id and text of some documents, by number."""
        wanted = np.unique(np.fromiter(numbers, np.int64))
        found: dict[int, tuple[str, str]] = {}
        for part, inside in judgement.by_part(wanted, self._prepared.starts):
            start = self._prepared.starts[part]
            for table in self._prepared.texts.batches(part):
                here = inside[(inside >= start) & (inside < start + table.num_rows)]
                rows = table.take(pa.array(here - start)).to_pylist()
                found |= {
                    int(n): (row["id"], row["text"]) for n, row in zip(here, rows, strict=True)
                }
                start += table.num_rows
        return found

    def samples(
        self, numbers: Iterable[int], values: dict[int, float] | None = None
    ) -> list[TextSample]:
        """Excerpts of documents."""
        return [
            TextSample(
                id=name,
                source=self.source(number),
                text=text[:_EXCERPT],
                value=values[number] if values else None,
            )
            for number, (name, text) in self.read(numbers).items()
        ]


def _steps(prepared: Prepared, texts: _Texts) -> list[StepCount]:
    records = prepared.texts.records()
    names = [source.name for source in prepared.config.sources]
    sources = [unit.source for unit in prepared.units]
    read = np.bincount(sources, [record["read_bytes"] for record in records], len(names))
    documents = np.bincount(texts.sources, minlength=len(names))
    steps = _counts("read", names, documents, read)
    codes, alive = prepared.judgement.codes, np.ones(len(texts.sizes), bool)
    for step, reasons in _groups(prepared):
        alive &= ~np.isin(codes, [prepared.judgement.reasons.index(name) for name in reasons])
        left = texts.sources[alive]
        sizes = np.bincount(left, texts.sizes[alive], len(names))
        steps += _counts(step, names, np.bincount(left, minlength=len(names)), sizes)
    final = prepared.clean.records()
    clean = [
        np.bincount(sources, [r[k] for r in final], len(names)) for k in ("documents", "bytes")
    ]
    return steps + _counts("repeated text removed", names, *clean)


def _groups(prepared: Prepared) -> list[tuple[str, list[str]]]:
    """The reasons that make one step of the page each."""
    own = {
        judgement.CONTAMINATED: "evaluation text",
        judgement.EXACT_COPY: "exact copies",
        judgement.NEAR_COPY: "near copies",
    }
    reasons = prepared.judgement.reasons[1:]
    rules = [reason for reason in reasons if reason not in own]
    steps = [("normalised", []), ("rules", rules)]
    return steps + [(f"without {own[name]}", [name]) for name in own if name in reasons]


def _counts(
    step: str, names: list[str], documents: np.ndarray, sizes: np.ndarray
) -> list[StepCount]:
    return [
        StepCount(step=step, source=name, documents=int(count), num_bytes=int(size))
        for name, count, size in zip(names, documents, sizes, strict=True)
    ]


@dataclass
class _RuleCounts:
    """What one rule did, over all parts."""

    rule: Rule
    histogram: Histogram
    first: Counter[str]
    alone: Counter[str]
    samples: dict[int, float]
    documents: int = 0


def _rules(prepared: Prepared, texts: _Texts) -> list[RuleReport]:
    counts: dict[str, _RuleCounts] = {}
    for part, unit in enumerate(prepared.units):
        source = prepared.config.sources[unit.source]
        rules = judgement.source_rules(prepared.config, source)
        values = prepared.measures.table(part)
        masks = failures(values, rules)
        num_failed = np.sum(list(masks.values()), axis=0) if masks else 0
        codes = prepared.judgement.codes[prepared.starts[part] : prepared.starts[part + 1]]
        for rule in rules:
            new = _RuleCounts(rule, Histogram(), Counter(), Counter(), {})
            entry = counts.setdefault(rule.name, new)
            column, mask = values[rule.name].to_numpy(), masks[rule.name]
            is_first = _has_reason(prepared, codes, rule.name)
            entry.histogram.add(column.astype(np.float64))
            entry.documents += len(column)
            entry.first[source.name] += int(is_first.sum())
            entry.alone[source.name] += int((mask & (num_failed == 1)).sum())
            room = prepared.config.num_samples - len(entry.samples)
            rows = np.flatnonzero(is_first)[:room].tolist()
            entry.samples |= {prepared.starts[part] + row: float(column[row]) for row in rows}
    return [_rule_report(entry, texts) for entry in counts.values()]


def _has_reason(prepared: Prepared, codes: np.ndarray, reason: str) -> np.ndarray:
    reasons = prepared.judgement.reasons
    return codes == (reasons.index(reason) if reason in reasons else -1)


def _rule_report(entry: _RuleCounts, texts: _Texts) -> RuleReport:
    rule = entry.rule
    return RuleReport(
        name=rule.name,
        least=float(rule.least) if np.isfinite(rule.least) else None,
        most=float(rule.most) if np.isfinite(rule.most) else None,
        documents=entry.documents,
        dropped_first=dict(entry.first),
        dropped_alone=dict(entry.alone),
        histogram=entry.histogram.result(),
        samples=texts.samples(entry.samples, entry.samples),
    )


def _clusters(prepared: Prepared, texts: _Texts) -> list[Cluster]:
    found = []
    for kind, pairs in (("exact", prepared.copies.exact), ("near", prepared.copies.near)):
        kept, sizes = np.unique(pairs[:, 1], return_counts=True)
        for place in np.argsort(-sizes, kind="stable")[:_CLUSTERS].tolist():
            members = pairs[pairs[:, 1] == kept[place], 0][: _CLUSTER_SAMPLES - 1].tolist()
            samples = texts.samples([int(kept[place]), *members])
            # The kept one has the smallest number, and comes first.
            cluster = Cluster(
                kind=kind,  # type: ignore[arg-type]
                size=int(sizes[place]) + 1,
                kept=samples[0].id,
                samples=samples,
            )
            found.append(cluster)
    return found


def _leaks(prepared: Prepared, texts: _Texts) -> list[Leak]:
    if prepared.evaluation is None or not prepared.matches.num_rows:
        return []
    table = leaks(prepared.matches, prepared.evaluation)
    table = table[:_SHOWN]
    shown = texts.read(table["document"].to_pylist())
    found = []
    for row in table.to_pylist():
        name, text = shown[row["document"]]
        start, end = _place(prepared, row["document"], row["evaluation"])
        found.append(
            Leak(
                evaluation_id=row["evaluation"],
                document_id=name,
                source=texts.source(row["document"]),
                text=text[max(0, start - _CONTEXT) : end + _CONTEXT],
                share=row["share"],
                action=prepared.config.decontaminate.action,
            )
        )
    return found


def _place(prepared: Prepared, document: int, evaluation: str) -> tuple[int, int]:
    """Where the first n-gram that a document shares with an evaluation text stands."""
    assert prepared.evaluation is not None
    items = [item for item, name in enumerate(prepared.evaluation.ids) if name == evaluation]
    here = pc.and_(
        pc.equal(prepared.matches["document"], document),
        pc.is_in(prepared.matches["item"], pa.array(items)),
    )
    first = prepared.matches.filter(here).slice(0, 1).to_pylist()[0]
    return first["start"], first["end"]


def _num_leaks(prepared: Prepared, texts: _Texts) -> dict[str, int]:
    """Documents that hold evaluation text, by source."""
    documents = np.unique(prepared.matches["document"].to_numpy())
    return dict(Counter(texts.source(number) for number in documents.tolist()))


def _by_source(prepared: Prepared, kind: str) -> dict[str, dict[str, int]]:
    totals: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for unit, record in zip(prepared.units, prepared.texts.records(), strict=True):
        totals[prepared.config.sources[unit.source].name].update(record[kind])
    return {source: dict(counts) for source, counts in totals.items()}


@dataclass(frozen=True, kw_only=True)
class _Analyse:
    """Statistics of a share of the documents of whole stages.

    Attributes:
      stages: Of texts.
      sources: Name of each part's source.
      every: One of so many documents is looked at, the same ones in each stage.
      starts: Number of the first document of each part, in a stage without numbers.
    """

    stages: tuple[Stage, ...]
    sources: tuple[str, ...]
    every: int
    starts: tuple[int, ...]

    def __call__(self, number: int) -> dict[str, object]:
        """The statistics of one stage."""
        stage, analysis = self.stages[number], Analysis()
        for part, source in enumerate(self.sources):
            start = self.starts[part]
            for table in stage.batches(part):
                numbers = np.arange(start, start + table.num_rows)
                start += table.num_rows
                if "number" in table.column_names:
                    numbers = table["number"].to_numpy()
                rows = pa.array(np.flatnonzero(numbers % self.every == 0))
                names = pa.array([source] * len(rows), pa.string())
                chosen = table.select(["id", "text"]).take(rows)
                analysis.add(chosen.append_column("source", names))
        return analysis.result()


def _analyses(
    prepared: Prepared, one_in: int, engine: Engine, progress: Progress
) -> tuple[dict[str, object], ...]:
    """Statistics of what was read and of what is left, beside each other."""
    names = tuple(prepared.config.sources[unit.source].name for unit in prepared.units)
    work = _Analyse(
        stages=(prepared.texts, prepared.clean),
        sources=names,
        every=one_in,
        starts=prepared.starts,
    )
    results = {}
    progress("analysis", 0, len(work.stages))
    for number, result in engine.run(work, range(len(work.stages)), "analysis"):
        results[number] = result
        progress("analysis", len(results), len(work.stages))
    return results[0], results[1]
