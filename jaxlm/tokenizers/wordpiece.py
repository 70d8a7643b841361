"""WordPiece: each word as the longest pieces of a vocabulary, from left to right."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, NoReturn, Self, TypeGuard

import numpy as np
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import SubwordSampling, Tokenizer
from jaxlm.tokenizers.bpe_statistics import choose_characters
from jaxlm.tokenizers.saved import canonical, check_kind
from jaxlm.tokenizers.vocabulary import encode_around
from jaxlm.tokenizers.wordpiece_training import (
    Learner,
    join_pieces,
    learn_word_pieces,
    spell_pieces,
)

TYPE = "wordpiece"
VERSION = 1
CONTINUATION = "##"
WORD_MARK = "\u2581"
MAX_WORD_CHARACTERS = 100

_PAD, _UNKNOWN, _BOS, _EOS, _MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
_REQUIRED = (_PAD, _UNKNOWN, _BOS, _EOS)
_SPECIAL = (*_REQUIRED, _MASK)


@dataclass(frozen=True, kw_only=True)
class WordSplitting:
    """How text becomes words.

    Attributes:
      word_start: "##": words end at white space and around each punctuation mark, and pieces within
        a word begin with ##, as in BERT. "_": words end at white space, and each begins with
        U+2581, as in GNMT.
      lowercase: Lower-case the text.
      strip_accents: Take accents off letters.
      split_cjk: Make each CJK character a word of its own.

    Source: Devlin et al., 2019, arXiv 1810.04805, section 3; Wu et al., 2016, arXiv 1609.08144,
      section 4.1.
    """

    word_start: Literal["##", "_"] = "##"
    lowercase: bool = False
    strip_accents: bool = False
    split_cjk: bool = True

    @property
    def prefix(self) -> str:
        """What the pieces of a word after its first begin with."""
        return CONTINUATION if self.word_start == "##" else ""

    def build(self, pieces: Mapping[str, int]) -> tokenizers.Tokenizer:
        """A runtime that splits text and finds the longest pieces."""
        limit = MAX_WORD_CHARACTERS + (self.word_start == "_")
        runtime = tokenizers.Tokenizer(
            models.WordPiece(
                dict(pieces),
                unk_token=_UNKNOWN,
                max_input_chars_per_word=limit,
                continuing_subword_prefix=self.prefix,
            )
        )
        cleaned = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=self.split_cjk,
            strip_accents=self.strip_accents,
            lowercase=self.lowercase,
        )
        if self.word_start == "##":
            runtime.normalizer = cleaned
            runtime.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        else:
            one_space = normalizers.Replace(tokenizers.Regex(" +"), " ")
            runtime.normalizer = normalizers.Sequence([cleaned, normalizers.Strip(), one_space])
            runtime.pre_tokenizer = pre_tokenizers.Metaspace(WORD_MARK, "always")
        return runtime


class WordPieceTokenizer(Tokenizer):
    """The longest piece first; a word that pieces cannot spell is `[UNK]` as a whole.

    So is a word of more than 100 characters. Decoding gives words between single spaces: white
    space, and where set case and accents, do not come back. `[CLS]` begins a document and `[SEP]`
    ends it.
    """

    def __init__(self, pieces: Sequence[str], splitting: WordSplitting) -> None:
        """Takes a vocabulary.

        Args:
          pieces: Special tokens and pieces, by id.
          splitting: How text becomes words.

        Raises:
          UserError: A piece is listed twice, or a special token other than `[MASK]` is missing.
        """
        _check(pieces)
        self._pieces = list(pieces)
        self._splitting = splitting
        id_of = {piece: token for token, piece in enumerate(pieces)}
        self._runtime = splitting.build(id_of)
        self.vocab_size = len(pieces)
        self.bos_id, self.eos_id = id_of[_BOS], id_of[_EOS]
        self.pad_id, self.unknown_id = id_of[_PAD], id_of[_UNKNOWN]
        self.special_tokens: Mapping[str, int] = {
            token: id_of[token] for token in _SPECIAL if token in id_of
        }
        special = set(self.special_tokens.values())
        self._texts = [
            "" if token in special else self._text(piece) for token, piece in enumerate(pieces)
        ]
        self.fingerprint = hashlib.sha256(self._json().encode()).hexdigest()

    @classmethod
    def train(
        cls,
        passages: Iterable[str],
        vocab_size: int,
        *,
        learner: Learner,
        word_start: Literal["##", "_"],
        lowercase: bool,
        min_frequency: int = 2,
        character_coverage: float = 1.0,
    ) -> Self:
        """Learns pieces from text; the counts of words decide, not the order of passages.

        Args:
          passages: Text, read once.
          vocab_size: Ids at most, special tokens among them.
          learner: What a merge is chosen by; see `learn_word_pieces`.
          word_start: Where words end and how pieces tell; see `WordSplitting`.
          lowercase: Lower-case the text and take accents off, as BERT's uncased models do.
          min_frequency: Merge no pair that occurs less often.
          character_coverage: Share of the text's characters to keep, from the most frequent on;
            a word with another one is `[UNK]`.

        Raises:
          UserError: There is no text, or `vocab_size` cannot hold its characters.
        """
        splitting = WordSplitting(
            word_start=word_start,
            lowercase=lowercase,
            strip_accents=lowercase,
            split_cjk=word_start == "##",
        )
        words = _count_words(passages, splitting)
        if not words:
            raise UserError("no text to train a WordPiece tokenizer on", ExitCode.UNUSABLE)
        _, excluded = choose_characters(words, character_coverage)
        spelt = {word: count for word, count in words.items() if excluded.isdisjoint(word)}
        prefix = splitting.prefix
        characters = sorted({piece for word in spelt for piece in spell_pieces(word, prefix)})
        free = vocab_size - len(_SPECIAL) - len(characters)
        if free < 0:
            raise UserError(
                f"vocab_size={vocab_size:,} cannot hold the {len(characters):,} pieces that spell "
                f"the characters of the training text; set it to at least {vocab_size - free:,}, "
                "or lower character_coverage",
                ExitCode.USAGE,
            )
        merges = learn_word_pieces(
            spelt, free, learner=learner, prefix=prefix, min_frequency=min_frequency
        )
        learned = [join_pieces(left, right, prefix) for left, right in merges]
        return cls(list(dict.fromkeys([*_SPECIAL, *characters, *learned])), splitting)

    @classmethod
    def from_vocab(cls, lines: Iterable[str], splitting: WordSplitting | None = None) -> Self:
        """Takes over a BERT `vocab.txt`.

        Args:
          lines: A piece each, by id.
          splitting: How text becomes words; by default as in BERT, lower-cased and without accents
            if no piece has a capital letter.
        """
        pieces = [line.rstrip("\r\n") for line in lines]
        while pieces and not pieces[-1]:
            pieces.pop()
        if splitting is None:
            uncased = all(piece == piece.lower() for piece in pieces if piece not in _SPECIAL)
            splitting = WordSplitting(lowercase=uncased, strip_accents=uncased)
        return cls(pieces, splitting)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads what `save` wrote, as parsed JSON.

        Raises:
          UserError: It is not a WordPiece tokenizer of this version.
        """
        check_kind(data, TYPE, VERSION)
        pieces, splitting = data.get("pieces"), data.get("splitting")
        if not (_is_pieces(pieces) and _is_splitting(splitting)):
            raise UserError(
                "the WordPiece tokenizer is damaged: 'pieces' must be strings and 'splitting' the "
                "settings of word splitting; take the file from its source again",
                ExitCode.UNUSABLE,
            )
        return cls(pieces, WordSplitting(**splitting))

    def encode_batch(self, texts: Sequence[str], *, special: bool = False) -> list[np.ndarray]:
        if special:
            return encode_around(self.special_tokens, texts, self.encode_batch)
        encodings = self._runtime.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(encoding.ids, np.int32) for encoding in encodings]

    def encode_with_offsets(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Ids of a text and the stretch that each comes from.

        Returns:
          int32 ids [num_tokens], and their first character and the one after the last
          [num_tokens, 2]; with `_` words, the space in front belongs to the stretch.
        """
        encoding = self._runtime.encode(text, add_special_tokens=False)
        offsets = np.array(encoding.offsets, np.int32).reshape(-1, 2)
        return np.array(encoding.ids, np.int32), offsets

    def encode_pair(self, first: str, second: str) -> tuple[np.ndarray, np.ndarray]:
        """Two texts as BERT reads them: `[CLS] first [SEP] second [SEP]`.

        Returns:
          int32 ids and types [num_tokens]; the type is 0 to the first `[SEP]` and 1 behind it.

        Source: Devlin et al., 2019, arXiv 1810.04805, section 3, input representations.
        """
        a, b = self.encode_batch([first, second])
        ids = np.concatenate([[self.bos_id], a, [self.eos_id], b, [self.eos_id]])
        types = np.repeat([0, 1], [len(a) + 2, len(b) + 1])
        return ids.astype(np.int32), types.astype(np.int32)

    def sample_batch(
        self, texts: Sequence[str], seeds: Sequence[int], sampling: SubwordSampling
    ) -> NoReturn:
        """Raises: the longest pieces are the only segmentation."""
        raise UserError(
            "WordPiece has one segmentation of a text, there is nothing to sample; leave subword "
            "sampling off, or use a BPE or unigram tokenizer",
            ExitCode.USAGE,
        )

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return "".join(self._texts[int(token)] for token in ids).removeprefix(" ")

    def piece(self, token: int) -> str:
        return self._pieces[token]

    def token_bytes(self) -> np.ndarray:
        """Bytes with the one space that decoding puts before a word, also before the first."""
        return np.array([len(text.encode()) for text in self._texts], np.int32)

    def is_lossless(self) -> bool:
        """False: white space is not kept, and words may be unknown."""
        return False

    def save(self, path: str | Path) -> None:
        Path(path).write_text(self._json() + "\n", encoding="utf-8")

    def _json(self) -> str:
        content = {
            "pieces": self._pieces,
            "splitting": asdict(self._splitting),
        }
        return canonical(TYPE, VERSION, content)

    def _text(self, piece: str) -> str:
        if self._splitting.word_start == "_":
            return piece.replace(WORD_MARK, " ")
        return piece[2:] if piece.startswith(CONTINUATION) else " " + piece


def _count_words(passages: Iterable[str], splitting: WordSplitting) -> Counter[str]:
    """Counts words that are not too long to have pieces."""
    runtime = splitting.build({_UNKNOWN: 0})
    limit = MAX_WORD_CHARACTERS + (splitting.word_start == "_")
    counts: Counter[str] = Counter()
    for passage in passages:
        text = runtime.normalizer.normalize_str(passage)
        counts.update(word for word, _ in runtime.pre_tokenizer.pre_tokenize_str(text))
    return Counter({word: count for word, count in counts.items() if len(word) <= limit})


def _check(pieces: Sequence[str]) -> None:
    missing = [token for token in _REQUIRED if token not in pieces]
    if missing:
        raise UserError(
            f"the vocabulary has no {missing[0]}, which WordPiece needs; add it", ExitCode.UNUSABLE
        )
    twice = [piece for piece, count in Counter(pieces).items() if count > 1]
    if twice:
        raise UserError(
            f"piece {twice[0]!r} is in the vocabulary twice; list it once", ExitCode.UNUSABLE
        )


def _is_pieces(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(piece, str) for piece in value)


def _is_splitting(value: Any) -> TypeGuard[dict[str, Any]]:
    return (
        isinstance(value, dict)
        and value.keys() == {field.name for field in fields(WordSplitting)}
        and value["word_start"] in ("##", "_")
        and all(isinstance(value[name], bool) for name in value.keys() - {"word_start"})
    )
