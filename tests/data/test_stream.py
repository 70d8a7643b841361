"""Sample n is a pure function; every planned sample comes once and holds what it should."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.store import StoreWriter, TokenStore
from jaxlm.data.stream import NO_SAMPLE, Batch, Stream, sample_digest
from jaxlm.data.tables import Packing
from jaxlm.errors import ExitCode, UserError
from tests.data.counting_store import SOURCE_STRIDE, transitions, write_counting_store

RNG = np.random.default_rng(0)
PROSE = RNG.integers(0, 40, 60).tolist()
CODE = RNG.integers(2, 90, 25).tolist()
PACKINGS = ("best_fit", "concatenate")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    return write_counting_store(
        tmp_path_factory.mktemp("stream") / "store",
        {"prose": (0.7, PROSE), "code": (0.3, CODE)},
        {"prose": (0.7, PROSE[:20]), "empty": (0.1, [1, 1]), "code": (0.2, CODE[:7])},
    )


def real_tokens(batch: Batch) -> list[int]:
    return batch["tokens"][batch["segment_ids"] > 0].tolist()


@pytest.mark.parametrize("packing", PACKINGS)
def test_slots_are_transitions_inside_documents(store: TokenStore, packing: Packing) -> None:
    batch = Stream(store, "train", 16, 0, packing).rows(np.arange(300))
    real = batch["segment_ids"] > 0
    # In a counting store this holds only inside a document.
    np.testing.assert_array_equal(batch["targets"][real], batch["tokens"][real] + 1)
    np.testing.assert_array_equal(batch["loss_weights"], real.astype(np.float32))
    for name in ("tokens", "targets", "positions"):
        assert not batch[name][~real].any()
    assert {name: values.dtype.name for name, values in batch.items()} == {
        **dict.fromkeys(("tokens", "targets", "positions", "segment_ids"), "int32"),
        "loss_weights": "float32",
        "sample_id": "int64",
    }


@pytest.mark.parametrize("packing", PACKINGS)
def test_segments_hold_one_run_of_one_document_each(store: TokenStore, packing: Packing) -> None:
    batch = Stream(store, "train", 16, 0, packing).rows(np.arange(100))
    for tokens, positions, segments in zip(
        batch["tokens"], batch["positions"], batch["segment_ids"], strict=True
    ):
        numbers = [int(number) for number in dict.fromkeys(segments.tolist()) if number]
        assert numbers == list(range(1, len(numbers) + 1))
        assert (np.diff(segments[segments > 0]) >= 0).all()
        for number in numbers:
            mine = segments == number
            np.testing.assert_array_equal(positions[mine], np.arange(mine.sum()))
            assert (np.diff(tokens[mine]) == 1).all()


@pytest.mark.parametrize("packing", PACKINGS)
def test_each_epoch_has_every_transition_once_in_a_new_order(
    store: TokenStore, packing: Packing
) -> None:
    stream = Stream(store, "train", 16, 0, packing, (1.0, 1.0))
    source, _ = stream.locate(np.arange(2000))
    for position, lengths in enumerate((PROSE, CODE)):
        ns = np.flatnonzero(source == position)
        num_rows = -(-len(transitions(lengths)) // 16)
        epochs = [real_tokens(stream.rows(ns[e * num_rows : (e + 1) * num_rows])) for e in (0, 1)]
        assert epochs[0] != epochs[1]
        assert sorted(epochs[0]) == sorted(epochs[1]) == transitions(lengths, position)


@settings(deadline=None, max_examples=50)
@given(ns=st.lists(st.integers(0, 10**12), min_size=1, max_size=20))
def test_sample_does_not_depend_on_its_batch(store: TokenStore, ns: list[int]) -> None:
    stream = Stream(store, "train", 16, 3)
    batch = stream.rows(np.array(ns))
    assert batch["sample_id"].tolist() == ns
    for slot, n in enumerate(ns):
        for name, values in stream[n].items():
            np.testing.assert_array_equal(values, batch[name][slot])


def test_weights_decide_the_shares(store: TokenStore) -> None:
    def share_of_code(weights: tuple[float, ...]) -> float:
        tokens = Stream(store, "train", 16, 0, weights=weights).rows(np.arange(1000))["tokens"]
        return float((tokens[:, 0] > SOURCE_STRIDE).mean())

    assert share_of_code(()) == 0.3
    assert share_of_code((1.0, 3.0)) == 0.75


def test_seed_changes_the_order_and_nothing_else(store: TokenStore) -> None:
    first, again, other = (
        Stream(store, "train", 16, seed, weights=(1, 1)).rows(np.arange(50)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first["tokens"], again["tokens"])
    assert (first["tokens"] != other["tokens"]).any()


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_validation_has_each_row_once_then_nothing(
    store: TokenStore, packing: Packing, batch_size: int
) -> None:
    stream = Stream.validation(store, 16, packing)
    num_batches = -(-stream.num_rows // batch_size)
    batches = [
        stream.rows(np.arange(b * batch_size, (b + 1) * batch_size)) for b in range(num_batches)
    ]
    wanted = transitions(PROSE[:20], 0) + transitions(CODE[:7], 2)
    assert sorted(token for batch in batches for token in real_tokens(batch)) == wanted
    ids = np.concatenate([batch["sample_id"] for batch in batches])
    assert ids[: stream.num_rows].tolist() == list(range(stream.num_rows))
    assert (ids[stream.num_rows :] == NO_SAMPLE).all()
    for batch in batches:
        assert not batch["loss_weights"][batch["sample_id"] == NO_SAMPLE].any()
    past = stream.rows(np.arange(stream.num_rows, stream.num_rows + 3))
    assert not past["loss_weights"].any() and not past["tokens"].any()


def test_first_validation_samples_stand_for_the_whole(store: TokenStore) -> None:
    stream = Stream.validation(store, 16)
    source, _ = stream.locate(np.arange(stream.num_rows))
    for n in range(1, stream.num_rows + 1):
        assert abs((source[:n] == 0).sum() - n * (source == 0).mean()) <= 0.5


def test_settings_that_do_not_fit_are_refused(store: TokenStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"3 values for 2 sources \(prose, code\)") as caught:
        Stream(store, "train", 16, 0, weights=(1.0, 1.0, 1.0))
    assert caught.value.exit_code == ExitCode.USAGE
    bare = write_counting_store(tmp_path / "bare", {"a": (1.0, [9]), "b": (1.0, [1, 1])}, {})
    with pytest.raises(UserError, match=r"'b' of split 'train'.* has no rows") as caught:
        Stream(bare, "train", 16, 0)
    assert caught.value.exit_code == ExitCode.UNUSABLE

    empty = write_counting_store(tmp_path / "empty", {"a": (1.0, [9])}, {"a": (1.0, [1])})
    with pytest.raises(UserError, match=r"the validation split .* has no rows") as caught:
        Stream.validation(empty, 16)
    assert caught.value.exit_code == ExitCode.UNUSABLE


def test_digest_depends_on_samples_store_and_seed() -> None:
    ids = np.arange(8)
    digests = {
        sample_digest(ids, "a", 0),
        sample_digest(ids + 1, "a", 0),
        sample_digest(ids, "b", 0),
        sample_digest(ids, "a", 1),
    }
    assert len(digests) == 4
    assert sample_digest(ids, "a", 0) == sample_digest(ids.astype(np.int32), "a", 0)


def test_reads_a_million_tokens_a_second_from_disk(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.lognormal(6.0, 1.0, 5000).astype(np.int64) + 2
    writer = StoreWriter(tmp_path, "uint16")
    source = writer.add_source("train", "s", 1.0)
    source.append([rng.integers(0, 4096, length) for length in lengths], [1] * len(lengths))
    writer.finish({})
    stream = Stream(TokenStore.open(tmp_path), "train", 1024, 0)
    assert stream.fill > 0.995
    started = time.process_time()
    for batch in range(40):
        stream.rows(np.arange(batch * 32, (batch + 1) * 32))
    assert 40 * 32 * 1024 / (time.process_time() - started) > 1e6
