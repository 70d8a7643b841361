"""Copies of documents: which are dropped, and for which one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jaxlm.data.dedup.clusters import verified_clusters
from jaxlm.data.dedup.config import NearConfig
from jaxlm.data.dedup.minhash import set_jaccard
from jaxlm.data.shop.engine import Engine
from jaxlm.data.shop.judgement import EXACT_COPY, NEAR_COPY, Judgement, by_part
from jaxlm.data.shop.rows import Shingles
from jaxlm.data.shop.stage import Stage


@dataclass(kw_only=True)
class Copies:
    """For every dropped copy, the document that is kept in its place.

    Attributes:
      exact: [n, 2] int64 (copy, kept).
      near: [n, 2] int64 (copy, kept).
      num_compared: Pairs of documents compared exactly.
      num_similar: Of these, the similar ones.
      num_unfinished: See `dedup.clusters.Clusters`.
    """

    exact: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    near: np.ndarray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    num_compared: int = 0
    num_similar: int = 0
    num_unfinished: int = 0


def drop_exact_copies(
    judged: Judgement, paths: Sequence[Path], engine: Engine, copies: Copies
) -> None:
    """Drops all but the first of the documents that share a key."""
    found = engine.repeated(paths, "exact", judged.dropped())
    if not found.num_rows:
        return
    groups = found["value"].combine_chunks().dictionary_encode().indices.to_numpy()
    numbers = found["number"].to_numpy()
    is_first = np.ones(len(groups), bool)
    is_first[1:] = groups[1:] != groups[:-1]
    kept = numbers[is_first][np.cumsum(is_first) - 1]
    copies.exact = np.stack([numbers[~is_first], kept[~is_first]], axis=1)
    judged.drop(copies.exact[:, 0], EXACT_COPY)


def drop_near_copies(
    judged: Judgement,
    paths: Sequence[Path],
    config: NearConfig,
    engine: Engine,
    texts: Stage,
    starts: tuple[int, ...],
    copies: Copies,
) -> None:
    """Drops all but the first of the documents that are similar enough, by an exact comparison."""
    found = engine.repeated(paths, "bands", judged.dropped())
    shingles: dict[int, np.ndarray] = {}

    def verify(pairs: np.ndarray) -> np.ndarray:
        missing = np.setdiff1d(pairs, np.fromiter(shingles, np.int64, len(shingles)))
        wanted = dict(by_part(missing, starts))
        work = Shingles(config=config, texts=texts, starts=starts, wanted=wanted)
        for _, sets in engine.run(work, wanted, "comparison of near copies"):
            shingles.update(sets)
        return np.array(
            [set_jaccard(shingles[a], shingles[b]) >= config.threshold for a, b in pairs.tolist()],
            bool,
        )

    numbers = found["number"].to_numpy()
    clusters = verified_clusters(
        found["value"].to_numpy(), numbers, len(judged.codes), verify, config.max_distance
    )
    copies.num_compared = clusters.num_compared
    copies.num_similar = clusters.num_similar
    copies.num_unfinished = clusters.num_unfinished
    dropped = np.flatnonzero(~clusters.kept)
    copies.near = np.stack([dropped, clusters.labels[dropped]], axis=1)
    judged.drop(dropped, NEAR_COPY)
