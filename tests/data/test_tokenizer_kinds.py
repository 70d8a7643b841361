"""A token store with each kind of tokenizer, trained or given."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jaxlm import tokenizers
from jaxlm.config import TrainConfig
from jaxlm.data.config import DataConfig
from jaxlm.data.store import TokenStore
from jaxlm.data.tokenise import plan, tokenise
from jaxlm.errors import UserError
from jaxlm.models.llama import LlamaConfig
from jaxlm.tokenizers.config import (
    ByteLevelConfig,
    SentencePieceConfig,
    SubwordNmtConfig,
    TokenizerConfig,
    WordPieceConfig,
)
from jaxlm.tokenizers.export import export

MODEL = LlamaConfig(
    vocab_size=400,
    d_model=8,
    d_ff=8,
    num_layers=1,
    num_heads=1,
    num_kv_heads=1,
    head_dim=8,
    max_seq_len=8,
)
TEXTS = [f"document {n} has café number {n * n} and more words" for n in range(40)]

Configure = Callable[[TokenizerConfig], TrainConfig]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    monkeypatch.chdir(tmp_path)
    Path("text.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    data = DataConfig(path=("text.jsonl",))
    return lambda kind: TrainConfig(
        name="test", num_steps=1, model=MODEL, data=data, tokenizer=kind
    )


def quiet(message: str) -> None:
    """Says nothing."""


def stored_texts(store: TokenStore) -> list[str]:
    sources = [*store.split("train"), *store.split("validation")]
    documents = (s.document(n) for s in sources for n in range(len(s.offsets) - 1))
    return sorted(store.tokenizer.decode(np.asarray(ids[1:-1])) for ids in documents)


@pytest.mark.parametrize(
    "kind",
    [
        SentencePieceConfig(vocab_size=320),
        ByteLevelConfig(vocab_size=300),
        SubwordNmtConfig(vocab_size=200),
        WordPieceConfig(vocab_size=200),
    ],
    ids=lambda kind: type(kind).__name__,
)
def test_every_kind_makes_a_store(configure: Configure, kind: TokenizerConfig) -> None:
    config = configure(kind)
    assert f"tokenizer: {type(kind).__name__}, up to {kind.vocab_size}" in "\n".join(plan(config))
    said: list[str] = []
    store = tokenise(config, said.append)
    assert stored_texts(store) == sorted(TEXTS)
    assert store.manifest["extra"]["tokenizer"]["fingerprint"] == store.tokenizer.fingerprint
    warned = any("changes text: some of it may be lost" in line for line in said)
    assert warned == (not store.tokenizer.is_lossless())
    assert tokenise(config, quiet).directory == store.directory


def test_a_hugging_face_folder_is_used(configure: Configure) -> None:
    trained = tokenise(configure(ByteLevelConfig(vocab_size=300)), quiet).tokenizer
    export(trained, "folder")
    store = tokenise(configure(SentencePieceConfig(path="folder")), quiet)
    assert store.tokenizer.fingerprint == tokenizers.load("folder").fingerprint
    assert stored_texts(store) == sorted(TEXTS)


def test_the_kind_is_part_of_the_name_of_the_store(configure: Configure) -> None:
    kinds = [SubwordNmtConfig(vocab_size=200), WordPieceConfig(vocab_size=200)]
    assert len({tokenise(configure(kind), quiet).directory for kind in kinds}) == 2


def test_a_vocabulary_that_the_model_does_not_embed(configure: Configure) -> None:
    with pytest.raises(UserError, match=r"500 pieces.*only 400.*tokenizer.vocab_size=400"):
        tokenise(configure(ByteLevelConfig(vocab_size=500)), quiet)
