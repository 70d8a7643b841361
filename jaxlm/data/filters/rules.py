"""Rules with a value for each document; decisions come afterwards and can be made again."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from jaxlm.data.filters.text import Text
from jaxlm.errors import UserError
from jaxlm.spelling import nearest


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A number measured in a document, and the range in which the document is kept.

    Attributes:
      name: Column of the values, as `set.measure`.
      measure: The number; finite for every text, the empty one included, and independent of the
        thresholds. A module's function or a `functools.partial` of one, so that it can travel to
        another process.
      least: Documents below are dropped.
      most: Documents above are dropped.
      source: Where the rule was published.
    """

    name: str
    measure: Callable[[Text], float]
    least: float = -np.inf
    most: float = np.inf
    source: str


class RuleSet(ABC):
    """Settings of a published set of rules; a subclass is a frozen dataclass of its thresholds."""

    @abstractmethod
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in the order in which they are asked."""


@dataclass(frozen=True, kw_only=True)
class Drops:
    """How many documents a rule drops.

    Attributes:
      total: Documents that fail it.
      first: Of these, documents that fail no rule before it.
      alone: Of these, documents that fail no other rule.
    """

    total: int
    first: int
    alone: int


def measure(texts: Sequence[str], rules: Sequence[Rule]) -> pa.Table:
    """Measures every rule in every text.

    Returns:
      A float32 column for each rule, named like it, and a row for each text.

    Raises:
      UserError: Two rules have one name.
    """
    _check_names(rules)
    values = np.empty((len(rules), len(texts)), np.float32)
    for row, text in enumerate(texts):
        view = Text(text)
        values[:, row] = [rule.measure(view) for rule in rules]
    for rule, column in zip(rules, values, strict=True):
        assert np.isfinite(column).all(), f"{rule.name} is not a finite number for some text"
    return pa.table({rule.name: column for rule, column in zip(rules, values, strict=True)})


def failures(values: pa.Table, rules: Sequence[Rule]) -> dict[str, np.ndarray]:
    """Which documents fail each rule: bool [num_documents], by the rule's name.

    Raises:
      UserError: A rule was not measured.
    """
    return {rule.name: _fails(_column(values, rule), rule) for rule in rules}


def failed(values: pa.Table, rules: Sequence[Rule]) -> pa.Array:
    """The first rule that each document fails.

    Returns:
      Names, null for a document that is kept: string [num_documents].

    Raises:
      UserError: A rule was not measured.
    """
    masks = failures(values, rules)
    names = np.full(values.num_rows, None, object)
    for rule in reversed(rules):
        names[masks[rule.name]] = rule.name
    return pa.array(names, pa.string())


def drops(masks: Mapping[str, np.ndarray]) -> dict[str, Drops]:
    """Counts, from the result of `failures`, what each rule drops in all, first, and alone."""
    if not masks:
        return {}
    stacked = np.stack(list(masks.values()))
    num_failed = np.cumsum(stacked, axis=0)
    return {
        name: Drops(
            total=int(mask.sum()),
            first=int((mask & (num_failed[index] == 1)).sum()),
            alone=int((mask & (num_failed[-1] == 1)).sum()),
        )
        for index, (name, mask) in enumerate(masks.items())
    }


def _check_names(rules: Iterable[Rule]) -> None:
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise UserError(
                f"the rule {rule.name} is there twice, and its values would share a column; "
                "name each set of rules once"
            )
        seen.add(rule.name)


def _column(values: pa.Table, rule: Rule) -> np.ndarray:
    if rule.name not in values.column_names:
        near = ", ".join(nearest(rule.name, values.column_names)) or "no columns"
        raise UserError(
            f"the rule {rule.name} was not measured: its column is missing; the table has {near}. "
            "Measure the documents with this rule first"
        )
    return values[rule.name].to_numpy()


def _fails(column: np.ndarray, rule: Rule) -> np.ndarray:
    # In the precision of the column: a value equal to the threshold must compare as equal.
    return (column < np.float32(rule.least)) | (column > np.float32(rule.most))
