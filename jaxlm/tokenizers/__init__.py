"""Tokenizers behind one interface."""

from pathlib import Path

from jaxlm.tokenizers.base import Tokenizer

__all__ = ["Tokenizer", "load"]


def load(path: str | Path) -> Tokenizer:
    """Loads a tokenizer from its file.

    Raises:
      UserError: The file is missing, is not a SentencePiece model, or lacks `<s>` or `</s>`.
    """
    from jaxlm.tokenizers.sentencepiece import SentencePieceTokenizer

    return SentencePieceTokenizer.load(path)
