"""A segmentation is a function of seed, source, epoch and document, and of nothing else."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.config import BatchConfig, TrainConfig
from jaxlm.data.__main__ import main
from jaxlm.data.config import DataConfig
from jaxlm.data.loader import make_loader
from jaxlm.data.sample_names import name_samples
from jaxlm.data.stages import open_stores, open_stream
from jaxlm.data.store import StoreWriter, TokenStore
from jaxlm.data.stream import Batch, Stream
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import Tokenizer
from tests.data.toy_store import ToyTokenizer, random_texts, write_toy_store
from tests.pico import PICO

BATCH = 8
TEXTS = {"prose": random_texts(20, 50, 1), "code": random_texts(12, 80, 2)}
TOKENIZER = ToyTokenizer()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TokenStore:
    folder = tmp_path_factory.mktemp("segmentation")
    return write_toy_store(folder / "base", {name: (0.5, t) for name, t in TEXTS.items()})


def config(folder: Path, data: DataConfig | None = None, seed: int = 0) -> TrainConfig:
    return TrainConfig(
        name="segmentation",
        model=PICO,
        num_steps=100,
        seed=seed,
        batch=BatchConfig(size=BATCH, seq_len=16),
        data=replace(data or DataConfig(subword_alpha=0.5), store_dir=str(folder)),
    )


def drawn(folder: Path) -> list[Path]:
    """The stores of the epochs that were drawn."""
    return sorted(path for path in folder.glob("segmentation-*") if path.is_dir())


def documents_of_epoch(stream: Stream, position: int, epoch: int) -> dict[int, np.ndarray]:
    """Every document as the samples of an epoch have it, put together again from its pieces."""
    pieces = [
        piece
        for piece in name_samples(stream, np.arange(400))
        if (piece.position, piece.epoch) == (position, epoch)
    ]
    documents: dict[int, np.ndarray] = {}
    for piece in sorted(pieces, key=lambda piece: (piece.document, piece.first_token)):
        before = documents.get(piece.document, piece.tokens[:1])
        assert piece.first_token == len(before) - 1 and before[-1] == piece.tokens[0]
        documents[piece.document] = np.concatenate([before, piece.tokens[1:]])
    return documents


def test_each_epoch_has_every_document_whole_in_a_segmentation_of_its_own(
    store: TokenStore, tmp_path: Path
) -> None:
    stream = open_stream(config(tmp_path), [store])
    for position, texts in enumerate(TEXTS.values()):
        epochs = [documents_of_epoch(stream, position, epoch) for epoch in (0, 1, 2)]
        for documents in epochs:
            decoded = [TOKENIZER.decode(documents[number]) for number in range(len(texts))]
            assert decoded == texts
            for ids in documents.values():
                assert (ids[0], ids[-1]) == (TOKENIZER.bos_id, TOKENIZER.eos_id)
        lengths = [[len(documents[n]) for n in range(len(texts))] for documents in epochs]
        assert lengths[0] != lengths[1] != lengths[2]


def test_seed_decides_the_segmentation_and_scratch_does_not(
    store: TokenStore, tmp_path: Path
) -> None:
    def tokens(folder: str, seed: int) -> np.ndarray:
        stream = open_stream(config(tmp_path / folder, seed=seed), [store])
        return stream.rows(np.arange(200))["tokens"]

    first = tokens("a", 0)
    found = sorted(path.name for path in (tmp_path / "a").iterdir())
    np.testing.assert_array_equal(first, tokens("a", 0))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == found
    np.testing.assert_array_equal(first, tokens("b", 0))
    shutil.rmtree(tmp_path / "a" / found[0])
    np.testing.assert_array_equal(first, tokens("a", 0))
    assert (first != tokens("a", 1)).any()


@settings(deadline=None, max_examples=8)
@given(
    stop=st.integers(1, 14),
    hosts=st.lists(st.sampled_from([1, 2, 4, 8]), min_size=2, max_size=2),
)
def test_hosts_and_interruptions_do_not_change_the_batches(
    store: TokenStore, tmp_path_factory: pytest.TempPathFactory, stop: int, hosts: list[int]
) -> None:
    """Mixing, packing, stages and dropout are on; each run draws its segmentations itself."""
    data = DataConfig(subword_alpha=0.5, stages=("7:prose=1,code=4",))
    batches: list[Batch] = []
    for start, end, num_hosts in ((0, stop, hosts[0]), (stop, 15, hosts[1])):
        folder = tmp_path_factory.mktemp("hosts")
        run = config(folder, data)
        parts = [
            _load(open_stream(run, [store]), start, end - start, host, num_hosts)
            for host in range(num_hosts)
        ]
        for step in zip(*parts, strict=True):
            batches.append({name: np.concatenate([p[name] for p in step]) for name in step[0]})
    folder = tmp_path_factory.mktemp("whole")
    stream = open_stream(config(folder, data), [store])
    for name, values in stream.rows(np.arange(15 * BATCH)).items():
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


def test_no_epoch_is_drawn_before_its_time(store: TokenStore, tmp_path: Path) -> None:
    stream = open_stream(config(tmp_path), [store])
    assert len(drawn(tmp_path)) == 2  # the first epoch of each source
    loader = make_loader(stream, batch_size=BATCH, start_step=0, num_steps=10**6)
    with closing(loader):
        source, _ = stream.locate(next(loader)["sample_id"])
        assert set(source.tolist()) == {0, 1}
    assert len(drawn(tmp_path)) == 2


def test_reading_far_ahead_leaves_few_tables_open(
    store: TokenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = open_stream(config(tmp_path), [store])
    samples = np.arange(400)
    whole = stream.rows(samples)
    assert len(drawn(tmp_path)) > 10
    assert stream.num_open_tables <= 4
    for first in range(0, 400, BATCH):
        for name, values in stream.rows(samples[first : first + BATCH]).items():
            np.testing.assert_array_equal(values, whole[name][first : first + BATCH])
        assert stream.num_open_tables <= 4

    opened = []
    monkeypatch.setattr(TokenStore, "open", _spy(TokenStore.open, opened))
    resumed = open_stream(config(tmp_path), [store])
    assert (resumed.num_rows, resumed.fill) == (stream.num_rows, stream.fill)
    np.testing.assert_array_equal(resumed.rows(samples[-2:])["tokens"], whole["tokens"][-2:])
    assert 1 <= len(opened) <= 2


def _spy(function: Callable[..., Any], calls: list[Any]) -> Callable[..., Any]:
    def spied(*arguments: Any) -> Any:
        calls.append(arguments)
        return function(*arguments)

    return spied


def test_fill_is_that_of_the_first_epoch(store: TokenStore, tmp_path: Path) -> None:
    stream = open_stream(config(tmp_path), [store])
    epochs = stream.plan(np.arange(200)).epoch
    batch = stream.rows(np.flatnonzero(epochs == 0))
    assert len(batch["tokens"]) == stream.num_rows
    assert stream.fill == pytest.approx(float((batch["segment_ids"] > 0).mean()))


def test_records_that_are_lost_or_wrong_do_no_harm(store: TokenStore, tmp_path: Path) -> None:
    expected = open_stream(config(tmp_path), [store]).rows(np.arange(100))["tokens"]
    records = sorted(tmp_path.glob("*.rows.json"))
    records[0].unlink()
    records[1].write_text("{")
    again = open_stream(config(tmp_path), [store]).rows(np.arange(100))["tokens"]
    np.testing.assert_array_equal(again, expected)
    counts = json.loads(records[1].read_text())
    assert list(counts) == ["best_fit 16"]
    records[1].write_text(json.dumps({"best_fit 16": [1, 1]}))
    with pytest.raises(UserError, match=r"rows\.json says 1 rows.* delete the file") as caught:
        open_stream(config(tmp_path), [store]).rows(np.arange(100))
    assert caught.value.exit_code == ExitCode.UNUSABLE


def test_each_epoch_that_is_drawn_is_announced_once(store: TokenStore, tmp_path: Path) -> None:
    lines: list[str] = []
    stream = open_stream(config(tmp_path), [store], notify=lines.append)
    wanted = ["data: drawing epoch 0 of prose", "data: drawing epoch 0 of code"]
    assert lines == wanted
    stream.rows(np.arange(200))
    assert "data: drawing epoch 2 of code" in lines
    assert len(lines) == len(set(lines)) == len(drawn(tmp_path))
    open_stream(config(tmp_path), [store], notify=lines.append).rows(np.arange(200))
    assert len(lines) == len(drawn(tmp_path))


def test_sampling_is_part_of_the_identity_of_the_data(
    store: TokenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest(folder: str, **data: Any) -> str:
        settings = config(tmp_path / folder, DataConfig(**data))
        stream = open_stream(settings, [store])
        assert stream.digest_before(1) == stream.store_digest
        return stream.store_digest

    assert digest("none") == store.digest
    first = digest("a", subword_alpha=0.5)
    assert first == digest("b", subword_alpha=0.5)
    digests = {first, digest("b", subword_alpha=0.25), store.digest}
    digests.add(digest("b", subword_alpha=0.5, subword_nbest=4))
    names = {path.name for path in drawn(tmp_path / "b")}
    monkeypatch.setattr("jaxlm.data.segmentation.version", lambda name: "99")
    digests.add(digest("c", subword_alpha=0.5))
    assert len(digests) == 5
    assert names.isdisjoint(path.name for path in drawn(tmp_path / "c"))


def test_the_store_of_an_epoch_can_be_viewed_and_is_no_store_of_a_run(
    store: TokenStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_stream(config(tmp_path), [store])
    found = drawn(tmp_path)[0]
    extra = TokenStore.open(found).manifest["extra"]
    assert extra["tokenizer"] == {"fingerprint": TOKENIZER.fingerprint}
    assert extra["segmentation"]["sampling"] == {"alpha": 0.5, "nbest": -1}
    assert set(extra["segmentation"]["libraries"]) == {"sentencepiece", "tokenizers"}
    assert main(["view", str(found), "--count", "1"]) == 0
    (source,) = TokenStore.open(found).split("train")
    shown = capsys.readouterr().out.splitlines()
    assert f"tokenizer.fingerprint: {TOKENIZER.fingerprint}" in shown
    ids = " ".join(map(str, source.document(0).tolist()))
    assert ids.startswith(shown[-1].strip().split(" [")[0])
    with pytest.raises(UserError, match=r"tokenizer\.model: expected the tokenizer") as caught:
        open_stores((str(found),))
    assert caught.value.exit_code == ExitCode.UNUSABLE


def test_no_sampling_draws_nothing(store: TokenStore, tmp_path: Path) -> None:
    stream = open_stream(config(tmp_path, DataConfig()), [store])
    expected = Stream(store, "train", 16, 0).rows(np.arange(100))
    np.testing.assert_array_equal(stream.rows(np.arange(100))["tokens"], expected["tokens"])
    assert not list(tmp_path.iterdir())


class LossyTokenizer(ToyTokenizer):
    def is_lossless(self) -> bool:
        return False


class AlphabetTokenizer(LossyTokenizer):
    """Keeps the text that its vocabulary can spell, and so that of every document here."""

    def keeps_known_text(self) -> bool:
        return True


def test_a_tokenizer_that_keeps_known_text_may_sample(tmp_path: Path) -> None:
    sources = {name: (0.5, texts) for name, texts in TEXTS.items()}
    store = write_toy_store(tmp_path / "store", sources)
    store.__dict__["tokenizer"] = AlphabetTokenizer()
    stream = open_stream(config(tmp_path / "scratch"), [store])
    decoded = [TOKENIZER.decode(ids) for _, ids in sorted(documents_of_epoch(stream, 1, 1).items())]
    assert decoded == TEXTS["code"]


@pytest.mark.parametrize(
    ("tokenizer", "document", "match"),
    [
        (LossyTokenizer(), [0, 5, 1], "does not keep all of it"),
        (ToyTokenizer(), [0, 5, 2, 6, 1], "document 0 of source 'a' holds tokens that stand for"),
        (ToyTokenizer(), [5, 6, 1], "has no begin and end mark"),
    ],
)
def test_text_that_cannot_be_had_back_is_refused(
    tmp_path: Path, tokenizer: Tokenizer, document: list[int], match: str
) -> None:
    (tmp_path / "store").mkdir()
    writer = StoreWriter(tmp_path / "store", np.uint16)
    writer.add_source("train", "a", 1.0).append([np.array(document)], [1])
    writer.finish({})
    store = TokenStore.open(tmp_path / "store")
    store.__dict__["tokenizer"] = tokenizer
    with pytest.raises(UserError, match=match) as caught:
        open_stream(config(tmp_path / "scratch"), [store])
    assert caught.value.exit_code == ExitCode.UNUSABLE
    assert not list((tmp_path / "scratch").glob("*"))
