"""How long documents are."""

from typing import Any

from jaxlm.data.analysis.batch import Batch
from jaxlm.data.analysis.histogram import Histogram

UNITS = ("characters", "bytes", "words")


class Lengths:
    """Documents by length in each unit, and the totals, which are exact.

    Attributes:
      documents: Documents.
      totals: Sum by unit.
      histograms: Documents by length, by unit.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.totals = dict.fromkeys(UNITS, 0)
        self.histograms = {unit: Histogram() for unit in UNITS}

    def add(self, batch: Batch) -> None:
        """Counts documents."""
        self.documents += len(batch.texts)
        for unit in UNITS:
            lengths = getattr(batch, f"num_{unit}")
            self.totals[unit] += int(lengths.sum())
            self.histograms[unit].add(lengths)

    def merge(self, other: "Lengths") -> None:
        """Adds the counts of another."""
        self.documents += other.documents
        for unit in UNITS:
            self.totals[unit] += other.totals[unit]
            self.histograms[unit].merge(other.histograms[unit])

    def result(self) -> dict[str, Any]:
        """Documents, totals and histograms by unit."""
        return {
            "documents": self.documents,
            "totals": dict(self.totals),
            "histograms": {unit: h.result() for unit, h in self.histograms.items()},
        }
