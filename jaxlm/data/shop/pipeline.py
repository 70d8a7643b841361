"""The order of the shop's work, from raw files to a clean corpus.

texts          read, normalised, personal data removed
measures       what the rules of each source judge by
matches        n-grams of evaluation sets
keys           hashes of documents and of bands of their MinHash signatures
judgement      kept, or the first reason not to be; in memory
lines          hashes of lines
clean          the documents that are kept, without what goes from their text
anchors, windows, final    long passages that repeat an earlier one
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jaxlm.data.dedup import lines as repeated
from jaxlm.data.dedup import substrings
from jaxlm.data.dedup.decontaminate import (
    EvaluationIndex,
    evaluation_index,
    without_common,
)
from jaxlm.data.filters.pii import redact
from jaxlm.data.normalise import normalise
from jaxlm.data.readers import BadDocument, ReadOptions, list_files, read_file
from jaxlm.data.shop import clean, judgement, rows
from jaxlm.data.shop.config import PrepareConfig
from jaxlm.data.shop.copies import Copies, drop_exact_copies, drop_near_copies
from jaxlm.data.shop.engine import Engine
from jaxlm.data.shop.judgement import Judgement
from jaxlm.data.shop.stage import DIGITS, Stage, digest, table_digest
from jaxlm.data.shop.units import Unit, plan_units
from jaxlm.data.shop.versions import versions
from jaxlm.errors import ExitCode, UserError

# Counts with every change of what the same settings give.
_VERSION = 1
_NAMED_IN_ERROR = 5

Notify = Callable[[str], None]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the shop has made.

    Attributes:
      config: The settings.
      units: What each part was read from.
      starts: Number of the first document of each part, and of all documents.
      texts: Stage of the texts.
      measures: Stage of the rules' values.
      judgement: What became of each document.
      copies: Clusters of copies.
      evaluation: What was looked for, or none.
      matches: Where evaluation text is.
      clean: Stage of the corpus.
    """

    config: PrepareConfig
    units: tuple[Unit, ...]
    starts: tuple[int, ...]
    texts: Stage
    measures: Stage
    judgement: Judgement
    copies: Copies
    evaluation: EvaluationIndex | None
    matches: pa.Table
    clean: Stage


