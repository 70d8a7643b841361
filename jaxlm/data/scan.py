"""The first pass over the text: counts, bad documents, and the passages to train a tokenizer on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jaxlm.data.config import DataConfig
from jaxlm.data.readers import BadDocument, Document
from jaxlm.data.sample import PassageSample
from jaxlm.data.sources import TextSource, fixed_weights
from jaxlm.data.split import SPLITS, Split, SplitRule, make_rule
from jaxlm.errors import ExitCode, UserError

Notify = Callable[[str], None]
Progress = Callable[[str, int, int], None]

_NAMED_IN_ERROR = 5
_PROGRESS_BYTES = 1 << 18


@dataclass(kw_only=True)
class SourceCounts:
    """What a source holds.

    Attributes:
      documents: Documents, or parts of documents, of each split.
      num_bytes: UTF-8 bytes of each split.
      empty: Documents without text, which are left out.
      first_empty: Id of the first of them.
    """

    documents: dict[Split, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    num_bytes: dict[Split, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    empty: int = 0
    first_empty: str = ""

    def add_empty(self, document_id: str) -> None:
        """Counts a document without text."""
        self.first_empty = self.first_empty or document_id
        self.empty += 1

    def add(self, split: Split, num_bytes: int) -> None:
        """Counts a document or a part of one."""
        self.documents[split] += 1
        self.num_bytes[split] += num_bytes


@dataclass(frozen=True, kw_only=True)
class Scan:
    """The result of the first pass.

    Attributes:
      rules: How each source is split, by name.
      counts: What each source holds, by name.
      bad: Documents that cannot be read.
      passages: Training text for the tokenizer.
    """

    rules: Mapping[str, SplitRule]
    counts: Mapping[str, SourceCounts]
    bad: Sequence[BadDocument]
    passages: Sequence[str]


def scan_sources(
    sources: Sequence[TextSource],
    config: DataConfig,
    *,
    sample_bytes: int,
    notify: Notify,
    progress: Progress,
) -> Scan:
    """Reads every document once.

    Raises:
      UserError: More bad documents than `data.max_bad_documents`, or a source without text for
        training or for validation (exit 77).
    """
    rules = _make_rules(sources, config)
    samples = _make_samples(sources, config, sample_bytes)
    counts = {source.name: SourceCounts() for source in sources}
    bad: list[BadDocument] = []
    done = shown = 0
    for source in sources:
        rule, count, sample = rules[source.name], counts[source.name], samples[source.name]
        for record in source.read():
            if isinstance(record, BadDocument):
                _count_bad(bad, record, config.max_bad_documents, notify)
            elif not record.text:
                count.add_empty(record.id)
            else:
                done += _count_parts(record, rule, count, sample)
                if done - shown >= _PROGRESS_BYTES:
                    progress("read", done, 0)
                    shown = done
        if count.empty:
            notify(
                f"data: {source.name}: left out {count.empty:,} empty documents, "
                f"the first of them {count.first_empty}"
            )
        _check_splits(source, count, rule, bad)
    progress("read", done, done)
    distinct = dict.fromkeys(samples.values())
    passages = [passage for sample in distinct for passage in sample.passages()]
    return Scan(rules=rules, counts=counts, bad=bad, passages=passages)


def split_texts(source: TextSource, rule: SplitRule) -> Iterator[tuple[Split, str, str]]:
    """Reads a source again; yields split, document's id and text of all that was counted."""
    for record in source.read():
        if not isinstance(record, BadDocument) and record.text:
            yield from ((split, record.id, text) for split, text in rule.parts(record))


def _make_rules(sources: Sequence[TextSource], config: DataConfig) -> dict[str, SplitRule]:
    """One rule for the sources of one entry, so that code and prose of a module stay together."""
    if not 0 < config.validation_fraction < 1:
        raise UserError(
            f"data.validation_fraction={config.validation_fraction} must lie between 0 and 1"
        )
    by_entry: dict[str, SplitRule] = {}
    for source in sources:
        if source.entry not in by_entry:
            by_entry[source.entry] = make_rule(source.read(), config.validation_fraction)
    return {source.name: by_entry[source.entry] for source in sources}


def _make_samples(
    sources: Sequence[TextSource], config: DataConfig, num_bytes: int
) -> dict[str, PassageSample]:
    """A sample for each source by its weight; without weights one sample of all text."""
    weights = fixed_weights(config)
    if not weights:
        return dict.fromkeys((source.name for source in sources), PassageSample(num_bytes))
    return {
        source.name: PassageSample(round(num_bytes * weight / sum(weights)))
        for source, weight in zip(sources, weights, strict=True)
    }


def _count_parts(
    document: Document, rule: SplitRule, counts: SourceCounts, sample: PassageSample
) -> int:
    """Counts a document and offers its training text to the sample; returns its bytes."""
    sizes = 0
    for split, text in rule.parts(document):
        num_bytes = len(text.encode())
        counts.add(split, num_bytes)
        sizes += num_bytes
        if split == "train":
            sample.add(f"{document.source}/{document.id}", text)
    return sizes


def _count_bad(bad: list[BadDocument], record: BadDocument, limit: int, notify: Notify) -> None:
    bad.append(record)
    if len(bad) > limit:
        raise UserError(
            f"more than data.max_bad_documents={limit} documents cannot be read:\n"
            + _list_bad(bad)
            + "\nMend or remove them, or raise data.max_bad_documents",
            ExitCode.UNUSABLE,
        )
    notify(f"data: {record}; left out")


def _list_bad(bad: Sequence[BadDocument]) -> str:
    lines = [f"  {record}" for record in bad[:_NAMED_IN_ERROR]]
    if len(bad) > _NAMED_IN_ERROR:
        lines.append(f"  and {len(bad) - _NAMED_IN_ERROR} more")
    return "\n".join(lines)


def _check_splits(
    source: TextSource, counts: SourceCounts, rule: SplitRule, bad: Sequence[BadDocument]
) -> None:
    if not any(counts.documents.values()):
        raise UserError(
            f"data.path={source.entry}: no text in {len(source.files)} files "
            f"({counts.empty} empty documents, {len(bad)} that cannot be read)"
            + (f":\n{_list_bad(bad)}" if bad else ""),
            ExitCode.UNUSABLE,
        )
    for split, remedy in (("train", "lower"), ("validation", "raise")):
        if not counts.documents[split]:  # type: ignore[index]
            unit = "document" if rule.by_document else "part of a document"
            raise UserError(
                f"data.path={source.entry}: no {unit} is left for {split}; {remedy} "
                f"data.validation_fraction={rule.fraction} or give more text",
                ExitCode.UNUSABLE,
            )
