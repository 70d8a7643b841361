"""Token stores whose tokens count up, so that a test can tell where each came from.

Every token of a source is one more than the token before it, and between two documents one number
is left out. So a transition inside a document goes from t to t + 1 and no other pair does, and the
token alone names the transition.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxlm.data.store import StoreWriter, TokenStore

SOURCE_STRIDE = 10_000_000


def write_counting_store(
    directory: Path,
    train: dict[str, tuple[float, Sequence[int]]],
    validation: dict[str, tuple[float, Sequence[int]]] | None = None,
) -> TokenStore:
    """Writes a store; each split maps a source's name to its weight and its documents' lengths."""
    directory.mkdir(parents=True)
    (directory / "tokenizer.model").write_bytes(b"a tokenizer")
    writer = StoreWriter(directory, np.uint32)
    for split, sources in {"train": train, "validation": validation or {}}.items():
        for position, (name, (weight, lengths)) in enumerate(sources.items()):
            source = writer.add_source(split, name, weight)
            documents = counting_documents(lengths, position * SOURCE_STRIDE + 1)
            source.append(documents, [3 * len(document) for document in documents])
    writer.finish({"tokenizer_fingerprint": "f" * 64})
    return TokenStore.open(directory)


def counting_documents(lengths: Sequence[int], first: int) -> list[np.ndarray]:
    """Documents of the given lengths, numbered from `first`."""
    documents = []
    for length in lengths:
        documents.append(np.arange(first, first + length))
        first += length + 1
    return documents


def transitions(lengths: Sequence[int], position: int = 0) -> list[int]:
    """The tokens that a transition starts from, in order, for the source at a position."""
    documents = counting_documents(lengths, position * SOURCE_STRIDE + 1)
    return [int(token) for document in documents for token in document[:-1]]
