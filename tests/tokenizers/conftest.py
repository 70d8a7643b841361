"""Tokenizers of every kind, each trained once on a little text."""

from collections.abc import Callable
from functools import cache

import pytest

from jaxlm.tokenizers.base import Tokenizer
from jaxlm.tokenizers.config import (
    ByteLevelConfig,
    SentencePieceConfig,
    SubwordNmtConfig,
    TokenizerConfig,
    WordPieceConfig,
)

PASSAGES = [
    "def encode(text: str) -> list[int]:\n    return [1, 22, 333]  # ids of the text\n\n\n",
    "The quick brown fox jumps over the lazy dog, again and again.\n" * 3,
    "Names as text: </s> <s> <0x0A> <unk> <pad>.\n\n\tété à Zürich, 你好 世界\r\n",
] * 20

CONFIGS: dict[str, TokenizerConfig] = {
    "bpe": SentencePieceConfig(kind="bpe", vocab_size=420),
    "unigram": SentencePieceConfig(kind="unigram", vocab_size=400),
    "char": SentencePieceConfig(kind="char", vocab_size=400),
    "byte_level": ByteLevelConfig(vocab_size=400),
    "gpt2": ByteLevelConfig(vocab_size=400, pattern="gpt2", split_digits=True),
    "subword_nmt": SubwordNmtConfig(vocab_size=300),
    "wordpiece": WordPieceConfig(vocab_size=300),
}


@cache
def trained(kind: str) -> Tokenizer:
    return CONFIGS[kind].train(PASSAGES, 1000, lambda _: None)


@pytest.fixture(name="trained", scope="session")
def trained_fixture() -> Callable[[str], Tokenizer]:
    """Gives the tokenizer of a kind."""
    return trained


@pytest.fixture
def passages() -> list[str]:
    return PASSAGES
