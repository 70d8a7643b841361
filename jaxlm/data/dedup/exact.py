"""Copies of whole documents."""

import hashlib
import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from jaxlm.data.dedup.characters import Texts, blocks, code_points, folded, text_list
from jaxlm.data.dedup.config import ExactConfig

KEY_BYTES = 16


def exact_keys(texts: Texts, config: ExactConfig) -> pa.FixedSizeBinaryArray:
    """Hashes texts so that those that count as the same have the same key; a row function.

    A text of which normalisation leaves nothing is hashed as it is.

    Returns:
      [num_texts] binary of 16 bytes: BLAKE2b of the normalised text.
    """
    rows = text_list(texts)
    normalise = _NORMALISE[config.ignore]
    keys = []
    for block in blocks(rows):
        for text, rest in zip(rows[block], normalise(rows[block], config.fold_case), strict=True):
            keys.append(_digest(rest, b"normalised") if rest else _digest(_encode(text), b"raw"))
    return pa.array(keys, pa.binary(KEY_BYTES))


def _raw(texts: Sequence[str], fold_case: bool) -> list[bytes]:
    return [_encode(text.casefold() if fold_case else text) for text in texts]


def _single_spaced(texts: Sequence[str], fold_case: bool) -> list[bytes]:
    return _raw([" ".join(text.split()) for text in texts], fold_case)


def _letters(texts: Sequence[str], fold_case: bool) -> list[bytes]:
    """Letters, marks and digits as UTF-32."""
    codes, start = code_points(texts)
    letters = folded(codes)
    if not fold_case:
        letters = np.where(letters != 0, codes, 0)
    start = np.concatenate([[0], np.cumsum(letters != 0)])[start]
    letters = letters[letters != 0].astype("<u4")
    return [letters[a:b].tobytes() for a, b in itertools.pairwise(start)]


_NORMALISE: dict[str, Callable[[Sequence[str], bool], list[bytes]]] = {
    "nothing": _raw,
    "space": _single_spaced,
    "punctuation": _letters,
}


def _digest(data: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=KEY_BYTES, person=purpose).digest()


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
