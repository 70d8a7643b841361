"""What an engine does for the shop, so that the same functions run on a laptop or on a cluster."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from jaxlm.errors import UserError

Work = Callable[[int], Any]


class Engine(Protocol):
    """Runs row work part by part, and finds what documents share."""

    def run(self, work: Work, parts: Iterable[int], stage: str) -> Iterator[tuple[int, Any]]:
        """Runs `work` for each part and yields (part, result) as they end.

        Args:
          work: Picklable; pure but for the part that it writes, so that it may be run again.
          parts: Numbers of the parts.
          stage: Name for messages.
        """

    def repeated(
        self, paths: Sequence[Path], column: str, left_out: np.ndarray, least: int = 2
    ) -> pa.Table:
        """Finds the values that several documents share.

        Args:
          paths: Parquet files with a column `number`, the document's, and the column of values.
          column: Its name; of lists, every element counts.
          left_out: int64, numbers of documents that do not count.
          least: Documents that must share a value.

        Returns:
          `value` and `number`, distinct, sorted by both.
        """

    def close(self) -> None:
        """Ends processes."""


def open_engine(name: str, workers: int) -> Engine:
    """The engine of `PrepareConfig.engine`.

    Raises:
      UserError: There is no such engine, or its libraries are not installed.
    """
    if name == "local":
        from jaxlm.data.shop.local import LocalEngine

        return LocalEngine(workers)
    if name == "ray" or name.startswith("ray://"):
        from jaxlm.data.shop.cluster import ClusterEngine

        return ClusterEngine(name.removeprefix("ray").removeprefix("://"))
    raise UserError(f"engine={name}: expected local, ray, or ray://HOST:PORT of a running cluster")
