"""Tokenizers behind one interface."""

from jaxlm.tokenizers.base import SubwordSampling, Tokenizer
from jaxlm.tokenizers.files import load

__all__ = ["SubwordSampling", "Tokenizer", "load"]
