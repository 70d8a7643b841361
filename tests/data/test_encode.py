"""Encoding in threads: the same store whatever their number."""

import threading
import time
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from jaxlm.data.config import DataConfig
from jaxlm.data.encode import encode_sources, token_dtype
from jaxlm.data.scan import scan_sources
from jaxlm.data.sources import find_sources
from jaxlm.data.store import StoreWriter, TokenStore
from jaxlm.tokenizers.base import Tokenizer

TEXTS = [f"document {number} " * (1 + number % 7) for number in range(400)]


class Bytes(Tokenizer):
    """Bytes as ids; the first batch takes longest, and notes who worked."""

    vocab_size, bos_id, eos_id, pad_id, unknown_id = 259, 256, 257, 258, -1
    special_tokens = MappingProxyType({})
    fingerprint = "bytes"

    def __init__(self) -> None:
        self.workers: set[str] = set()

    def encode_batch(self, texts, *, special: bool = False):
        self.workers.add(threading.current_thread().name)
        time.sleep(0.02 if "document 0 " in texts[0] else 0.001)
        return [np.frombuffer(text.encode(), np.uint8).astype(np.int32) for text in texts]

    def sample_batch(self, texts, seeds, sampling):
        raise NotImplementedError

    def decode(self, ids) -> str:
        return bytes(int(token) for token in ids if token < 256).decode()

    def piece(self, token: int) -> str:
        return chr(token)

    def token_bytes(self) -> np.ndarray:
        return np.ones(259, np.int32)

    def is_lossless(self) -> bool:
        return True

    def save(self, path) -> None:
        raise NotImplementedError


def quiet(*_: object) -> None:
    """Says nothing."""


def encoded(directory: Path, tokenizer: Tokenizer, num_workers: int | None) -> TokenStore:
    config = DataConfig(path=("text.jsonl",), validation_fraction=0.1)
    sources = find_sources(config)
    scan = scan_sources(sources, config, sample_bytes=0, notify=quiet, progress=quiet)
    directory.mkdir()
    writer = StoreWriter(directory, token_dtype(tokenizer))
    weights = {source.name: 1.0 for source in sources}
    encode_sources(writer, sources, weights, scan, tokenizer, quiet, num_workers)
    writer.finish({})
    return TokenStore.open(directory, verify="hash")


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jaxlm.data.encode._BATCH_CHARACTERS", 1000)
    lines = [f'{{"text": "{text}"}}\n' for text in TEXTS]
    Path("text.jsonl").write_text("".join(lines))


@pytest.mark.usefixtures("text")
def test_the_store_does_not_depend_on_the_workers() -> None:
    stores = [encoded(Path(f"store{n}"), Bytes(), n) for n in (1, 2, 7)]
    assert len({store.digest for store in stores}) == 1
    tokens = np.asarray(stores[0].split("train")[0].tokens)
    texts = Bytes().decode(np.where(tokens == 257, ord("\n"), tokens)).splitlines()
    chosen = set(texts)
    assert texts == [text for text in TEXTS if text in chosen]
    assert len(texts) > 300


@pytest.mark.usefixtures("text")
def test_all_workers_work() -> None:
    tokenizer = Bytes()
    encoded(Path("store"), tokenizer, 3)
    assert len(tokenizer.workers) == 3


@pytest.mark.usefixtures("text")
def test_what_a_worker_raises_is_raised() -> None:
    class Broken(Bytes):
        def encode_batch(self, texts, *, special: bool = False):
            raise RuntimeError("no ids")

    with pytest.raises(RuntimeError, match="no ids"):
        encoded(Path("store"), Broken(), 2)
