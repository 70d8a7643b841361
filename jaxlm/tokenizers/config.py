"""Settings of the tokenizer: a kind to train on the run's text, or a file."""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jaxlm.tokenizers.split_patterns import PATTERNS, PatternName, with_split_digits

if TYPE_CHECKING:
    from jaxlm.tokenizers.base import Tokenizer


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig(abc.ABC):
    """Base of every kind of tokenizer.

    Attributes:
      vocab_size: Ids to learn, special tokens included.
      training_bytes: Text to train on, drawn evenly from the sources.
      path: An existing tokenizer file, of any kind, to use instead of training one.
    """

    vocab_size: int = 4096
    training_bytes: int = 4_000_000
    path: str = ""

    @abc.abstractmethod
    def train(
        self, passages: Sequence[str], max_pieces: int, notify: Callable[[str], None]
    ) -> "Tokenizer":
        """Learns a tokenizer from text; the same passages in the same order give the same one.

        Args:
          passages: Text of the training split.
          max_pieces: Rows of the model's embedding, `model.vocab_size`.
          notify: Told where the result differs from what was asked for.

        Raises:
          UserError: The text is too little or the vocabulary too small or too large.
        """

    def load(self) -> "Tokenizer":
        """Loads the tokenizer at `path`.

        Raises:
          UserError: The file is missing or no tokenizer.
        """
        from jaxlm.tokenizers.files import load

        return load(self.path)

    def most_ids(self) -> int | None:
        """Ids that training gives at most, where that is known before."""
        return self.vocab_size

    def least_size(self) -> int:
        """The smallest `vocab_size` that can be trained on any text."""
        return 1


@dataclass(frozen=True, kw_only=True)
class SentencePieceConfig(TokenizerConfig):
    """SentencePiece (Kudo and Richardson, 2018): pieces of text with its spaces.

    Attributes:
      kind: SentencePiece model type; for `char` vocab_size is an upper bound.
      byte_fallback: Spell unknown characters as bytes, so that any text decodes to itself.
    """

    kind: Literal["bpe", "unigram", "char"] = "bpe"
    byte_fallback: bool = True

    def train(
        self, passages: Sequence[str], max_pieces: int, notify: Callable[[str], None]
    ) -> "Tokenizer":
        from jaxlm.tokenizers.sentencepiece import SentencePieceTokenizer
        from jaxlm.tokenizers.sentencepiece_training import train_sentencepiece

        model = train_sentencepiece(self, passages, max_pieces=max_pieces, notify=notify)
        return SentencePieceTokenizer(model)

    def most_ids(self) -> int | None:
        return None if self.kind == "char" else self.vocab_size

    def least_size(self) -> int:
        return 1 + 256 * self.byte_fallback


@dataclass(frozen=True, kw_only=True)
class ByteLevelConfig(TokenizerConfig):
    """Byte-level BPE (Radford et al., 2019): any text is spelt by its bytes.

    Attributes:
      pattern: How text is split into words before bytes merge: as GPT-2, GPT-4, GPT-4o or Llama 3;
        with `path`, only an unpublished tiktoken file is split so.
      split_digits: Make each digit a word of its own.
    """

    pattern: PatternName = "gpt4"
    split_digits: bool = False

    def train(
        self, passages: Sequence[str], max_pieces: int, notify: Callable[[str], None]
    ) -> "Tokenizer":
        from jaxlm.tokenizers.byte_level import train_byte_level

        pattern = PATTERNS[self.pattern]
        split = with_split_digits(pattern) if self.split_digits else pattern
        return _announced(train_byte_level(passages, self.vocab_size, split), self, notify)

    def load(self) -> "Tokenizer":
        """Loads the tokenizer at `path`; `pattern` counts for an unpublished tiktoken file."""
        from jaxlm.tokenizers.files import load

        return load(self.path, self.pattern)

    def least_size(self) -> int:
        return 259


@dataclass(frozen=True, kw_only=True)
class SubwordNmtConfig(TokenizerConfig):
    """BPE within words, as subword-nmt (Sennrich et al., 2016) learns it.

    Attributes:
      min_frequency: Merge only pairs that occur so often.
    """

    min_frequency: int = 2

    def train(
        self, passages: Sequence[str], max_pieces: int, notify: Callable[[str], None]
    ) -> "Tokenizer":
        from jaxlm.tokenizers.subword_nmt import SubwordNmtTokenizer

        learnt = SubwordNmtTokenizer.train(
            passages, self.vocab_size, min_frequency=self.min_frequency
        )
        return _announced(learnt, self, notify)


@dataclass(frozen=True, kw_only=True)
class WordPieceConfig(TokenizerConfig):
    """WordPiece (Schuster and Nakajima, 2012): the longest piece first, as in BERT.

    Attributes:
      learner: Merge the pair that raises the likelihood most, or the most frequent one.
      word_start: Mark pieces within a word (`##`) or at its start (`_`).
      lowercase: Lower-case the text.
    """

    learner: Literal["likelihood", "frequency"] = "likelihood"
    word_start: Literal["##", "_"] = "##"
    lowercase: bool = False

    def train(
        self, passages: Sequence[str], max_pieces: int, notify: Callable[[str], None]
    ) -> "Tokenizer":
        from jaxlm.tokenizers.wordpiece import WordPieceTokenizer

        learnt = WordPieceTokenizer.train(
            passages,
            self.vocab_size,
            learner=self.learner,
            word_start=self.word_start,
            lowercase=self.lowercase,
        )
        return _announced(learnt, self, notify)


def _announced(
    tokenizer: "Tokenizer", config: TokenizerConfig, notify: Callable[[str], None]
) -> "Tokenizer":
    if tokenizer.vocab_size < config.vocab_size:
        notify(
            f"tokenizer: the training text supports only {tokenizer.vocab_size:,} pieces, fewer "
            f"than tokenizer.vocab_size={config.vocab_size:,}; training goes on with "
            f"{tokenizer.vocab_size:,}"
        )
    return tokenizer
