"""Byte-level BPE: any text is its UTF-8 bytes, and frequent neighbours are merged."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from importlib.util import find_spec
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import SubwordSampling
from jaxlm.tokenizers.cut import SPACE_RUN, cut_text
from jaxlm.tokenizers.dropout import Merges, merge_with_dropout
from jaxlm.tokenizers.huggingface import HuggingFaceTokenizer, Marks, merges_of
from jaxlm.tokenizers.split_patterns import KNOWN, PATTERNS
from jaxlm.tokenizers.vocabulary import encode_around

SPECIAL_TOKENS = ("<s>", "</s>", "<pad>")
# Both engines take memory in proportion to the length of one string.
_STRETCH_CHARACTERS = 1 << 16


def _byte_characters() -> list[str]:
    """The printable character that stands for each byte (Radford et al., 2019, encoder.py)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    shown = {byte: chr(byte) for byte in printable}
    shown |= {byte: chr(256 + place) for place, byte in enumerate(others)}
    return [shown[byte] for byte in range(256)]


BYTE_CHARACTERS = _byte_characters()
_BYTES = {character: byte for byte, character in enumerate(BYTE_CHARACTERS)}


class ByteLevelTokenizer(HuggingFaceTokenizer):
    """Byte-level BPE in a `tokenizer.json`; encodes by tiktoken where that gives the same ids."""

    def __init__(self, data: Mapping[str, Any], marks: Marks) -> None:
        """Builds the tokenizer; `is_byte_level(data)` must hold.

        Raises:
          UserError: `data` is not a tokenizer, or lacks the tokens of `marks`.
        """
        super().__init__(data, marks)
        added = self._marked.get_added_tokens_decoder()
        self._added = {token.content: number for number, token in added.items()}
        self._ordinary = {t: i for t, i in self._added.items() if t not in self.special_tokens}
        self._fast = self._tiktoken()

    def encode_batch(self, texts: Sequence[str], *, special: bool = False) -> list[np.ndarray]:
        tokens = self._added if special else self._ordinary
        if tokens:
            return encode_around(tokens, texts, self._encode_ordinary)
        return self._encode_ordinary(texts)

    def sample_batch(
        self, texts: Sequence[str], seeds: Sequence[int], sampling: SubwordSampling
    ) -> list[np.ndarray]:
        """Drops merges with probability `alpha`: in Python, about 0.1 MB of text a second."""
        return [
            encode_around(
                self._ordinary, [text], partial(self._drop, Random(seed), sampling.alpha)
            )[0]
            for text, seed in zip(texts, seeds, strict=True)
        ]

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        # The library's decoder takes letters of added tokens for bytes.
        return b"".join([self._spelt[int(token)] for token in ids]).decode("utf-8", "replace")

    def token_bytes(self) -> np.ndarray:
        return np.array([len(spelling) for spelling in self._spelt], np.int32)

    def is_lossless(self) -> bool:
        """True: a byte has an id and a token has its bytes."""
        return True

    def misread_tokens(self) -> list[str]:
        """Added tokens of text that the library `tokenizers` decodes to other text."""
        decode = super().decode
        return [token for token, number in self._ordinary.items() if decode([number]) != token]

    def _encode_ordinary(self, texts: Sequence[str]) -> list[np.ndarray]:
        stretches = [list(cut_text(text, _STRETCH_CHARACTERS, SPACE_RUN)) for text in texts]
        encoded = self._encode_stretches([stretch for parts in stretches for stretch in parts])
        return [np.concatenate([next(encoded) for _ in parts]) for parts in stretches]

    def _encode_stretches(self, stretches: Sequence[str]) -> Iterator[np.ndarray]:
        if self._fast is None:
            found = self._words.encode_batch_fast(stretches, add_special_tokens=False)
            return (np.array(encoding.ids, np.int32) for encoding in found)
        # Faster than tiktoken's own way to arrays, which looks for special tokens.
        encode = self._fast.encode_ordinary
        return (np.array(encode(stretch), np.int32) for stretch in stretches)

    def _drop(self, random: Random, alpha: float, texts: Sequence[str]) -> list[np.ndarray]:
        return [np.array(list(self._drawn(text, random, alpha)), np.int32) for text in texts]

    def _drawn(self, text: str, random: Random, alpha: float) -> Iterator[int]:
        for word, _ in self._marked.pre_tokenizer.pre_tokenize_str(text):
            symbols = [self._byte_ids[character] for character in word]
            yield from merge_with_dropout(symbols, self._merges, alpha, random)

    @cached_property
    def _words(self) -> tokenizers.Tokenizer:
        """The tokenizer without its added tokens."""
        data = {**self._hidden, "added_tokens": []}
        return tokenizers.Tokenizer.from_str(json.dumps(data))

    @cached_property
    def _spelt(self) -> list[bytes]:
        """Bytes of each id; none of special ones."""
        spelt = [b""] * self.vocab_size
        for piece, token in self.data["model"]["vocab"].items():
            if piece not in self._added:
                spelt[token] = bytes(_BYTES[character] for character in piece)
        for token, number in self._ordinary.items():
            spelt[number] = token.encode()
        return spelt

    @cached_property
    def _byte_ids(self) -> dict[str, int]:
        return {c: self.data["model"]["vocab"][c] for c in BYTE_CHARACTERS}

    @cached_property
    def _merges(self) -> Merges:
        vocab = self.data["model"]["vocab"]
        return {
            (vocab[a], vocab[b]): (rank, vocab[a + b])
            for rank, (a, b) in enumerate(merges_of(self._hidden))
        }

    def _tiktoken(self) -> Any:
        """An encoder by tiktoken with the same ids; none where it is absent or could differ."""
        pattern = split_pattern(self.data)
        ranks = tiktoken_ranks(self._hidden)
        if find_spec("tiktoken") is None or pattern not in KNOWN or ranks is None:
            return None
        import tiktoken

        return tiktoken.Encoding("jaxlm", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def is_byte_level(data: Mapping[str, Any]) -> bool:
    """Whether a `tokenizer.json` is byte-level BPE and nothing else, so that text survives it."""
    model = data["model"]
    if model.get("type") != "BPE" or data.get("normalizer") is not None:
        return False
    affixes = ("continuing_subword_prefix", "end_of_word_suffix", "unk_token", "dropout")
    flags = ("lstrip", "rstrip", "single_word")
    added = data.get("added_tokens") or ()
    return (
        not any(model.get(name) for name in affixes)
        and split_pattern(data) is not None
        and (data.get("decoder") or {}).get("type") == "ByteLevel"
        and all(character in model["vocab"] for character in BYTE_CHARACTERS)
        and not any(token[flag] for token in added for flag in flags)
    )


def split_pattern(data: Mapping[str, Any]) -> str | None:
    """The regular expression whose matches are a byte-level tokenizer's words, if it is one."""
    outer = data.get("pre_tokenizer") or {}
    steps = outer.get("pretokenizers", []) if outer.get("type") == "Sequence" else [outer]
    if not steps or steps[-1].get("type") != "ByteLevel" or steps[-1].get("add_prefix_space"):
        return None
    uses_own = steps[-1].get("use_regex", True)
    if len(steps) == 1:
        return PATTERNS["gpt2"] if uses_own else None
    split = steps[0]
    is_plain = split.get("behavior") == "Isolated" and not split.get("invert")
    if len(steps) > 2 or uses_own or split.get("type") != "Split" or not is_plain:
        return None
    pattern = split["pattern"].get("Regex")
    return None if pattern is None else str(pattern)


def tiktoken_ranks(data: Mapping[str, Any]) -> dict[bytes, int] | None:
    """The tokens as tiktoken takes them, or none where it could merge otherwise.

    tiktoken knows no merges: it joins the neighbours whose union has the lowest id. That is the
    same where ids rise with the merges, each token comes from one merge, and each, given alone, is
    made by the merges: until it is whole its inside changes as it does within a text, so no other
    two neighbours ever make it.
    """
    vocab = data["model"]["vocab"]
    merges = merges_of(data)
    ids = [vocab[a + b] for a, b in merges]
    added = {token["content"] for token in data.get("added_tokens") or ()}
    made = {a + b for a, b in merges} | set(BYTE_CHARACTERS)
    rest = {token for token in vocab if token not in made and token not in added}
    if rest or any(a >= b for a, b in pairwise(ids)):
        return None
    model = models.BPE(vocab, merges)
    if any(len(model.tokenize(a + b)) != 1 for a, b in merges):
        return None
    return {bytes(_BYTES[c] for c in token): vocab[token] for token in made}


def train_byte_level(passages: Sequence[str], vocab_size: int, pattern: str) -> ByteLevelTokenizer:
    """Learns merges; the same passages give the same tokenizer.

    Args:
      passages: Text.
      vocab_size: Ids, of which 259 are bytes and special tokens.
      pattern: Regular expression whose matches are the words; no merge leaves a word.

    Raises:
      UserError: `vocab_size` is below 259.
    """
    smallest = len(SPECIAL_TOKENS) + len(BYTE_CHARACTERS)
    if vocab_size < smallest:
        raise UserError(
            f"a byte-level vocabulary of {vocab_size:,} cannot hold the 256 bytes and "
            f"{len(SPECIAL_TOKENS)} special tokens; ask for {smallest} or more",
            ExitCode.USAGE,
        )
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=BYTE_CHARACTERS,
        show_progress=False,
    )
    backend.train_from_iterator(passages, trainer)
    marks = Marks(bos="<s>", eos="</s>", pad="<pad>")
    return ByteLevelTokenizer(json.loads(backend.to_str()), marks)


def open_huggingface(data: Mapping[str, Any], marks: Marks) -> HuggingFaceTokenizer:
    """The tokenizer of a `tokenizer.json`: byte-level BPE as such, anything else by the library."""
    kind = ByteLevelTokenizer if is_byte_level(data) else HuggingFaceTokenizer
    return kind(data, marks)
