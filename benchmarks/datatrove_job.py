"""The peer's side of `benchmarks.data`: the same files through datatrove, in its own environment.

    python benchmarks/datatrove_job.py FOLDER OUT WORKERS

reads the JSONL files of a folder, keeps what passes Gopher's quality and repetition rules, and
removes near copies by MinHash; prints the seconds that it took and the documents that are left.
"""

import gzip
import json
import sys
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
)
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter


def main() -> None:
    folder, out, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    tasks = len(list(folder.glob("*.jsonl.gz")))
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)

    def run(name: str, steps: list, tasks: int) -> None:
        LocalPipelineExecutor(
            pipeline=steps,
            tasks=tasks,
            workers=min(workers, tasks),
            logging_dir=str(out / "logs" / name),
        ).run()

    began = time.perf_counter()
    filtered, signatures = str(out / "filtered"), str(out / "signatures")
    buckets, removed, kept = (str(out / name) for name in ("buckets", "removed", "kept"))
    rules = [GopherRepetitionFilter(), GopherQualityFilter()]
    read = JsonlReader(str(folder), glob_pattern="*.jsonl.gz")
    run("filter", [read, *rules, JsonlWriter(filtered)], tasks)
    run(
        "signatures",
        [JsonlReader(filtered), MinhashDedupSignature(signatures, config=config)],
        tasks,
    )
    run("buckets", [MinhashDedupBuckets(signatures, buckets, config=config)], config.num_buckets)
    run("cluster", [MinhashDedupCluster(buckets, removed, config=config)], 1)
    run(
        "deduplicated",
        [JsonlReader(filtered), MinhashDedupFilter(removed), JsonlWriter(kept)],
        tasks,
    )
    seconds = time.perf_counter() - began
    left = sum(_num_lines(path) for path in Path(kept).glob("*.jsonl.gz"))
    print(json.dumps({"seconds": seconds, "documents": left}))


def _num_lines(path: Path) -> int:
    with gzip.open(path) as file:
        return sum(1 for _ in file)


if __name__ == "__main__":
    main()
