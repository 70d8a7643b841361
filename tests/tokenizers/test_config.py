import dataclasses

import pytest

from jaxlm.config import TrainConfig
from jaxlm.config.fields import implementations
from jaxlm.config.serialise import from_json, to_json
from jaxlm.errors import UserError
from jaxlm.models.llama import LlamaConfig
from jaxlm.tokenizers.config import (
    ByteLevelConfig,
    SentencePieceConfig,
    SubwordNmtConfig,
    TokenizerConfig,
    WordPieceConfig,
)

MODEL = LlamaConfig(
    vocab_size=512,
    d_model=8,
    d_ff=8,
    num_layers=1,
    num_heads=1,
    num_kv_heads=1,
    head_dim=8,
    max_seq_len=8,
)


def test_the_kinds_are_found() -> None:
    kinds = {ByteLevelConfig, SentencePieceConfig, SubwordNmtConfig, WordPieceConfig}
    assert set(implementations(TokenizerConfig)) == kinds


@pytest.mark.parametrize("kind", implementations(TokenizerConfig))
def test_a_run_with_each_kind_survives_json(kind) -> None:
    config = TrainConfig(name="a", model=MODEL, num_steps=1, tokenizer=kind(vocab_size=300))
    again = from_json(to_json(config))
    assert again == config
    assert type(again.tokenizer) is kind


def test_the_default_is_sentencepiece() -> None:
    config = TrainConfig(name="a", model=MODEL, num_steps=1)
    assert config.tokenizer == SentencePieceConfig(kind="bpe")


@pytest.mark.parametrize(
    ("config", "most", "least"),
    [
        (SentencePieceConfig(vocab_size=300), 300, 257),
        (SentencePieceConfig(vocab_size=300, byte_fallback=False), 300, 1),
        (SentencePieceConfig(vocab_size=300, kind="char"), None, 257),
        (ByteLevelConfig(vocab_size=300), 300, 259),
    ],
)
def test_sizes_before_training(config: TokenizerConfig, most: int | None, least: int) -> None:
    assert config.most_ids() == most
    assert config.least_size() == least
    smaller = dataclasses.replace(config, vocab_size=least - 1)
    if most is not None and least > 1:
        with pytest.raises(UserError, match=r"vocab"):
            smaller.train(["some text, " * 9], 1000, lambda _: None)


@pytest.mark.parametrize("kind", [ByteLevelConfig, SubwordNmtConfig])
def test_too_little_text_is_announced(kind) -> None:
    said: list[str] = []
    tokenizer = kind(vocab_size=4096).train(["ab ab ab ab"], 5000, said.append)
    assert tokenizer.vocab_size < 300
    assert f"supports only {tokenizer.vocab_size:,} pieces" in said[0]


def test_every_setting_changes_what_is_trained(passages: list[str]) -> None:
    variants = [
        ByteLevelConfig(vocab_size=400),
        ByteLevelConfig(vocab_size=400, pattern="gpt2"),
        ByteLevelConfig(vocab_size=400, split_digits=True),
        SubwordNmtConfig(vocab_size=400),
        SubwordNmtConfig(vocab_size=400, min_frequency=60),
        WordPieceConfig(vocab_size=200),
        WordPieceConfig(vocab_size=200, learner="frequency"),
        WordPieceConfig(vocab_size=200, word_start="_"),
        WordPieceConfig(vocab_size=200, lowercase=True),
    ]
    trained = [config.train(passages, 1000, lambda _: None) for config in variants]
    assert len({tokenizer.fingerprint for tokenizer in trained}) == len(variants)
