"""The data shop on real text with planted copies, beside datatrove on the same files.

    python -m benchmarks.data --folder text --peer-python .venv-datatrove/bin/python

Text of at least `--megabytes` is collected from files of this machine into JSONL shards once; the
copies have words changed so that their true Jaccard similarity to the original is known.
"""

import argparse
import gzip
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import tables
from benchmarks.dedup_recall import edited, true_jaccard, true_shingles
from jaxlm.data.dedup.config import NearConfig
from jaxlm.data.dedup.minhash import candidate_probability

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "benchmarks" / "shop_recipe.py"
SHARDS = 16
SUFFIXES = (".py", ".txt", ".md", ".rst", ".html", ".h", ".hpp", ".pm", ".c", ".css", ".js")
SIMILARITIES = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
COPIES_EACH = 150
PLANTED = "planted.json"


def collect(folder: Path, roots: list[Path], num_bytes: int) -> None:
    """Writes the corpus and, beside it, which copies were planted."""
    import numpy as np

    rng = np.random.default_rng(0)
    texts: dict[str, str] = {}
    size = 0
    for path, text in _files(roots):
        texts[str(path)] = text
        size += len(text.encode())
        if size >= num_bytes:
            break
    candidates = [name for name, text in texts.items() if 2_000 < len(text) < 20_000]
    random.Random(0).shuffle(candidates)
    planted = {}
    for level, name in zip(
        itertools.cycle(SIMILARITIES), candidates[: COPIES_EACH * len(SIMILARITIES)], strict=False
    ):
        copy = edited(texts[name], level, 5, rng) if level < 1 else texts[name].upper()
        planted[f"copy of {name}"] = {
            "of": name,
            "similarity": true_jaccard(true_shingles(texts[name], 5), true_shingles(copy, 5)),
        }
        texts[f"copy of {name}"] = copy
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(SHARDS):
        with gzip.open(folder / f"{shard:03d}.jsonl.gz", "wt", compresslevel=4) as file:
            for name in list(texts)[shard::SHARDS]:
                file.write(json.dumps({"id": name, "text": texts[name]}) + "\n")
    sizes = sum(len(text.encode()) for text in texts.values())
    content = {"bytes": sizes, "documents": len(texts), "copies": planted}
    (folder / PLANTED).write_text(json.dumps(content))


def _files(roots: list[Path]) -> Iterator[tuple[Path, str]]:
    seen = set()
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in sorted(names):
                path = Path(folder, name)
                if not name.endswith(SUFFIXES) or path.is_symlink() or path in seen:
                    continue
                seen.add(path)
                try:
                    text = path.read_text("utf-8")
                except (OSError, UnicodeDecodeError):
                    continue
                if 200 < len(text) < 200_000:
                    yield path, text


class PeakMemory:
    """Largest resident memory of each process below one, looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peaks: dict[int, int] = defaultdict(int)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def result(self) -> tuple[int, int]:
        """Bytes of the process itself, and of its largest child."""
        self._stop.set()
        self._thread.join()
        driver = self._peaks.pop(self._pid, 0)
        return driver, max(self._peaks.values(), default=0)

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            for pid in (self._pid, *_children(self._pid)):
                self._peaks[pid] = max(self._peaks[pid], _resident(pid))


def _children(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(task) for task in tasks]


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def shop(folder: Path, out: Path, workers: int) -> tuple[float, int, int]:
    """Seconds of the whole command, peak bytes of the driver and of the largest worker."""
    command = [sys.executable, "-m", "jaxlm.data.prepare", str(RECIPE), f"out_dir={out}"]
    settings = [f"sources.0.path={folder}/*.jsonl.gz", f"workers={workers}"]
    began = time.perf_counter()
    process = subprocess.Popen([*command, *settings], cwd=ROOT, stderr=subprocess.DEVNULL)
    memory = PeakMemory(process.pid)
    if process.wait():
        raise SystemExit("the shop failed")
    return time.perf_counter() - began, *memory.result()


def peer(python: str, folder: Path, out: Path, workers: int) -> tuple[float, int]:
    """Seconds and documents left of datatrove."""
    script = ROOT / "benchmarks" / "datatrove_job.py"
    command = [python, str(script), str(folder), str(out), str(workers)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(result.stdout.splitlines()[-1])
    return found["seconds"], found["documents"]


def recall(folder: Path, out: Path) -> list[tuple[str, ...]]:
    """Share of the planted copies that were found, by true similarity, beside theory."""
    copies = json.loads((folder / PLANTED).read_text())["copies"]
    dropped = {
        row["id"]: row["reason"] for row in pq.read_table(out / "dropped.parquet").to_pylist()
    }
    rows = []
    for level in SIMILARITIES:
        found, probability = [], []
        for name, copy in copies.items():
            reasons = {dropped.get(name), dropped.get(copy["of"])}
            if abs(copy["similarity"] - level) <= 0.025 and reasons <= {
                None,
                "near copy",
                "exact copy",
            }:
                found.append(reasons != {None})
                probability.append(float(candidate_probability(copy["similarity"], NearConfig())))
        if found:
            mean, theory = sum(found) / len(found), sum(probability) / len(found)
            rows.append((f"{level:.2f}", str(len(found)), f"{mean:.3f}", f"{theory:.3f}"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data")
    parser.add_argument("--folder", type=Path, required=True, help="of the corpus; made if empty")
    parser.add_argument("--megabytes", type=int, default=155)
    parser.add_argument("--roots", type=Path, nargs="*", default=[Path(sys.prefix), Path("/usr")])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--peer-python", default="", help="of an environment with datatrove")
    arguments = parser.parse_args()
    folder = arguments.folder
    if not (folder / PLANTED).exists():
        collect(folder, arguments.roots, arguments.megabytes * 1_000_000)
    corpus = json.loads((folder / PLANTED).read_text())
    megabytes = corpus["bytes"] / 1e6
    print(tables.circumstances())
    print(f"\n{corpus['documents']:,} documents, {megabytes:.1f} MB\n")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for repeat in range(arguments.repeats):
            out = Path(scratch) / f"shop{repeat}"
            seconds, driver, worker = shop(folder, out, arguments.workers)
            memory = f"{driver / 1e6:.0f} + {worker / 1e6:.0f}"
            rows.append(
                ("jaxlm.data.prepare", f"{seconds:.1f}", f"{megabytes / seconds:.2f}", memory)
            )
            if arguments.peer_python:
                seconds, _ = peer(
                    arguments.peer_python, folder, Path(scratch) / "peer", arguments.workers
                )
                rows.append(("datatrove", f"{seconds:.1f}", f"{megabytes / seconds:.2f}", ""))
                shutil.rmtree(Path(scratch) / "peer")
        print(tables.markdown(("what", "seconds", "MB/s", "MB: driver + worker"), rows))
        print()
        header = ("similarity", "pairs", "found", "theory")
        print(tables.markdown(header, recall(folder, out)))


if __name__ == "__main__":
    main()
