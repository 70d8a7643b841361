"""One machine: a pool of processes for row work, DuckDB for what documents share."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jaxlm.data.shop.engine import Work
from jaxlm.data.shop.pool import num_workers, run_parts
from jaxlm.errors import UserError

# Beyond it DuckDB writes to disk.
_MEMORY = "1GB"

_REPEATED = """
WITH occurrences AS (
    SELECT DISTINCT {value} AS value, number FROM read_parquet($paths)
    WHERE number NOT IN (SELECT number FROM left_out)
)
SELECT value, number FROM occurrences
WHERE value IS NOT NULL AND value IN (
    SELECT value FROM occurrences GROUP BY value HAVING count(*) >= $least
)
ORDER BY value, number
"""


class LocalEngine:
    """The engine of one machine."""

    def __init__(self, workers: int) -> None:
        self._workers = num_workers(workers)

    def run(self, work: Work, parts: Iterable[int], stage: str) -> Iterator[tuple[int, Any]]:
        """Runs the parts in processes; with one worker, in this one."""
        if self._workers == 1:
            return ((part, work(part)) for part in parts)
        return run_parts(work, parts, self._workers, stage)

    def repeated(
        self, paths: Sequence[Path], column: str, left_out: np.ndarray, least: int = 2
    ) -> pa.Table:
        """Groups by value on disk where memory does not suffice."""
        is_list = pa.types.is_nested(pq.read_schema(paths[0]).field(column).type)
        query = _REPEATED.format(value=f"unnest({column})" if is_list else column)
        with (
            tempfile.TemporaryDirectory(dir=paths[0].parent.parent) as folder,
            _connect(folder, self._workers) as database,
        ):
            database.register("left_out", pa.table({"number": pa.array(left_out, pa.int64())}))
            parameters = {"paths": [str(path) for path in paths], "least": least}
            return database.sql(query, params=parameters).to_arrow_table()

    def close(self) -> None:
        """Nothing stays open."""


def _connect(folder: str, threads: int) -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise UserError(
            "the data shop needs DuckDB: pip install 'jaxlm[data]' (or make install-data)"
        ) from error
    settings: dict[str, Any] = {
        "memory_limit": _MEMORY,
        "temp_directory": folder,
        "threads": threads,
    }
    return duckdb.connect(config=settings)
