"""Which rules judge a source, and what became of every document."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from jaxlm.data.filters.language import LanguageConfig
from jaxlm.data.filters.rules import Rule, RuleSet, failures
from jaxlm.data.shop.config import FiltersConfig, PrepareConfig, SourceConfig
from jaxlm.errors import UserError
from jaxlm.spelling import nearest

KEPT = "kept"
EMPTY = "empty"
CONTAMINATED = "evaluation text"
EXACT_COPY = "exact copy"
NEAR_COPY = "near copy"
NOTHING_LEFT = "nothing left of repeated text"


def rule_sets(filters: FiltersConfig) -> dict[str, RuleSet]:
    """The sets that a source may name."""
    return {name: value for name, value in vars(filters).items() if isinstance(value, RuleSet)}


def source_rules(config: PrepareConfig, source: SourceConfig) -> tuple[Rule, ...]:
    """The rules that judge a source's documents, in order: its languages, then its sets.

    Raises:
      UserError: The source names a set that does not exist.
    """
    sets = rule_sets(config.filters)
    rules: list[Rule] = []
    if source.languages:
        probability = config.filters.least_language_probability
        rules += LanguageConfig(languages=source.languages, least_probability=probability).rules()
    for name in source.rules:
        if name not in sets:
            close = ", ".join(nearest(name, sets)) or ", ".join(sets)
            raise UserError(
                f"source {source.name!r}: rules={name}: there is no set of rules of that name; "
                f"the nearest: {close}"
            )
        rules += sets[name].rules()
    return tuple(rules)


def reasons(values: pa.Table, rules: Sequence[Rule]) -> dict[str, np.ndarray]:
    """For each reason, in order, which documents of a part it drops: bool [num_documents].

    Args:
      values: Of the stage `measures`.
      rules: The rules of the part's source.
    """
    return {EMPTY: values["is_blank"].to_numpy(), **failures(values, rules)}


def measured(rules: Sequence[Rule]) -> list[list[str]]:
    """What decides the values of rules: their functions with their arguments, no thresholds."""
    return [[rule.name, *_described(rule.measure)] for rule in rules]


def _described(function: Callable[..., float]) -> Iterator[str]:
    if not isinstance(function, partial):
        yield f"{function.__module__}.{function.__qualname__}"
        return
    yield from _described(function.func)
    for value in [*function.args, *dict(sorted(function.keywords.items())).values()]:
        # The values of a trained model are those of its file.
        is_file = isinstance(value, str) and Path(value).is_file()
        yield hashlib.sha256(Path(value).read_bytes()).hexdigest() if is_file else repr(value)


class Judgement:
    """What became of every document, by its number: kept, or the first reason to drop it.

    Attributes:
      reasons: Names; the first is `KEPT`.
      codes: [num_documents] int16, places in `reasons`.
    """

    def __init__(self, num_documents: int) -> None:
        self.reasons = [KEPT]
        self.codes = np.zeros(num_documents, np.int16)

    def drop(self, numbers: np.ndarray, reason: str) -> np.ndarray:
        """Drops documents that were kept so far; returns their numbers."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        dropped = np.unique(numbers[self.codes[numbers] == 0])
        self.codes[dropped] = self.reasons.index(reason)
        return dropped

    def kept(self) -> np.ndarray:
        """Numbers of the documents that are kept."""
        return np.flatnonzero(self.codes == 0)

    def dropped(self) -> np.ndarray:
        """Numbers of the documents that are not."""
        return np.flatnonzero(self.codes)

    def digest(self) -> str:
        """Identity of the kept set."""
        return hashlib.sha256(np.packbits(self.codes == 0).tobytes()).hexdigest()

    def table(self, start: int, end: int) -> pa.Table:
        """Numbers and reasons of a range of documents."""
        names = pa.array(self.reasons).take(pa.array(self.codes[start:end]))
        return pa.table({"number": np.arange(start, end), "reason": names})


def starts(counts: Sequence[int]) -> tuple[int, ...]:
    """Number of the first document of each part, and the number of all."""
    return (0, *np.cumsum(counts, dtype=np.int64).tolist())


def by_part(numbers: np.ndarray, bounds: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Groups ascending numbers by the part that holds them: (part, numbers); none is empty."""
    edges = np.searchsorted(numbers, bounds)
    for part, (begin, end) in enumerate(itertools.pairwise(edges)):
        if end > begin:
            yield part, numbers[begin:end]
