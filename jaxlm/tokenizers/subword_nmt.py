"""Byte-pair encoding of words as subword-nmt defines it, as a `Tokenizer`."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Self, TypeGuard

import numpy as np
from tokenizers import models

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import SubwordSampling, Tokenizer
from jaxlm.tokenizers.bpe import END_OF_WORD, learn_merges
from jaxlm.tokenizers.bpe_apply import (
    Merge,
    apply_merges,
    find_order_dependent,
    origins,
    rank_merges,
    split_unlisted,
)
from jaxlm.tokenizers.bpe_segment import SEPARATOR, parse_symbol
from jaxlm.tokenizers.bpe_statistics import choose_characters, count_words
from jaxlm.tokenizers.saved import canonical, check_kind
from jaxlm.tokenizers.vocabulary import encode_around

TYPE = "subword_nmt"
VERSION = 1
_UNKNOWN, _BOS, _EOS, _PAD, _END = range(5)
_SPECIAL = {"<unk>": _UNKNOWN, "<s>": _BOS, "</s>": _EOS, "<pad>": _PAD}
_FIRST_SYMBOL = 5

# No symbol holds a space, so this one cannot be spelt by text.
_RUNTIME_UNKNOWN = " "
_BETWEEN_TEXTS = (_BOS, _EOS, _PAD)


class SubwordNmtTokenizer(Tokenizer):
    """Merges characters within words; words are what stands between ASCII spaces.

    The last symbol of a word implies the space behind it, except at the end of a text and before a
    special token. A word without a last symbol of its own (an empty one between two spaces, or one
    that ends in an unknown character) is closed by the id of `</w>`. Every text comes back exactly,
    with all its spaces and line feeds, if the vocabulary has each of its characters as a symbol
    that continues; other characters become `<unk>` and are lost.
    """

    def __init__(self, merges: Sequence[Merge], symbols: Sequence[str]) -> None:
        """Takes what training found.

        Args:
          merges: Pairs in the order of merging.
          symbols: The vocabulary without special tokens; the last symbol of a word ends with
            `</w>`.

        Raises:
          UserError: A symbol is listed twice, or a pair or a symbol cannot come from text.
        """
        _check(merges, symbols)
        self._merges = [(left, right) for left, right in merges]
        self._symbols = [*_SPECIAL, END_OF_WORD, *symbols]
        self._texts = [""] * len(_SPECIAL) + [_text(symbol) for symbol in self._symbols[_END:]]
        self._ranks = rank_merges(self._merges)
        self._order_dependent = find_order_dependent(self._ranks)
        id_of = {symbol: token for token, symbol in enumerate(symbols, start=_FIRST_SYMBOL)}
        self._spelling = _spell(self._ranks, id_of)
        # The runtime numbers symbols in this order; 0 is what it does not know.
        self._spelling_of = [(_UNKNOWN,), *self._spelling.values()]
        self._runtime = _build_runtime(list(self._ranks), self._spelling)
        self.vocab_size = len(self._symbols)
        self.bos_id, self.eos_id, self.pad_id, self.unknown_id = _BOS, _EOS, _PAD, _UNKNOWN
        self.special_tokens: Mapping[str, int] = dict(_SPECIAL)
        self.fingerprint = hashlib.sha256(self._json().encode()).hexdigest()

    @classmethod
    def train(
        cls,
        passages: Iterable[str],
        vocab_size: int,
        *,
        num_merges: int | None = None,
        min_frequency: int = 2,
        character_coverage: float = 1.0,
    ) -> Self:
        """Learns merges from text; the counts of words decide, not the order of passages.

        Args:
          passages: Text, read once.
          vocab_size: Ids at most, special tokens among them.
          num_merges: Merges at most; by default as many as `vocab_size` allows.
          min_frequency: Merge no pair that occurs less often.
          character_coverage: Share of the text's characters to keep, from the most frequent on;
            the others become `<unk>`.

        Raises:
          UserError: There is no text, or `vocab_size` cannot hold its characters.
        """
        words = count_words(passages)
        if not words:
            raise UserError("no text to train a subword-nmt tokenizer on", ExitCode.UNUSABLE)
        characters, excluded = choose_characters(words, character_coverage)
        last = sorted({word[-1] for word in words} - excluded)
        symbols = [*characters, *(character + END_OF_WORD for character in last)]
        free = vocab_size - _FIRST_SYMBOL - len(symbols)
        if free < 0:
            raise UserError(
                f"vocab_size={vocab_size:,} cannot hold the {len(symbols):,} symbols that spell "
                f"the characters of the training text; set it to at least {vocab_size - free:,}, "
                "or lower character_coverage",
                ExitCode.USAGE,
            )
        limit = free if num_merges is None else min(free, num_merges)
        merges = learn_merges(words, limit, min_frequency, excluded=excluded)
        return cls(merges, symbols + list(origins(rank_merges(merges))))

    @classmethod
    def from_codes(cls, codes_text: str, vocabulary: Iterable[str]) -> Self:
        """Takes over merges and vocabulary of subword-nmt.

        Args:
          codes_text: What `subword-nmt learn-bpe` writes, version 0.2.
          vocabulary: Symbols, with `@@` where the word goes on; see `read_vocabulary`.

        Raises:
          UserError: A line is not a pair, or the version is another.
        """
        header, *lines = codes_text.rstrip("\n").split("\n")
        if header.strip() != "#version: 0.2":
            raise UserError(
                f"merges of subword-nmt begin with '#version: 0.2', not {header[:40]!r}; older "
                "files mark the end of a word otherwise: learn them anew",
                ExitCode.UNUSABLE,
            )
        merges: list[Merge] = []
        for number, line in enumerate(lines, start=2):
            left, _, right = line.rstrip("\r").partition(" ")
            if not left or not right or " " in right:
                raise UserError(
                    f"line {number} of the merges is not two symbols: {line!r}", ExitCode.UNUSABLE
                )
            merges.append((left, right))
        return cls(merges, [parse_symbol(symbol) for symbol in vocabulary])

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads what `save` wrote, as parsed JSON.

        Raises:
          UserError: It is not a subword-nmt tokenizer of this version.
        """
        check_kind(data, TYPE, VERSION)
        merges, symbols = data.get("merges"), data.get("symbols")
        if not (_is_merges(merges) and _is_strings(symbols)):
            raise UserError(
                "the subword-nmt tokenizer is damaged: 'merges' must be pairs of strings and "
                "'symbols' strings; take the file from its source again",
                ExitCode.UNUSABLE,
            )
        return cls([(left, right) for left, right in merges], symbols)

    def encode_batch(self, texts: Sequence[str], *, special: bool = False) -> list[np.ndarray]:
        if special:
            return encode_around(self.special_tokens, texts, self.encode_batch)
        fields = [text.split(" ") for text in texts]
        distinct = set[str]().union(*fields)
        ids = {word: self._encode_word(word) for word in distinct if word}
        ids[""] = [_END]
        return [_join(words, ids.__getitem__) for words in fields]

    def sample_batch(
        self, texts: Sequence[str], seeds: Sequence[int], sampling: SubwordSampling
    ) -> list[np.ndarray]:
        """Drops merges with probability `alpha`; 1 leaves characters."""
        return [
            self._sample(text, random.Random(seed), sampling.alpha)
            for text, seed in zip(texts, seeds, strict=True)
        ]

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        stretches: list[list[str]] = [[]]
        for token in map(int, ids):
            if token in _BETWEEN_TEXTS:
                stretches.append([])
            else:
                stretches[-1].append(self._texts[token])
        return "".join("".join(stretch).removesuffix(" ") for stretch in stretches)

    def piece(self, token: int) -> str:
        """The symbol as subword-nmt writes it, with `@@` where the word goes on."""
        symbol = self._symbols[token]
        if token < _FIRST_SYMBOL:
            return symbol
        last = symbol.endswith(END_OF_WORD)
        return symbol.removesuffix(END_OF_WORD) if last else symbol + SEPARATOR

    def token_bytes(self) -> np.ndarray:
        """Bytes with the space that the last symbol of a word implies: one too many for a text."""
        return np.array([len(text.encode()) for text in self._texts], np.int32)

    def is_lossless(self) -> bool:
        """False: characters that the vocabulary does not have are lost."""
        return False

    def keeps_known_text(self) -> bool:
        return True

    def save(self, path: str | Path) -> None:
        Path(path).write_text(self._json() + "\n", encoding="utf-8")

    def _json(self) -> str:
        content = {
            "merges": self._merges,
            "symbols": self._symbols[_FIRST_SYMBOL:],
        }
        return canonical(TYPE, VERSION, content)

    def _encode_word(self, word: str) -> list[int]:
        if self._order_matters(word):
            return self._ids(apply_merges(word, self._ranks))
        tokens = self._runtime.tokenize(word)
        ids = [token for found in tokens for token in self._spelling_of[found.id]]
        return ids if tokens[-1].id else [*ids, _END]

    def _order_matters(self, word: str) -> bool:
        return any(word.count(symbol) > 1 for symbol in self._order_dependent)

    def _sample(self, text: str, draws: random.Random, dropout: float) -> np.ndarray:
        def ids(word: str) -> list[int]:
            return self._ids(apply_merges(word, self._ranks, dropout, draws)) if word else [_END]

        return _join(text.split(" "), ids)

    def _ids(self, symbols: Sequence[str]) -> list[int]:
        """Ids of a word's symbols."""
        ids = [token for symbol in symbols for token in self._spelling.get(symbol, (_UNKNOWN,))]
        return ids if symbols[-1] in self._spelling else [*ids, _END]


