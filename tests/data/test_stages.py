"""Stages change what comes after them and nothing before; every document still comes in turn."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.data.config import DataConfig
from jaxlm.data.loader import make_loader
from jaxlm.data.stages import Stage, open_stores, open_stream, plan_stages, source_weights
from jaxlm.data.store import TokenStore
from jaxlm.data.stream import Batch, Stream
from jaxlm.errors import ExitCode, UserError
from tests.data.toy_store import random_texts, write_toy_store
from tests.pico import PICO

BATCH = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    prose, code, web = (random_texts(40, 60, seed) for seed in range(3))
    write_toy_store(folder / "base", {"prose": (0.75, prose), "code": (0.25, code)})
    write_toy_store(folder / "more", {"code": (0.5, random_texts(30, 60, 7)), "web": (0.5, web)})
    write_toy_store(folder / "other", {"code": (1.0, code)}, fingerprint="e" * 64)
    return folder


@pytest.fixture(scope="module")
def base(folder: Path) -> TokenStore:
    return TokenStore.open(folder / "base")


@pytest.fixture(scope="module")
def more(folder: Path) -> TokenStore:
    return TokenStore.open(folder / "more")


def config(**data: object) -> TrainConfig:
    return TrainConfig(
        name="stages",
        model=PICO,
        num_steps=1000,
        seed=5,
        batch=BatchConfig(size=BATCH, seq_len=16),
        data=replace(DataConfig(), **data),  # type: ignore[arg-type]
    )


def shares(stream: Stream, first_step: int, last_step: int) -> list[float]:
    source, _ = stream.locate(np.arange(first_step * BATCH, last_step * BATCH))
    return (np.bincount(source, minlength=len(stream.sources)) / len(source)).tolist()


def assert_equal(first: Batch, second: Batch) -> None:
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


@pytest.mark.parametrize("weights", [(), (3.0, 1.0), (0.1, 0.7)])
def test_one_stage_is_the_plain_stream(base: TokenStore, weights: tuple[float, ...]) -> None:
    plain = Stream(base, "train", 16, 5, weights=weights)
    staged = open_stream(config(weights=weights), [base])
    assert_equal(plain.rows(np.arange(3000)), staged.rows(np.arange(3000)))
    assert staged.store_digest == staged.digest_before(10**9) == base.digest


def test_shares_change_at_the_step_of_the_stage(base: TokenStore) -> None:
    stages = ("100:prose=0.5,code=0.5", "200:code=1,prose=0", "300:")
    stream = open_stream(config(stages=stages), [base])
    assert shares(stream, 0, 100) == [0.75, 0.25]
    assert shares(stream, 100, 200) == [0.5, 0.5]
    assert shares(stream, 200, 300) == [0.0, 1.0]
    assert shares(stream, 300, 400) == [0.75, 0.25]


def test_a_stage_changes_no_sample_before_it(base: TokenStore, more: TokenStore) -> None:
    plain = open_stream(config(), [base])
    staged = open_stream(config(stages=("50:prose=0.1,code=0.9",)), [base])
    joined = open_stream(config(stores=("base", "50:more")), [base, more])
    before, after = np.arange(50 * BATCH), np.arange(50 * BATCH, 60 * BATCH)
    for stream in (staged, joined):
        assert_equal(plain.rows(before), stream.rows(before))
        assert (plain.rows(after)["tokens"] != stream.rows(after)["tokens"]).any()
        assert stream.digest_before(50 * BATCH) == base.digest
        assert stream.digest_before(50 * BATCH + 1) not in (base.digest, plain.store_digest)
    assert staged.store_digest != joined.store_digest


def test_each_epoch_of_a_source_has_every_transition_once_across_stages(base: TokenStore) -> None:
    stream = open_stream(config(stages=("4:prose=1,code=3", "9:prose=5,code=1")), [base])
    source, _ = stream.locate(np.arange(1500))
    for position, found in enumerate(base.split("train")):
        ns = np.flatnonzero(source == position)
        starts = np.concatenate([d + np.arange(n - 1) for d, n in _spans(found.offsets)])
        wanted = np.sort(found.tokens[starts].astype(int) * 1000 + found.tokens[starts + 1])
        num_rows = -(-len(starts) // 16)
        for epoch in (0, 1):
            batch = stream.rows(ns[epoch * num_rows : (epoch + 1) * num_rows])
            real = batch["segment_ids"] > 0
            pairs = batch["tokens"][real] * 1000 + batch["targets"][real]
            np.testing.assert_array_equal(np.sort(pairs), wanted)


def _spans(offsets: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(offsets[:-1].tolist(), np.diff(offsets).tolist(), strict=True))


def test_a_name_in_two_stores_shares_its_weight_by_size(base: TokenStore, more: TokenStore) -> None:
    stores = (base, more)
    tokens = [sum(len(source.tokens) for source in store.split("train")) for store in stores]
    stage = Stage(first_step=0, num_stores=2, weights={"prose": 1.0, "code": 2.0, "web": 1.0})
    prose, code, more_code, web = source_weights(stage, stores)
    assert (prose, web) == (1.0, 1.0)
    assert code + more_code == pytest.approx(2.0)
    assert code / more_code == pytest.approx(0.25 * tokens[0] / (0.5 * tokens[1]))
    by_size = source_weights(replace(stage, weights={}), stores)
    assert by_size[0] / sum(by_size) == pytest.approx(0.75 * tokens[0] / sum(tokens))
    alone = source_weights(replace(stage, num_stores=1, weights={}), stores)
    assert alone == [0.75, 0.25, 0.0, 0.0]


@pytest.mark.parametrize(("temperature", "ratio"), [(1.0, 3.0), (2.0, 3**0.5), (1e9, 1.0)])
def test_temperature_raises_shares_to_its_inverse(
    base: TokenStore, temperature: float, ratio: float
) -> None:
    stage = Stage(first_step=0, num_stores=1, weights={})
    prose, code = source_weights(stage, [base], temperature)
    assert prose / code == pytest.approx(ratio)


@pytest.mark.parametrize("temperature", [0.0005, 0.001, 1e-300])
def test_a_low_temperature_leaves_out_no_source(
    base: TokenStore, more: TokenStore, temperature: float
) -> None:
    stores = [base, more]
    weights = source_weights(Stage(first_step=0, num_stores=2, weights={}), stores, temperature)
    assert min(weights) > 0 and weights[0] == max(weights) == 1.0  # prose is the largest
    settings = config(stores=("base", "0:more"), temperature=temperature)
    assert shares(open_stream(settings, stores), 0, 100) == [1.0, 0.0, 0.0, 0.0]


def test_a_temperature_that_is_no_positive_number_is_refused(base: TokenStore) -> None:
    for temperature in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(UserError, match=r"data\.temperature=.* positive number"):
            source_weights(Stage(first_step=0, num_stores=1, weights={}), [base], temperature)


@settings(deadline=None, max_examples=10)
@given(
    stop=st.integers(1, 11),
    hosts=st.lists(st.sampled_from([1, 2, 4, 8]), min_size=2, max_size=2),
)
def test_hosts_and_interruptions_do_not_change_staged_batches(
    base: TokenStore, more: TokenStore, stop: int, hosts: list[int]
) -> None:
    settings = config(stores=("base", "6:more"), stages=("3:prose=1,code=2", "6:"))
    batches: list[Batch] = []
    for start, end, num_hosts in ((0, stop, hosts[0]), (stop, 12, hosts[1])):
        stream = open_stream(settings, [base, more])  # as a new process would
        parts = [_load(stream, start, end - start, host, num_hosts) for host in range(num_hosts)]
        for step in zip(*parts, strict=True):
            batches.append({name: np.concatenate([p[name] for p in step]) for name in step[0]})
    whole = open_stream(settings, [base, more]).rows(np.arange(12 * BATCH))
    for name, values in whole.items():
        np.testing.assert_array_equal(np.concatenate([b[name] for b in batches]), values)


def _load(stream: Stream, start: int, num_steps: int, host: int, num_hosts: int) -> list[Batch]:
    loader = make_loader(
        stream,
        batch_size=BATCH,
        start_step=start,
        num_steps=num_steps,
        host=host,
        num_hosts=num_hosts,
    )
    with closing(loader):
        return list(loader)


def test_stores_are_opened_in_the_order_in_which_they_join(folder: Path) -> None:
    stores = open_stores([str(folder / "base"), f"12:{folder / 'more'}"])
    assert [store.directory.name for store in stores] == ["base", "more"]
    with pytest.raises(UserError, match=r"tokenizer ffffffffffff, but .* tokenizer eeeeeeeeeeee"):
        open_stores([str(folder / "base"), str(folder / "other")])
    with pytest.raises(UserError, match="names a store twice"):
        open_stores([str(folder / "base"), f"12:{folder / 'base'}"])
    with pytest.raises(UserError, match="in the order of their steps"):
        open_stores([f"12:{folder / 'base'}"])


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ({"stages": ("code=1",)}, "cannot read 'code=1'"),
        ({"stages": ("5:code",)}, "cannot read '5:code'"),
        ({"stages": ("5:code=-1,prose=2",)}, "cannot read"),
        ({"stages": ("5:code=inf,prose=2",)}, "cannot read"),
        ({"stages": ("5:code=1,prose=2,code=9",)}, "names 'code' twice"),
        ({"stages": ("5:code=nan,prose=2",)}, "cannot read"),
        ({"stages": ("5:code=0,prose=0",)}, "leaves out every source"),
        ({"stages": ("5:code=1,prse=2",)}, r"no source 'prse' .* did you mean prose"),
        ({"stages": ("5:code=1",)}, "from step 5 on there is no weight for prose"),
        ({"stages": ("5:", "5:code=1,prose=1")}, "two entries for one step"),
        ({"stages": ("0:code=1,prose=1",)}, "data.weights holds from the start"),
        ({"weights": (1.0,)}, "1 values for 2 sources"),
        ({"weights": (1.0, 2.0), "temperature": 2.0}, "has no effect"),
    ],
)
def test_stages_that_cannot_be_meant_are_refused(
    base: TokenStore, data: dict[str, Sequence[str]], match: str
) -> None:
    with pytest.raises(UserError, match=match) as caught:
        plan_stages(replace(DataConfig(), **data), [base])  # type: ignore[arg-type]
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_store_that_joins_needs_weights_where_they_are_given(
    base: TokenStore, more: TokenStore
) -> None:
    data = DataConfig(stores=("base", "9:more"), weights=(1.0, 1.0))
    with pytest.raises(UserError, match="from step 9 on there is no weight for web"):
        plan_stages(data, [base, more])
    stages = plan_stages(replace(data, stages=("9:prose=1,code=1,web=0",)), [base, more])
    assert [(stage.first_step, stage.num_stores) for stage in stages] == [(0, 1), (9, 2)]
    assert source_weights(stages[1], [base, more])[3] == 0
