"""The interface that every tokenizer offers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np


class Tokenizer(ABC):
    """Text to token ids and back; immutable and safe to share between threads.

    Attributes:
      vocab_size: Number of ids; every id is below it.
      bos_id: Begins a document.
      eos_id: Ends a document.
      pad_id: Fills a row; never the target of a loss.
      unknown_id: Stands for characters that the vocabulary cannot spell.
      fingerprint: SHA-256 (hex) of all that decides the ids: pieces, scores and normaliser.
    """

    vocab_size: int
    bos_id: int
    eos_id: int
    pad_id: int
    unknown_id: int
    fingerprint: str

    @abstractmethod
    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids of each text as int32 [num_tokens], without begin and end of document."""

    @abstractmethod
    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Text of ids; control ids give nothing."""

    @abstractmethod
    def token_bytes(self) -> np.ndarray:
        """UTF-8 bytes that each id stands for, int32 [vocab_size]; 0 for control ids."""

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Writes the file that `jaxlm.tokenizers.load` reads."""

    def encode(self, text: str) -> list[int]:
        """Ids of one text, without begin and end of document."""
        return [int(token) for token in self.encode_batch([text])[0]]