class Shop:
    """Runs the stages of one configuration in one directory."""

    def __init__(
        self, config: PrepareConfig, root: Path, engine: Engine, notify: Notify, progress: Progress
    ) -> None:
        self._config = config
        self._root = root
        self._engine = engine
        self._notify = notify
        self._progress = progress
        self._keys: tuple[str, ...] = ()

    def identity(self, config_digest: str) -> str:
        """What decides the results: settings, raw files, libraries."""
        config = self._config
        units = plan_units(config.sources, config.part_bytes)
        evaluation = [
            f"{file.location} {file.version}"
            for pattern in config.evaluation_sets.path
            for file in list_files(pattern, setting="evaluation_sets.path").files
        ]
        listing = [unit.listing() for unit in units]
        # Asked for here, a rule that cannot be measured is told before anything is read.
        rules = [judgement.measured(judgement.source_rules(config, s)) for s in config.sources]
        tokenizer = config.tokenizer.path and config.tokenizer.load().fingerprint
        contents = [listing, evaluation, rules, tokenizer]
        return digest([_VERSION, versions(), config_digest, contents])

    def run(self) -> Prepared:
        """Does what is not done yet.

        Raises:
          UserError: The settings or the raw files do not allow it.
        """
        config = self._config
        units = plan_units(config.sources, config.part_bytes)
        texts = self._texts(units)
        starts = judgement.starts([record["documents"] for record in texts.records()])
        measures = self._measures(units, texts)
        evaluation, matches = self._matches(texts, starts)
        keys = self._copy_keys(texts, starts)
        judged = Judgement(starts[-1])
        self._judge_by_rules(judged, units, measures, starts)
        if config.decontaminate.action == "drop":
            judged.drop(matches["document"].to_numpy(), judgement.CONTAMINATED)
        copies = self._judge_copies(judged, keys, texts, starts)
        _check_kept(judged)
        cleaned = self._clean(texts, starts, judged, matches)
        if config.substrings is not None:
            cleaned = self._without_repeats(cleaned)
        return Prepared(
            config=config,
            units=units,
            starts=starts,
            texts=texts,
            measures=measures,
            judgement=judged,
            copies=copies,
            evaluation=evaluation,
            matches=matches,
            clean=cleaned,
        )

    def _stage(
        self, name: str, settings: Any, inputs: Sequence[str] = (), keys: Sequence[str] = ()
    ) -> Stage:
        content = {
            "version": _VERSION,
            "libraries": versions(),
            "settings": settings,
            "inputs": list(inputs),
        }
        return Stage(
            name=name, digest=digest(content), root=self._root, keys=tuple(keys) or self._keys
        )

    def _make(self, stage: Stage, work: Callable[[int], Any]) -> Stage:
        """Makes the parts of a stage that are not there."""
        missing = stage.missing()
        done = stage.num_parts - len(missing)
        if missing:
            others = any(self._root.glob(f"{stage.name}-*")) and not stage.directory.exists()
            why = "; the earlier ones were made with other settings or files" if others else ""
            kept = f", {done} are there" if done else ""
            self._notify(f"{stage.name}: {len(missing)} parts to make{kept}{why}")
        else:
            self._notify(f"{stage.name}: all {done} parts are there")
        for _ in self._engine.run(work, missing, stage.name):
            done += 1
            self._progress(stage.name, done, stage.num_parts)
        return stage

    def _texts(self, units: tuple[Unit, ...]) -> Stage:
        config = self._config
        self._keys = tuple(_unit_key(config, unit) for unit in units)
        settings = {
            "normalise": asdict(config.normalise),
            "pii": asdict(config.pii),
            "c4_lines": asdict(config.filters.c4_lines) if config.filters.c4_lines else None,
        }
        stage = self._stage("texts", settings)
        self._make(stage, rows.ReadTexts(config=config, units=units, to=stage))
        bad = [BadDocument(**record) for part in stage.records() for record in part["bad"]]
        _check_bad(bad, config.max_bad_records, self._notify)
        return stage

    def _measures(self, units: tuple[Unit, ...], texts: Stage) -> Stage:
        # Thresholds decide afterwards: another threshold measures nothing again.
        config = self._config
        rules = {s.name: judgement.source_rules(config, s) for s in config.sources}
        settings = {name: judgement.measured(own) for name, own in rules.items()}
        stage = self._stage("measures", settings, [texts.digest])
        return self._make(stage, rows.Measure(config=config, units=units, texts=texts, to=stage))

    def _matches(
        self, texts: Stage, starts: tuple[int, ...]
    ) -> tuple[EvaluationIndex | None, pa.Table]:
        config = self._config
        if not config.evaluation_sets.path:
            return None, rows.MATCHES.empty_table()
        index = read_evaluation(config, self._notify)
        settings = {
            "unit": config.decontaminate.unit,
            "ngram": config.decontaminate.ngram,
            "index": table_digest(pa.table({"hash": index.hashes, "item": index.items})),
        }
        stage = self._stage("matches", settings, [texts.digest], self._numbered(starts))
        work = rows.FindEvaluationText(
            config=config, texts=texts, starts=starts, index=index, to=stage
        )
        self._make(stage, work)
        found = pa.concat_tables(stage.tables())
        return index, without_common(found, config.decontaminate)

    def _copy_keys(self, texts: Stage, starts: tuple[int, ...]) -> Stage:
        config = self._config
        near = asdict(config.near) if config.near else {}
        near.pop("threshold", None)
        near.pop("max_distance", None)
        settings = {"exact": asdict(config.exact) if config.exact else None, "near": near}
        stage = self._stage("keys", settings, [texts.digest], self._numbered(starts))
        return self._make(stage, rows.Keys(config=config, texts=texts, starts=starts, to=stage))

    def _numbered(self, starts: tuple[int, ...]) -> list[str]:
        """Names of parts whose content holds documents' numbers."""
        return [f"{key}-{start}" for key, start in zip(self._keys, starts[:-1], strict=True)]

    def _judge_by_rules(
        self,
        judged: Judgement,
        units: tuple[Unit, ...],
        measures: Stage,
        starts: tuple[int, ...],
    ) -> None:
        for part, unit in enumerate(units):
            source = self._config.sources[unit.source]
            values = measures.table(part)
            reasons = judgement.reasons(values, judgement.source_rules(self._config, source))
            for reason, mask in reasons.items():
                judged.drop(np.flatnonzero(mask) + starts[part], reason)

    def _judge_copies(
        self, judged: Judgement, keys: Stage, texts: Stage, starts: tuple[int, ...]
    ) -> Copies:
        copies = Copies()
        if self._config.exact is not None:
            drop_exact_copies(judged, keys.paths(), self._engine, copies)
        if self._config.near is not None:
            drop_near_copies(
                judged, keys.paths(), self._config.near, self._engine, texts, starts, copies
            )
        self._notify(
            f"judgement: {len(judged.kept()):,} of {len(judged.codes):,} documents are kept"
        )
        return copies

    def _clean(
        self, texts: Stage, starts: tuple[int, ...], judged: Judgement, matches: pa.Table
    ) -> Stage:
        config = self._config
        cuts = config.decontaminate if config.decontaminate.action == "cut" else None
        shared = self._shared_lines(texts, starts, judged)
        settings = {
            "lines": asdict(config.lines) if config.lines else None,
            # What goes from one part depends on all others.
            "shared": table_digest(shared),
            "cuts": asdict(cuts) if cuts else None,
            "matches": table_digest(matches) if cuts else None,
            "kept": judged.digest(),
        }
        stage = self._stage("clean", settings, [texts.digest], self._numbered(starts))
        work = clean.KeepTexts(
            texts=texts,
            starts=starts,
            is_kept=judged.codes == 0,
            decontaminate=cuts,
            matches=matches if cuts else rows.MATCHES.empty_table(),
            lines=config.lines,
            shared=shared,
            to=stage,
        )
        return self._make(stage, work)

    def _shared_lines(self, texts: Stage, starts: tuple[int, ...], judged: Judgement) -> pa.Table:
        settings = self._config.lines
        empty = pa.table({"hash": pa.array([], pa.uint64()), "first": pa.array([], pa.int64())})
        if settings is None:
            return empty
        decides = {"unit": settings.unit, "min": settings.min_characters, "kept": judged.digest()}
        stage = self._stage("lines", decides, [texts.digest], self._numbered(starts))
        work = clean.HashLines(
            config=settings, texts=texts, starts=starts, is_kept=judged.codes == 0, to=stage
        )
        self._make(stage, work)
        found = self._engine.repeated(
            stage.paths(), "hash", np.empty(0, np.int64), settings.most_documents + 1
        )
        names = {"value": "hash", "number": "document"}
        return repeated.repeated_lines(found.rename_columns(names), settings)

    def _without_repeats(self, cleaned: Stage) -> Stage:
        settings = self._config.substrings
        assert settings is not None
        decides, inputs, keys = asdict(settings), [cleaned.digest], cleaned.keys
        stage = self._stage("anchors", decides, inputs, keys)
        self._make(stage, clean.FindAnchors(config=settings, clean=cleaned, to=stage))
        hashes = np.concatenate([table["hash"].to_numpy() for table in stage.tables()])
        anchors = substrings.repeated_anchors(hashes)
        anchors_digest = table_digest(pa.table({"hash": anchors}))
        stage = self._stage("windows", [decides, anchors_digest], inputs, keys)
        work = clean.FindWindows(config=settings, clean=cleaned, repeated=anchors, to=stage)
        self._make(stage, work)
        windows = pa.concat_tables(stage.tables())
        passages = substrings.repeated_passages(windows, settings)
        stage = self._stage("final", [decides, table_digest(passages)], inputs, keys)
        return self._make(stage, clean.CutPassages(clean=cleaned, passages=passages, to=stage))


