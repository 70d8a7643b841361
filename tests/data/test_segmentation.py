"""A segmentation is a function of seed, source, epoch and document, and of nothing else."""

import shutil
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
from jaxlm.data.sample_names import name_samples
from jaxlm.data.stages import open_stream
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
    assert len(list(tmp_path.iterdir())) == 2  # the first epoch of each source
    loader = make_loader(stream, batch_size=BATCH, start_step=0, num_steps=10**6)
    with closing(loader):
        source, _ = stream.locate(next(loader)["sample_id"])
        assert set(source.tolist()) == {0, 1}
    assert len(list(tmp_path.iterdir())) == 2


def test_no_sampling_draws_nothing(store: TokenStore, tmp_path: Path) -> None:
    stream = open_stream(config(tmp_path, DataConfig()), [store])
    expected = Stream(store, "train", 16, 0).rows(np.arange(100))
    np.testing.assert_array_equal(stream.rows(np.arange(100))["tokens"], expected["tokens"])
    assert not list(tmp_path.iterdir())


class LossyTokenizer(ToyTokenizer):
    def is_lossless(self) -> bool:
        return False


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
