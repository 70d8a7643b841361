"""Columns that earlier steps measured: rule values, scores, languages."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from jaxlm.data.analysis.batch import Batch
from jaxlm.data.analysis.histogram import Histogram

Thresholds = Mapping[str, tuple[float, float]]
"""Least and most value that a column's rule allows, by column."""


class Scores:
    """Histograms of all columns of real numbers, and how many documents a threshold would drop.

    Attributes:
      thresholds: Bounds by column; columns without one are drawn only.
      histograms: Values by column.
      dropped: Documents outside the bounds, by column.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = dict(thresholds or {})
        self.histograms: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.dropped: Counter[str] = Counter()

    def add(self, batch: Batch) -> None:
        """Counts the values of every floating-point column."""
        for field in batch.table.schema:
            if pa.types.is_floating(field.type):
                values = batch.table[field.name].to_numpy().astype(np.float64)
                self.histograms[field.name].add(values)
                least, most = self.thresholds.get(field.name, (-np.inf, np.inf))
                self.dropped[field.name] += int(np.sum((values < least) | (values > most)))

    def merge(self, other: "Scores") -> None:
        """Adds the counts of another with the same thresholds."""
        for name, histogram in other.histograms.items():
            self.histograms[name].merge(histogram)
        self.dropped.update(other.dropped)

    def result(self) -> dict[str, Any]:
        """Histogram, bounds and dropped documents by column, in the order of their names."""
        return {name: self._column(name) for name in sorted(self.histograms)}

    def _column(self, name: str) -> dict[str, Any]:
        bounds = self.thresholds.get(name)
        finite = [bound if np.isfinite(bound) else None for bound in bounds or ()]
        return {
            "histogram": self.histograms[name].result(),
            "bounds": finite or None,
            "dropped": self.dropped[name],
        }
