"""The interface that every tokenizer offers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class SubwordSampling:
    """How a segmentation is drawn where a tokenizer can draw one.

    Attributes:
      alpha: For merges (BPE of any kind): the probability to drop a merge (Provilkov et al., 2020,
        arXiv 1910.13267). For a unigram model: the exponent of a segmentation's probability (Kudo,
        2018, arXiv 1804.10959); 0 draws evenly, large values give the best segmentation.
      nbest: For a unigram model: draw among so many best segmentations; -1 among all.
    """

    alpha: float = 0.1
    nbest: int = -1


class Tokenizer(ABC):
    """Text to token ids and back; immutable and safe to share between threads.

    Attributes:
      vocab_size: Number of ids; every id is below it.
      bos_id: Begins a document.
      eos_id: Ends a document.
      pad_id: Fills a row; never the target of a loss.
      unknown_id: Stands for characters that the vocabulary cannot spell.
      special_tokens: Id of each token that stands for no text, by its spelling.
      fingerprint: SHA-256 (hex) of all that decides the ids: pieces, scores and normaliser.
    """

    vocab_size: int
    bos_id: int
    eos_id: int
    pad_id: int
    unknown_id: int
    special_tokens: Mapping[str, int]
    fingerprint: str

    @abstractmethod
    def encode_batch(self, texts: Sequence[str], *, special: bool = False) -> list[np.ndarray]:
        """Ids of each text as int32 [num_tokens], without begin and end of document.

        Args:
          texts: Any text.
          special: Whether the spelling of a special token in the text becomes its id; by default
            it is text as any other, so that nobody can forge one.
        """

    @abstractmethod
    def sample_batch(
        self, texts: Sequence[str], seeds: Sequence[int], sampling: SubwordSampling
    ) -> list[np.ndarray]:
        """Draws a segmentation of each text; a pure function of text, seed and `sampling`.

        Args:
          texts: Any text.
          seeds: For each text, from 0 to 2**63 - 1.
          sampling: How to draw.

        Raises:
          UserError: The tokenizer has one segmentation only.
        """

    @abstractmethod
    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Text of ids; special ids give nothing."""

    @abstractmethod
    def piece(self, token: int) -> str:
        """How the vocabulary writes an id, for people to read."""

    @abstractmethod
    def token_bytes(self) -> np.ndarray:
        """UTF-8 bytes that each id stands for, int32 [vocab_size]; 0 for special ids."""

    @abstractmethod
    def is_lossless(self) -> bool:
        """Whether `decode(encode(text)) == text` for any text."""

    def keeps_known_text(self) -> bool:
        """Whether `decode` inverts `encode` for a text whose ids hold no unknown one."""
        return self.is_lossless()

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Writes the file that `jaxlm.tokenizers.load` reads."""

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """Ids of one text, without begin and end of document."""
        return self.encode_batch([text], special=special)[0].tolist()