def read_vocabulary(text: str, threshold: int = 1) -> list[str]:
    """Symbols of what `subword-nmt get-vocab` writes, lines of symbol and count, in its order.

    Args:
      text: The file's text.
      threshold: Leave out symbols that are rarer; a tokenizer writes them as their parts.

    Raises:
      UserError: A line is not a symbol and its count.
    """
    symbols = []
    for number, line in enumerate(text.rstrip("\r\n").split("\n"), start=1):
        symbol, _, count = line.rstrip("\r").rpartition(" ")
        if not symbol or not count.isdecimal():
            raise UserError(
                f"line {number} of the vocabulary is not a symbol and its count: {line!r}",
                ExitCode.UNUSABLE,
            )
        if int(count) >= threshold:
            symbols.append(symbol)
    return symbols


def _text(symbol: str) -> str:
    """What a symbol stands for; the last one of a word has the space behind."""
    return symbol.removesuffix(END_OF_WORD) + " " if symbol.endswith(END_OF_WORD) else symbol


def _spell(ranks: Mapping[Merge, int], id_of: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Ids of each symbol that merges can give, whether the vocabulary has it or its parts."""
    made_by = origins(ranks)
    characters = [symbol for symbol in id_of if len(symbol) == 1]
    symbols = [
        *characters,
        *(character + END_OF_WORD for character in characters),
        *id_of,
        *(symbol for pair in ranks for symbol in pair),
        *made_by,
    ]
    return {
        symbol: tuple(
            token
            for part in split_unlisted(symbol, id_of, made_by)
            for token in _spell_part(part, id_of)
        )
        for symbol in dict.fromkeys(symbols)
    }


def _spell_part(part: str, id_of: Mapping[str, int]) -> tuple[int, ...]:
    if part in id_of:
        return (id_of[part],)
    inner = id_of.get(part.removesuffix(END_OF_WORD), _UNKNOWN)
    return (inner, _END) if part.endswith(END_OF_WORD) else (inner,)


def _build_runtime(merges: list[Merge], symbols: Iterable[str]) -> models.BPE:
    vocabulary = {symbol: index for index, symbol in enumerate([_RUNTIME_UNKNOWN, *symbols])}
    return models.BPE(
        vocabulary, merges, unk_token=_RUNTIME_UNKNOWN, end_of_word_suffix=END_OF_WORD
    )


def _join(words: Sequence[str], ids: Callable[[str], Iterable[int]]) -> np.ndarray:
    """Ids of a text by its words; one empty word is the empty text."""
    if words == [""]:
        return np.empty(0, np.int32)
    return np.fromiter(chain.from_iterable(map(ids, words)), np.int32)


def _check(merges: Sequence[Merge], symbols: Sequence[str]) -> None:
    for symbol in [*symbols, *(part for pair in merges for part in pair)]:
        text = symbol.removesuffix(END_OF_WORD)
        if not text or " " in text or END_OF_WORD in text:
            raise UserError(
                f"symbol {symbol!r} cannot be part of a word: it must have characters, no space, "
                f"and {END_OF_WORD} at its end only",
                ExitCode.UNUSABLE,
            )
    twice = [symbol for symbol, count in Counter(symbols).items() if count > 1]
    if twice:
        raise UserError(
            f"symbol {twice[0]!r} is in the vocabulary twice; list it once", ExitCode.UNUSABLE
        )


def _is_merges(value: Any) -> TypeGuard[list[list[str]]]:
    return isinstance(value, list) and all(_is_strings(item) and len(item) == 2 for item in value)


def _is_strings(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
