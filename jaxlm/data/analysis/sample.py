"""A random sample of documents that is the same whatever the order and the split."""

import heapq
from dataclasses import dataclass, field
from typing import Any

from jaxlm.data.analysis.batch import Batch
from jaxlm.data.analysis.signs import excerpt

DOCUMENTS = 2_000
BEGINNING, END = 6_000, 2_000
"""Characters kept of a document at either end; boilerplate is often at the end."""

_EXTREMES = 3
_SHOWN = 5
_SHOWN_CHARACTERS = 600


@dataclass(frozen=True, order=True)
class Sampled:
    """A document of the sample.

    Attributes:
      order: A random number fixed by its name; the sample holds the smallest.
      id: Its name.
      source: Its source.
      text: Its beginning and end, where it is longer than both.
      language: Its language, empty where it is not known.
    """

    order: int
    id: str
    source: str = field(compare=False)
    text: str = field(compare=False)
    language: str = field(compare=False, default="")


class Sample:
    """The 2,000 documents of a source that come first in random order, and its extremes.

    Attributes:
      documents: The sample so far, in random order.
      seen: Documents that it stands for.
      shortest: Length, order, id and text of the shortest documents that are not empty.
      longest: The same of the longest, with minus the length.
    """

    def __init__(self) -> None:
        self.documents: list[Sampled] = []
        self.seen = 0
        self.shortest: list[tuple[int, int, str, str]] = []
        self.longest: list[tuple[int, int, str, str]] = []

    def add(self, batch: Batch) -> None:
        """Offers documents to the sample."""
        self.seen += len(batch.texts)
        has_language = "language" in batch.table.column_names
        languages = batch.table["language"].to_pylist() if has_language else [""] * len(batch.ids)
        rows = zip(batch.order, batch.ids, batch.texts, languages, strict=True)
        bound = self.documents[-1].order if len(self.documents) == DOCUMENTS else 1 << 64
        self._keep(
            [
                Sampled(order, document_id, batch.source, _cut(text), language or "")
                for order, document_id, text, language in rows
                if order <= bound
            ]
        )
        extremes = [
            (len(text), order, document_id, excerpt(text, length=_SHOWN_CHARACTERS))
            for order, document_id, text in zip(batch.order, batch.ids, batch.texts, strict=True)
            if text
        ]
        self._keep_extremes(
            extremes, [(-length, order, name, text) for length, order, name, text in extremes]
        )

    def merge(self, other: "Sample") -> None:
        """Joins another source's or worker's sample."""
        self.seen += other.seen
        self._keep(other.documents)
        self._keep_extremes(other.shortest, other.longest)

    def result(self) -> dict[str, Any]:
        """Documents to show: random ones, the shortest, the longest."""
        shown = self.documents[:_SHOWN]
        return {
            "seen": self.seen,
            "sampled": len(self.documents),
            "random": [
                {"id": d.id, "text": excerpt(d.text, length=_SHOWN_CHARACTERS)} for d in shown
            ],
            "shortest": [{"id": name, "length": n, "text": t} for n, _, name, t in self.shortest],
            "longest": [{"id": name, "length": -n, "text": t} for n, _, name, t in self.longest],
            "by_language": self._by_language(),
        }

    def _by_language(self) -> dict[str, list[dict[str, str]]]:
        """The first document in each language."""
        first: dict[str, Sampled] = {}
        for document in self.documents:
            first.setdefault(document.language, document)
        return {
            language: [{"id": d.id, "text": excerpt(d.text, length=_SHOWN_CHARACTERS)}]
            for language, d in sorted(first.items())
            if language
        }

    def _keep(self, documents: list[Sampled]) -> None:
        self.documents = heapq.nsmallest(DOCUMENTS, [*self.documents, *documents])

    def _keep_extremes(
        self,
        shortest: list[tuple[int, int, str, str]],
        longest: list[tuple[int, int, str, str]],
    ) -> None:
        self.shortest = heapq.nsmallest(_EXTREMES, [*self.shortest, *shortest])
        self.longest = heapq.nsmallest(_EXTREMES, [*self.longest, *longest])


def _cut(text: str) -> str:
    if len(text) <= BEGINNING + END:
        return text
    return f"{text[:BEGINNING]}\n{text[-END:]}"
