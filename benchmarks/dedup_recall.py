"""What the removal of repeated text finds, and how fast its row functions are.

    python -m benchmarks.dedup_recall

Passages of the standard library's source get a copy each with some words changed. The Jaccard
similarity of a pair is taken from sets of word tuples, independently of the product's hashes.
"""

import argparse
import itertools
import re
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks import tables
from jaxlm.data.dedup.clusters import candidate_edges, flat_keys
from jaxlm.data.dedup.config import (
    DecontaminateConfig,
    ExactConfig,
    LinesConfig,
    NearConfig,
    SubstringsConfig,
)
from jaxlm.data.dedup.decontaminate import evaluation_index, matches
from jaxlm.data.dedup.exact import exact_keys
from jaxlm.data.dedup.lines import line_hashes, remove_lines, repeated_lines
from jaxlm.data.dedup.minhash import band_keys, candidate_probability, similarities
from jaxlm.data.dedup.passages import cut
from jaxlm.data.dedup.substrings import anchors, repeated_anchors, repeated_passages, windows

PASSAGE_WORDS = 400
LEVELS = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
HALF_WIDTH = 0.025

_WORD = re.compile(r"[^\W_]+")


def library_files() -> Iterator[str]:
    """The source files of the standard library, in the order of their names."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        if not {"site-packages", "test", "tests", "idlelib"} & set(path.parts):
            yield path.read_text(errors="replace")


def passages(num: int) -> list[str]:
    """Passages of `PASSAGE_WORDS` words."""
    found: list[str] = []
    for text in library_files():
        words = text.split(" ")
        starts = range(0, len(words) - PASSAGE_WORDS, PASSAGE_WORDS)
        found += (" ".join(words[start : start + PASSAGE_WORDS]) for start in starts)
        if len(found) >= num:
            break
    return found[:num]


def edited(text: str, similarity: float, ngram: int, rng: np.random.Generator) -> str:
    """A copy with words changed so that about the wanted share of n-grams is in both."""
    words = list(_WORD.finditer(text))
    # An n-gram stays with probability (1 - changed)**ngram; s of a union are 2s / (1 + s) of each.
    changed = 1 - (2 * similarity / (1 + similarity)) ** (1 / ngram)
    parts, end = [], 0
    for word in itertools.compress(words, rng.random(len(words)) < changed):
        parts += [text[end : word.start()], f"w{rng.integers(1 << 40):x}"]
        end = word.end()
    return "".join([*parts, text[end:]])


def true_shingles(text: str, ngram: int) -> set[tuple[str, ...]]:
    words = [word.casefold() for word in _WORD.findall(text)]
    return {tuple(words[i : i + ngram]) for i in range(max(1, len(words) - ngram + 1))}


def true_jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b)


def recall_table(similarity: np.ndarray, shared: np.ndarray, config: NearConfig) -> str:
    """Share of the planted pairs that share a band, by true similarity.

    Args:
      similarity: [num_pairs], true ones.
      shared: [num_pairs] bool, whether the pair shares a band.
      config: The bands.
    """
    rows = []
    for level in LEVELS:
        near = np.abs(similarity - level) <= HALF_WIDTH
        if not near.any():
            continue
        theory = candidate_probability(similarity[near], config).mean()
        error = np.sqrt(theory * (1 - theory) / near.sum())
        recall = shared[near].mean()
        rows.append(
            (f"{level:.2f}", f"{near.sum()}", f"{recall:.3f}", f"{theory:.3f}", f"{error:.3f}")
        )
    header = ("Jaccard", "pairs", "recall", "theory", "standard error")
    return tables.markdown(header, rows)


def precision_table(texts: list[str], config: NearConfig) -> str:
    """Share of candidates that are truly similar, before and after they are compared."""
    keys, documents = flat_keys(band_keys(texts, config), np.arange(len(texts)))
    edges = candidate_edges(keys, documents)
    verified = edges[similarities(texts, edges, config) >= config.threshold]
    sets = {row: true_shingles(texts[row], config.ngram) for row in np.unique(edges).tolist()}
    rows = []
    for name, pairs in (("sharing a band", edges), ("compared", verified)):
        truth = [true_jaccard(sets[a], sets[b]) >= config.threshold for a, b in pairs.tolist()]
        rows.append((name, f"{len(pairs)}", f"{np.mean(truth):.4f}" if truth else "n/a"))
    return tables.markdown(("pairs", "number", f"precision at {config.threshold}"), rows)


def speed_table(texts: list[str], repeats: int) -> str:
    """MB of UTF-8 a second and core of each row function, by processor time, best of several."""
    near, lines, substrings = NearConfig(), LinesConfig(), SubstringsConfig()
    contamination = DecontaminateConfig()
    numbers = np.arange(len(texts))
    edges = np.stack([numbers[:-1], numbers[1:]], axis=1)
    common = repeated_lines(line_hashes(texts, numbers, lines), lines)
    repeated = repeated_anchors(anchors(texts, substrings))
    found = repeated_passages(windows(texts, numbers, repeated, substrings), substrings)
    index = evaluation_index([str(n) for n in numbers[::50]], texts[::50], contamination)
    functions: dict[str, Callable[[], object]] = {
        "exact.exact_keys": lambda: exact_keys(texts, ExactConfig()),
        "minhash.band_keys": lambda: band_keys(texts, near),
        "minhash.similarities": lambda: similarities(texts, edges, near),
        "lines.line_hashes": lambda: line_hashes(texts, numbers, lines),
        "lines.remove_lines": lambda: remove_lines(texts, numbers, common, lines),
        "substrings.anchors": lambda: anchors(texts, substrings),
        "substrings.windows": lambda: windows(texts, numbers, repeated, substrings),
        "passages.cut": lambda: cut(texts, numbers, found),
        "decontaminate.matches": lambda: matches(texts, numbers, index, contamination),
    }
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    rows = [
        (name, f"{megabytes / min(seconds(function) for _ in range(repeats)):.1f}")
        for name, function in functions.items()
    ]
    return tables.markdown(("row function", "MB/s"), rows)


def seconds(function: Callable[[], object]) -> float:
    """Processor time of a call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dedup_recall")
    parser.add_argument("--passages", type=int, default=2000, help="that get a copy")
    parser.add_argument("--repeats", type=int, default=3, help="timed calls of each function")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    config = NearConfig()
    rng = np.random.default_rng(arguments.seed)
    originals = passages(arguments.passages)
    levels = rng.choice(LEVELS, len(originals))
    copies = [
        edited(text, level, config.ngram, rng)
        for text, level in zip(originals, levels, strict=True)
    ]
    keys = [
        band_keys(texts, config).flatten().to_numpy().reshape(len(texts), -1)
        for texts in (originals, copies)
    ]
    similarity = np.array(
        [
            true_jaccard(true_shingles(a, config.ngram), true_shingles(b, config.ngram))
            for a, b in zip(originals, copies, strict=True)
        ]
    )
    print(tables.circumstances(numpy=np.__version__))
    print("\n" + recall_table(similarity, (keys[0] == keys[1]).any(1), config))
    print("\n" + precision_table(originals + copies, config))
    print("\n" + speed_table(originals + copies, arguments.repeats))


if __name__ == "__main__":
    main()
