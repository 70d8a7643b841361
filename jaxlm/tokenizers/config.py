"""Settings of the tokenizer."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """A SentencePiece tokenizer, trained on the run's own text or read from a file.

    Attributes:
      kind: SentencePiece model type.
      vocab_size: Pieces to learn; an upper bound for `char`.
      byte_fallback: Spell unknown characters as bytes, so that any text decodes to itself.
      training_bytes: Text to train on, drawn evenly from the sources.
      path: An existing SentencePiece `.model` file to use instead of training one.
    """

    kind: Literal["bpe", "unigram", "char"] = "bpe"
    vocab_size: int = 4096
    byte_fallback: bool = True
    training_bytes: int = 4_000_000
    path: str = ""
