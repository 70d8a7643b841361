"""Nearly the same documents: MinHash signatures, and bands of them as keys.

Two documents whose shingle sets have the Jaccard similarity s agree in one hash with probability
s, and in all hashes of at least one band with probability 1 - (1 - s**rows)**bands.

Source: Broder, "On the resemblance and containment of documents" (1997); Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", sections 3.3 and 3.4; hashes by multiplication as of
Dietzfelbinger et al., "A reliable randomized algorithm for the closest-pair problem" (1997).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from jaxlm.data.dedup.characters import Texts, blocks, text_list
from jaxlm.data.dedup.config import NearConfig
from jaxlm.data.dedup.ngrams import Ngrams, ngrams, units
from jaxlm.data.permutation import fold

_EMPTY = np.iinfo(np.uint32).max


def candidate_probability(similarity: float | np.ndarray, config: NearConfig) -> np.ndarray:
    """How likely two documents of a Jaccard similarity are to share a band."""
    band = np.asarray(similarity) ** config.rows_per_band
    return 1 - (1 - band) ** config.num_bands


def band_keys(texts: Texts, config: NearConfig) -> pa.FixedSizeListArray:
    """Keys of the bands of each text; a row function.

    Returns:
      [num_texts] lists of `num_bands` uint64, different ones for each band; null for a text
      without a letter or digit, which is like no other.
    """
    signature, is_empty = signatures(texts, config)
    rows = signature.reshape(len(signature), config.num_bands, config.rows_per_band)
    keys = np.broadcast_to(np.arange(config.num_bands, dtype=np.uint64), rows.shape[:2]).ravel()
    for row in range(config.rows_per_band):
        keys = fold(keys, rows[:, :, row].ravel())
    return pa.FixedSizeListArray.from_arrays(
        pa.array(keys, pa.uint64()), config.num_bands, mask=pa.array(is_empty, pa.bool_())
    )


def signatures(texts: Texts, config: NearConfig) -> tuple[np.ndarray, np.ndarray]:
    """MinHash signatures of texts.

    Returns:
      [num_texts, num_bands * rows_per_band] uint32, and [num_texts] bool: whether a text has no
      shingle, and so no signature.
    """
    rows = text_list(texts)
    num_hashes = config.num_bands * config.rows_per_band
    signature = np.full((num_hashes, len(rows)), _EMPTY, np.uint32)
    is_empty = np.ones(len(rows), bool)
    for block, shingles in _shingles(rows, config):
        has_any = np.diff(shingles.offsets) > 0
        is_empty[block] = ~has_any
        # The high half: those bits are mixed best.
        x = (shingles.hashes >> np.uint64(32)).astype(np.uint32)
        signature[:, np.flatnonzero(has_any) + block.start] = _minima(
            x, shingles.offsets[:-1][has_any], num_hashes
        )
    return signature.T, is_empty


def shingle_sets(texts: Texts, config: NearConfig) -> list[np.ndarray]:
    """The distinct shingles of each text as sorted uint64 hashes."""
    sets: list[np.ndarray] = []
    for _, shingles in _shingles(text_list(texts), config):
        bounds = zip(shingles.offsets[:-1], shingles.offsets[1:], strict=True)
        sets.extend(np.unique(shingles.hashes[start:end]) for start, end in bounds)
    return sets


def similarities(texts: Texts, pairs: np.ndarray, config: NearConfig) -> np.ndarray:
    """Exact Jaccard similarity of the shingle sets of pairs; a row function.

    Args:
      texts: The texts that the pairs need.
      pairs: [num_pairs, 2] integers, rows of `texts`.
      config: What shingles are.

    Returns:
      [num_pairs] float64; 0 where neither text has a shingle.
    """
    sets = shingle_sets(texts, config)
    return np.array([set_jaccard(sets[a], sets[b]) for a, b in pairs.tolist()], np.float64)


def jaccard(text_a: str, text_b: str, config: NearConfig) -> float:
    """Exact Jaccard similarity of the shingle sets of two texts."""
    return float(similarities([text_a, text_b], np.array([[0, 1]]), config)[0])


def set_jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Jaccard similarity of two sets of `shingle_sets`; 0 where both are empty."""
    total = len(a) + len(b)
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (total - shared) if total else 0.0


def _shingles(texts: Sequence[str], config: NearConfig) -> Iterator[tuple[slice, Ngrams]]:
    for block in blocks(texts):
        yield block, ngrams(units(texts[block], config.unit), config.ngram)


def _minima(x: np.ndarray, starts: np.ndarray, num_hashes: int) -> np.ndarray:
    """Minimum of each hash function over the shingles of each text, [num_hashes, num_texts]."""
    # An odd factor permutes the integers modulo 2**32; those hashed are random already.
    factors = fold(0, np.arange(num_hashes)).astype(np.uint32) | np.uint32(1)
    minima = np.empty((num_hashes, len(starts)), np.uint32)
    hashes = np.empty_like(x)
    for k in range(num_hashes if len(starts) else 0):
        np.multiply(x, factors[k], out=hashes)
        np.minimum.reduceat(hashes, starts, out=minima[k])
    return minima
