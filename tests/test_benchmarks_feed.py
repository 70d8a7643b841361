"""The feed benchmark runs, and notices what it is there to notice."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from benchmarks import feed
from jaxlm.data import packing
from tests.data.toy_store import random_texts, write_toy_store


def arguments(**changes: int) -> argparse.Namespace:
    sizes = {"tokens": 60_000, "sources": 2, "seq_len": 64, "batch_size": 8, "batches": 3}
    return argparse.Namespace(**{**sizes, "repeats": 1, **changes})


def test_report_has_a_row_for_each_figure() -> None:
    report = feed.report(arguments())
    for what in ("packing, best_fit", "packing, concatenate", "rows, one call", "loader, one"):
        assert f"| {what}" in report
    assert report.count("| 0 wrong |") == 2
    assert "batches on 1, 2, 4, 8 hosts equal" in report


def test_a_lost_piece_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = feed.write_store(tmp_path, 20_000, 1)

    def losing(*settings: object) -> packing.RowIndex:
        index = packing.pack(*settings)  # type: ignore[arg-type]
        index.piece_length[3] -= 1
        return index

    monkeypatch.setattr(feed, "pack", losing)
    assert feed.measure_packing(store, 64, "best_fit", 1)[-1] == "1 wrong"


def test_lengths_have_the_mean_and_the_number_of_documents() -> None:
    lengths = np.concatenate(list(feed._lengths(np.random.default_rng(0), 9_000_000)))
    assert len(lengths) == 10_000
    assert lengths.mean() == pytest.approx(feed.MEAN_LENGTH, rel=0.05)


def test_drawing_counts_documents(tmp_path: Path) -> None:
    store = write_toy_store(tmp_path / "store", {"a": (1.0, random_texts(7, 30, 0))})
    assert "(7 documents)" in feed.measure_drawing(store, 0.5)
