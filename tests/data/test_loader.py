"""Any number of hosts and any interruption give the same batches, each planned sample once."""

import threading
import time
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.loader import batch_sample_ids, make_loader
from jaxlm.data.store import TokenStore
from jaxlm.data.stream import Batch, Stream
from jaxlm.errors import ExitCode, UserError
from tests.data.counting_store import write_counting_store

BATCH_SIZE = 8
NUM_STEPS = 12


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    store: TokenStore = write_counting_store(
        tmp_path_factory.mktemp("loader") / "store",
        {"prose": (0.7, [30, 5, 18, 44]), "code": (0.3, [21, 60])},
        {"prose": (0.7, [30, 50])},
    )
    return Stream(store, "train", 8, 0)


def load(stream: Stream, start_step: int, num_steps: int, host: int, num_hosts: int) -> list[Batch]:
    loader = make_loader(
        stream,
        batch_size=BATCH_SIZE,
        start_step=start_step,
        num_steps=num_steps,
        host=host,
        num_hosts=num_hosts,
    )
    with closing(loader):
        return list(loader)


@settings(deadline=None, max_examples=25)
@given(
    stops=st.lists(st.integers(1, NUM_STEPS - 1), max_size=3, unique=True).map(sorted),
    hosts=st.lists(st.sampled_from([1, 2, 4, 8]), min_size=4, max_size=4),
)
def test_hosts_and_interruptions_do_not_change_the_batches(
    stream: Stream, stops: list[int], hosts: list[int]
) -> None:
    """Each run goes on where the one before stopped, with another number of hosts."""
    batches: list[Batch] = []
    starts = [0, *stops]
    for start, end, num_hosts in zip(starts, [*stops, NUM_STEPS], hosts, strict=False):
        parts = [load(stream, start, end - start, host, num_hosts) for host in range(num_hosts)]
        for step in zip(*parts, strict=True):
            batches.append({name: np.concatenate([p[name] for p in step]) for name in step[0]})
    whole = stream.rows(np.arange(NUM_STEPS * BATCH_SIZE))
    for name, values in whole.items():
        np.testing.assert_array_equal(np.concatenate([b[name] for b in batches]), values)


def test_planned_samples_come_once_each(stream: Stream) -> None:
    ids = [b["sample_id"] for host in range(4) for b in load(stream, 3, 5, host, 4)]
    assert sorted(np.concatenate(ids)) == list(range(3 * BATCH_SIZE, 8 * BATCH_SIZE))


def test_sample_ids_of_a_batch_are_known_on_any_host(stream: Stream) -> None:
    (batch,) = load(stream, 7, 1, 0, 1)
    assert batch["sample_id"].tolist() == batch_sample_ids(7, BATCH_SIZE).tolist()
    parts = [batch_sample_ids(7, BATCH_SIZE, host, 4) for host in range(4)]
    assert np.concatenate(parts).tolist() == batch_sample_ids(7, BATCH_SIZE).tolist()


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "prefetch" in thread.name]


def test_closing_early_ends_the_thread(stream: Stream) -> None:
    loader = make_loader(stream, batch_size=BATCH_SIZE, start_step=0, num_steps=10**9)
    next(loader)
    assert prefetch_threads()
    loader.close()
    loader.close()
    deadline = time.monotonic() + 30
    while prefetch_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not prefetch_threads()
    with pytest.raises(ValueError, match="closed"):
        next(loader)


def test_hosts_that_do_not_divide_the_batch_are_refused(stream: Stream) -> None:
    with pytest.raises(UserError, match=r"batch\.size 8 does not divide by the 3 hosts") as caught:
        load(stream, 0, 1, 0, 3)
    assert caught.value.exit_code == ExitCode.USAGE
