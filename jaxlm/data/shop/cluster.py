"""Many machines: Ray runs the row work, Daft finds what documents share.

The directory of results must be one that all nodes see by the same path.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jaxlm.data.shop.engine import Work
from jaxlm.errors import ExitCode, UserError

# Both libraries report to their makers unless told not to before they are imported.
_SILENCE = {
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "1",
    "DAFT_ANALYTICS_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_MOST_TRIES = 3


class ClusterEngine:
    """The engine of a Ray cluster."""

    def __init__(self, address: str) -> None:
        """Connects to a cluster.

        Args:
          address: `HOST:PORT` of its head; empty starts one on this machine.

        Raises:
          UserError: Ray or Daft is not installed, or the cluster does not answer.
        """
        os.environ.update(_SILENCE)
        try:
            import daft
            import ray
        except ImportError as error:
            raise UserError(
                f"engine=ray needs Ray and Daft ({error}): pip install 'jaxlm[cluster]'"
            ) from error
        environment = {"env_vars": _SILENCE}
        try:
            ray.init(
                # Without an address of its own, Ray would join any cluster that it finds traces of.
                address=address or "local",
                runtime_env=environment,
                log_to_driver=False,
                logging_level="ERROR",
            )
        except (ConnectionError, RuntimeError) as error:
            raise UserError(
                f"engine=ray://{address}: no cluster answers there: {error}", ExitCode.UNUSABLE
            ) from error
        daft.set_runner_ray()
        self._ray, self._daft = ray, daft

    def run(self, work: Work, parts: Iterable[int], stage: str) -> Iterator[tuple[int, Any]]:
        """Runs each part as a task; Ray runs it again where its worker or node dies."""
        ray = self._ray
        task = ray.remote(max_retries=_MOST_TRIES)(_call)
        shared = ray.put(work)
        left = {task.remote(shared, part): part for part in parts}
        while left:
            ready, _ = ray.wait(list(left))
            for reference in ready:
                yield left.pop(reference), self._result(reference, stage)

    def repeated(
        self, paths: Sequence[Path], column: str, left_out: np.ndarray, least: int = 2
    ) -> pa.Table:
        """Groups by value across the cluster."""
        daft = self._daft
        frame = daft.read_parquet([str(path) for path in paths]).select("number", column)
        if pa.types.is_nested(pq.read_schema(paths[0]).field(column).type):
            frame = frame.explode(daft.col(column))
        frame = frame.select(daft.col(column).alias("value"), "number")
        frame = frame.where(daft.col("value").not_null()).distinct()
        if len(left_out):
            others = daft.from_pydict({"number": left_out.tolist()})
            frame = frame.join(others, on="number", how="anti")
        counts = frame.groupby("value").agg(daft.col("number").count().alias("documents"))
        shared = counts.where(daft.col("documents") >= least).select("value")
        found = frame.join(shared, on="value", how="semi").to_arrow()
        # What is shared is little, and Daft 0.7 cannot sort binary values of one size.
        if pa.types.is_fixed_size_binary(found["value"].type):
            found = found.set_column(0, "value", found["value"].cast(pa.binary()))
        return found.select(["value", "number"]).sort_by(
            [("value", "ascending"), ("number", "ascending")]
        )

    def close(self) -> None:
        """Leaves the cluster."""
        self._ray.shutdown()

    def _result(self, reference: Any, stage: str) -> Any:
        ray = self._ray
        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except ray.exceptions.RayError as error:
            raise UserError(
                f"{stage}: a part was lost {_MOST_TRIES + 1} times with its worker: {error}; start "
                "again: finished parts are kept",
                ExitCode.RESTART,
            ) from None


def _call(work: Work, part: int) -> Any:
    return work(part)
