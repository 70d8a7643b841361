"""A SentencePiece model as a `Tokenizer`, lossless for every text where the model allows it."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import SubwordSampling, Tokenizer
from jaxlm.tokenizers.cut import cut_text
from jaxlm.tokenizers.vocabulary import encode_around

# SentencePiece writes a space as U+2581 and turns every U+2581 back into a space, also one that
# stood in the text. Spelled as its three bytes it survives.
SPACE_MARK = "\u2581"
_SPACE_MARK_BYTES = ("<0xE2>", "<0x96>", "<0x81>")
_MARKS = re.compile(f"({SPACE_MARK}+)")
_ESCAPING = b"jaxlm: U+2581 as bytes, version 1\n"

# SentencePiece's work on one string grows faster than its length, and it takes 50 bytes of memory
# a character.
_STRETCH_CHARACTERS = 1 << 16
# The n best are sought within a stretch as long as a paragraph: in a longer text they differ in a
# few words only, and the search takes the square of its length.
_NBEST_CHARACTERS = 512

# SentencePiece's generator belongs to the process; 2**32 - 1 is its sign for "no seed".
_GENERATOR = threading.Lock()
_NUM_SEEDS = 2**32 - 5

_ERRORS_ONLY = 3


class SentencePieceTokenizer(Tokenizer):
    """Wraps the bytes of a SentencePiece model."""

    def __init__(self, model: bytes) -> None:
        """Loads a serialised model.

        Raises:
          UserError: `model` is not a SentencePiece model, or lacks `<s>` or `</s>`.
        """
        sentencepiece.set_min_log_level(_ERRORS_ONLY)
        self.model = model
        self._processor = _load_processor(model)
        self.vocab_size = self._processor.get_piece_size()
        self.bos_id = self._processor.bos_id()
        self.eos_id = self._processor.eos_id()
        self.unknown_id = self._processor.unk_id()
        if self.bos_id < 0 or self.eos_id < 0:
            raise UserError(
                "the SentencePiece model has no <s> or no </s>, which mark where documents begin "
                "and end; train it with bos_id and eos_id",
                ExitCode.UNUSABLE,
            )
        # A model without a padding piece: the end of document stands in, as no loss looks at it.
        self.pad_id = self._processor.pad_id() if self._processor.pad_id() >= 0 else self.eos_id
        self.fingerprint = hashlib.sha256(_ESCAPING + model).hexdigest()
        self.special_tokens = {
            self._processor.id_to_piece(token): token
            for token in range(self.vocab_size)
            if self._processor.is_control(token) or self._processor.is_unknown(token)
        }
        self._space_mark = self._find_space_mark()
        self._cuttable = self._is_cuttable()

    def encode_batch(self, texts: Sequence[str], *, special: bool = False) -> list[np.ndarray]:
        if special:
            return encode_around(self.special_tokens, texts, self.encode_batch)
        stretches = [list(self._stretches(text, _STRETCH_CHARACTERS)) for text in texts]
        flat = [stretch for parts in stretches for stretch in parts]
        encoded = iter(self._processor.encode(flat, return_type="numpy"))
        return [self._join(parts, lambda _: next(encoded)) for parts in stretches]

    def sample_batch(
        self, texts: Sequence[str], seeds: Sequence[int], sampling: SubwordSampling
    ) -> list[np.ndarray]:
        """Draws by SentencePiece itself: merges dropped, or segmentations of the lattice.

        With `nbest` above 1, a text longer than 512 characters is drawn stretch by stretch. A
        SentencePiece of another version may draw otherwise.
        """
        if not self._has_nbest:
            sampling = replace(sampling, nbest=-1)
        elif sampling.nbest in (0, 1):
            return self.encode_batch(texts)
        pairs = zip(texts, seeds, strict=True)
        try:
            return [self._sample(text, seed, sampling) for text, seed in pairs]
        except RuntimeError as error:
            raise UserError(
                f"this SentencePiece model has one segmentation only ({error}); drawing needs "
                "kind bpe or unigram",
                ExitCode.UNUSABLE,
            ) from error

    @cached_property
    def _has_nbest(self) -> bool:
        """True of unigram models."""
        try:
            self._processor.nbest_encode("a", nbest_size=2)
        except RuntimeError:
            return False
        return True

    def _sample(self, text: str, seed: int, sampling: SubwordSampling) -> np.ndarray:
        limit = _NBEST_CHARACTERS if sampling.nbest > 0 else _STRETCH_CHARACTERS
        with _GENERATOR:
            sentencepiece.set_random_generator_seed(seed % _NUM_SEEDS)
            return self._join(
                self._stretches(text, limit),
                lambda stretch: self._processor.encode(
                    stretch,
                    enable_sampling=True,
                    alpha=sampling.alpha,
                    nbest_size=sampling.nbest,
                    return_type="numpy",
                ),
            )

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        # SentencePiece writes " \u2047 " for the unknown piece, and nothing for a control piece.
        silent = {self.unknown_id: self.bos_id}
        text: str = self._processor.decode([silent.get(t, t) for t in map(int, ids)])
        return text

    def piece(self, token: int) -> str:
        return str(self._processor.id_to_piece(token))

    def token_bytes(self) -> np.ndarray:
        return np.array([self._bytes_of(token) for token in range(self.vocab_size)], np.int32)

    def save(self, path: str | Path) -> None:
        Path(path).write_bytes(self.model)

    def is_lossless(self) -> bool:
        """Whether text survives: no normalisation, and a probe of all else that changes it."""
        from sentencepiece import sentencepiece_model_pb2  # a tenth of a second, seldom needed

        proto: Any = sentencepiece_model_pb2
        if proto.ModelProto.FromString(self.model).normalizer_spec.precompiled_charsmap:
            return False
        probe = " a  b\t\tc\r\n\n d\u2581e\u00a0\ufb01e\u0301 \U0001f642\x00 "
        return self.decode(self.encode(probe)) == probe

    def _stretches(self, text: str, limit: int) -> Iterable[str]:
        stretches = cut_text(text, limit) if self._cuttable else (text,)
        if self._space_mark is None or SPACE_MARK not in text:
            return stretches
        return [part for stretch in stretches for part in _MARKS.split(stretch)]

    def _join(self, stretches: Iterable[str], encode: Callable[[str], np.ndarray]) -> np.ndarray:
        """Ids of stretches in a row; marks are spelt, the others encoded."""
        return np.concatenate([self._spell(encode(stretch), stretch) for stretch in stretches])

    def _spell(self, ids: np.ndarray, stretch: str) -> np.ndarray:
        if self._space_mark is None or not stretch.startswith(SPACE_MARK):
            return ids
        return np.tile(self._space_mark, len(stretch))

    def _find_space_mark(self) -> np.ndarray | None:
        ids = [self._processor.piece_to_id(piece) for piece in _SPACE_MARK_BYTES]
        spelled_by_bytes = all(self._processor.is_byte(token) for token in ids)
        return np.array(ids, np.int32) if spelled_by_bytes else None

    def _is_cuttable(self) -> bool:
        """False for models that put a space before every text or strip it."""
        whole, left, right = self._processor.encode(["a b\nc ", "a b", "\nc "])
        return bool(whole == left + right)

    def _bytes_of(self, token: int) -> int:
        if self._processor.is_control(token) or self._processor.is_unknown(token):
            return 0
        if self._processor.is_byte(token):
            return 1
        return len(self._processor.id_to_piece(token).replace(SPACE_MARK, " ").encode())


def _load_processor(model: bytes) -> sentencepiece.SentencePieceProcessor:
    try:
        return sentencepiece.SentencePieceProcessor(model_proto=model)
    except (RuntimeError, ValueError) as error:
        raise UserError("not a SentencePiece model", ExitCode.UNUSABLE) from error
