"""What a run of the data shop reports: plain JSON, drawn by `jaxlm.report.data`."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class StepCount:
    """What is left of a source after a step.

    Attributes:
      step: The step; the first of a report is what was read.
      source: The source.
      documents: Documents left.
      num_bytes: UTF-8 bytes left.
    """

    step: str
    source: str
    documents: int
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class TextSample:
    """A document to show.

    Attributes:
      id: Its name.
      source: Its source.
      text: An excerpt.
      value: What a rule measured of it.
    """

    id: str
    source: str
    text: str
    value: float | None = None


@dataclass(frozen=True, kw_only=True)
class RuleReport:
    """A rule and what it dropped.

    Attributes:
      name: The rule and column, such as `gopher.num_words`.
      least: Documents below are dropped; None where there is no bound.
      most: Documents above are dropped; None where there is no bound.
      documents: Documents that the rule measured.
      dropped_first: Documents by source for which it is the first rule that fails.
      dropped_alone: Documents by source for which it is the only one.
      histogram: `Histogram.result()` of its values.
      samples: Documents that it dropped, with their values.
    """

    name: str
    least: float | None
    most: float | None
    documents: int
    dropped_first: Mapping[str, int]
    dropped_alone: Mapping[str, int]
    histogram: Mapping[str, Any]
    samples: Sequence[TextSample] = ()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Documents that are copies of one another.

    Attributes:
      kind: Exact or edited copies.
      size: Documents, the kept one included.
      kept: Name of the one that is kept.
      samples: Some of the documents, the kept one first; `value` may hold the resemblance to it.
    """

    kind: Literal["exact", "near"]
    size: int
    kept: str
    samples: Sequence[TextSample]


@dataclass(frozen=True, kw_only=True)
class Leak:
    """Evaluation text inside a document.

    Attributes:
      evaluation_id: The evaluation item.
      document_id: The document.
      source: The document's source.
      text: The text that both hold.
      share: Share of the evaluation item that the document holds.
      action: What was done.
    """

    evaluation_id: str
    document_id: str
    source: str
    text: str
    share: float
    action: Literal["drop", "cut", "report"] = "drop"


@dataclass(frozen=True, kw_only=True)
class BadRecord:
    """A record that could not be read.

    Attributes:
      path: Its file.
      line: Its line or row, from 1.
      reason: What is wrong.
    """

    path: str
    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class ShopReport:
    """Everything that the page of a data shop shows. What is empty is left out of the page.

    Attributes:
      title: Name of the corpus.
      steps: Counts by step and source, in the order of the steps.
      rules: The rules in the order in which they decide.
      clusters: The largest clusters of copies.
      leaks: Evaluation text that was found; some where there are many.
      num_leaks: All of them, by source.
      bad: Records that could not be read; some where there are many.
      num_bad: All of them.
      pii: Replacements by source and kind.
      normalisation: Documents changed by source and switch.
      before: `Analysis.result()` of what was read.
      after: `Analysis.result()` of what is left.
      one_in: Both are of one in so many documents, the same ones where they are left.
      settings: The configuration.
      versions: Versions of the software and of Unicode.
    """

    title: str
    steps: Sequence[StepCount]
    rules: Sequence[RuleReport] = ()
    clusters: Sequence[Cluster] = ()
    leaks: Sequence[Leak] = ()
    num_leaks: Mapping[str, int] = field(default_factory=dict)
    bad: Sequence[BadRecord] = ()
    num_bad: int = 0
    pii: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    normalisation: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    one_in: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return dataclasses.asdict(self)
