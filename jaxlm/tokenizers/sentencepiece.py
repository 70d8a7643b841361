"""A SentencePiece model as a `Tokenizer`, lossless for every text where the model allows it."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sentencepiece

from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import Tokenizer
from jaxlm.tokenizers.cut import cut_text

# SentencePiece writes a space as U+2581 and turns every U+2581 back into a space, also one that
# stood in the text. Spelled as its three bytes it survives.
SPACE_MARK = "\u2581"
_SPACE_MARK_BYTES = ("<0xE2>", "<0x96>", "<0x81>")
_MARKS = re.compile(f"({SPACE_MARK}+)")
_ESCAPING = b"jaxlm: U+2581 as bytes, version 1\n"

# SentencePiece's work on one string grows faster than its length, and it takes 50 bytes of memory
# a character.
_STRETCH_CHARACTERS = 1 << 16

_ERRORS_ONLY = 3


class SentencePieceTokenizer(Tokenizer):
    """Wraps the bytes of a SentencePiece model."""

    def __init__(self, model: bytes) -> None:
        """Loads a serialised model.

        Raises:
          UserError: `model` is not a SentencePiece model, or lacks `<s>` or `</s>`.
        """
        sentencepiece.set_min_log_level(_ERRORS_ONLY)
        self._model = model
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
        self._space_mark = self._find_space_mark()
        self._cuttable = self._is_cuttable()

    @classmethod
    def load(cls, path: str | Path) -> "SentencePieceTokenizer":
        """Reads a `.model` file; errors name it."""
        try:
            return cls(Path(path).read_bytes())
        except OSError as error:
            raise UserError(f"tokenizer {path}: {error.strerror}", ExitCode.UNUSABLE) from error
        except UserError as error:
            raise UserError(f"tokenizer {path}: {error}", error.exit_code) from error

    def encode_batch(self, texts: Sequence[str]) -> list[np.ndarray]:
        stretches = [self._stretches(text) for text in texts]
        flat = [stretch for parts in stretches for stretch in parts]
        encoded = iter(self._processor.encode(flat, return_type="numpy"))
        return [
            np.concatenate([self._ids(stretch, next(encoded)) for stretch in parts])
            for parts in stretches
        ]

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        text: str = self._processor.decode([int(token) for token in ids])
        return text

    def token_bytes(self) -> np.ndarray:
        return np.array([self._bytes_of(token) for token in range(self.vocab_size)], np.int32)

    def save(self, path: str | Path) -> None:
        Path(path).write_bytes(self._model)

    def is_lossless(self) -> bool:
        """Whether text survives encoding and decoding, by a probe of what models often change."""
        probe = " a  b\t\tc\r\n\n d\u2581e\u00a0\ufb01e\u0301 \U0001f642\x00 "
        return self.decode(self.encode(probe)) == probe

    def _stretches(self, text: str) -> list[str]:
        stretches = cut_text(text, _STRETCH_CHARACTERS) if self._cuttable else (text,)
        if self._space_mark is None or SPACE_MARK not in text:
            return list(stretches)
        return [part for stretch in stretches for part in _MARKS.split(stretch)]

    def _ids(self, stretch: str, ids: np.ndarray) -> np.ndarray:
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