def read_evaluation(config: PrepareConfig, notify: Notify) -> EvaluationIndex:
    """Reads the evaluation sets whole; they are small.

    Raises:
      UserError: A file is missing or damaged.
    """
    options = ReadOptions(text_field=config.evaluation_sets.text_field)
    ids, texts = [], []
    for pattern in config.evaluation_sets.path:
        for file in list_files(pattern, setting="evaluation_sets.path").files:
            for record in read_file(file.location, file.id, source="", options=options):
                if isinstance(record, BadDocument):
                    raise UserError(f"evaluation_sets: {record}", ExitCode.UNUSABLE)
                # A leak is found in the form that the corpus has by then, or in its own.
                cleaned, _ = redact(normalise(record.text, config.normalise), config.pii)
                for text in dict.fromkeys((cleaned, record.text)):
                    ids.append(record.id)
                    texts.append(text)
    index = evaluation_index(ids, texts, config.decontaminate)
    if index.too_short:
        notify(
            f"evaluation sets: {len(index.too_short):,} of {len(ids):,} texts are too short to be "
            f"told from chance and are not searched for, such as {index.too_short[0]}"
        )
    return index


def _unit_key(config: PrepareConfig, unit: Unit) -> str:
    source = config.sources[unit.source]
    reading: Mapping[str, Any] = {
        "source": source.name,
        "text_field": source.text_field,
        "id_field": source.id_field,
        "clean": source.clean,
        "c4": "c4" in source.rules and config.filters.c4_lines is not None,
        "files": unit.listing(),
    }
    return digest(reading)[:DIGITS]


def _check_kept(judged: Judgement) -> None:
    if len(judged.kept()):
        return
    counts = np.bincount(judged.codes, minlength=len(judged.reasons))
    found = sorted(zip(counts.tolist(), judged.reasons, strict=True), reverse=True)
    why = ", ".join(f"{reason} ({count:,})" for count, reason in found[:_NAMED_IN_ERROR] if count)
    raise UserError(
        f"no document is left: {why or 'there was none'}. Mend the sources, or change the rules",
        ExitCode.UNUSABLE,
    )


def _check_bad(bad: list[BadDocument], most: int, notify: Notify) -> None:
    for record in bad[:_NAMED_IN_ERROR]:
        notify(f"left out {record}")
    if len(bad) > most:
        raise UserError(
            f"{len(bad):,} records cannot be read, more than max_bad_records={most}; the first are "
            f"named above. Mend them or raise max_bad_records",
            ExitCode.UNUSABLE,
        )
    if len(bad) > _NAMED_IN_ERROR:
        notify(f"left out {len(bad) - _NAMED_IN_ERROR:,} more records; the report names them")
