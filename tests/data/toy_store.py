"""A lossless tokenizer of letters and pairs of letters, and token stores that it made."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxlm.data.store import StoreWriter, TokenStore
from jaxlm.tokenizers.base import SubwordSampling, Tokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz \n"
PIECES = [*LETTERS, *(a + b for a in LETTERS for b in LETTERS)]


class ToyTokenizer(Tokenizer):
    """Writes text in pairs; a sampled pair falls apart with probability `alpha`."""

    vocab_size = 3 + len(PIECES)
    bos_id, eos_id, unknown_id = 0, 1, 2
    pad_id = 1
    special_tokens: Mapping[str, int] = {"<s>": 0, "</s>": 1}
    fingerprint = "f" * 64

    def __init__(self) -> None:
        self._ids = {piece: 3 + number for number, piece in enumerate(PIECES)}

    def encode_batch(self, texts: Sequence[str], *, special: bool = False) -> list[np.ndarray]:
        return self.sample_batch(texts, [0] * len(texts), SubwordSampling(alpha=0.0))

    def sample_batch(
        self, texts: Sequence[str], seeds: Sequence[int], sampling: SubwordSampling
    ) -> list[np.ndarray]:
        return [self._sample(t, s, sampling.alpha) for t, s in zip(texts, seeds, strict=True)]

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return "".join(PIECES[token - 3] for token in np.asarray(ids).tolist() if token > 2)

    def piece(self, token: int) -> str:
        return PIECES[token - 3]

    def token_bytes(self) -> np.ndarray:
        return np.array([0, 0, 0, *map(len, PIECES)], np.int32)

    def is_lossless(self) -> bool:
        return True

    def save(self, path: str | Path) -> None:
        Path(path).write_bytes(b"a tokenizer")

    def _sample(self, text: str, seed: int, alpha: float) -> np.ndarray:
        assert 0 <= seed < 2**63
        rng = np.random.default_rng(seed)
        ids: list[int] = []
        for start in range(0, len(text), 2):
            pair = text[start : start + 2]
            ids += [self._ids[c] for c in pair] if rng.random() < alpha else [self._ids[pair]]
        return np.array(ids, np.int32)


def random_texts(count: int, longest: int, seed: int) -> list[str]:
    """Texts of letters, none of them empty."""
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(LETTERS), rng.integers(1, longest))) for _ in range(count)]


def write_toy_store(
    directory: Path,
    train: Mapping[str, tuple[float, Sequence[str]]],
    *,
    with_ids: bool = False,
    fingerprint: str = ToyTokenizer.fingerprint,
) -> TokenStore:
    """Writes a store of texts; `train` maps a source's name to its weight and texts."""
    directory.mkdir(parents=True)
    tokenizer = ToyTokenizer()
    tokenizer.save(directory / "tokenizer.model")
    writer = StoreWriter(directory, np.uint16)
    for split, sources in {"train": train, "validation": {"held": (1.0, ["held out"])}}.items():
        for name, (weight, texts) in sources.items():
            documents = [np.array([0, *ids, 1]) for ids in tokenizer.encode_batch(texts)]
            ids = [f"{name}/{number}" for number in range(len(texts))] if with_ids else None
            source = writer.add_source(split, name, weight)
            source.append(documents, [len(text) for text in texts], ids)
    writer.finish(
        {
            "tokenizer": {"fingerprint": fingerprint, "vocab_size": tokenizer.vocab_size},
            "versions": {"python": "3"},
        }
    )
    store = TokenStore.open(directory)
    store.__dict__["tokenizer"] = tokenizer
    return store
