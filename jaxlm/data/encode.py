"""The second pass over the text: token ids into the store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlm.data.scan import Progress, Scan, split_texts
from jaxlm.data.sources import TextSource
from jaxlm.data.split import SPLITS, Split
from jaxlm.data.store import SourceWriter, StoreWriter
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import Tokenizer

_BATCH_CHARACTERS = 1 << 22


@dataclass(kw_only=True)
class Encoded:
    """What encoding one source gave.

    Attributes:
      num_tokens: Tokens of both splits, marks included.
      num_unknown: Tokens that stand for characters outside the vocabulary.
    """

    num_tokens: int = 0
    num_unknown: int = 0


def token_dtype(tokenizer: Tokenizer) -> np.dtype[Any]:
    """The smallest type of a store that holds every id."""
    return np.dtype(np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32)


def encode_sources(
    writer: StoreWriter,
    sources: Sequence[TextSource],
    weights: Mapping[str, float],
    scan: Scan,
    tokenizer: Tokenizer,
    progress: Progress,
) -> dict[str, Encoded]:
    """Reads every source again and writes both of its splits.

    Args:
      writer: The store that is being made.
      sources: What to read.
      weights: Share of each source, by name.
      scan: The first pass over the same sources.
      tokenizer: Turns text into ids.
      progress: Told bytes of text done and in all.

    Raises:
      UserError: The text is no longer what the first pass read (exit 77).
    """
    total = sum(sum(counts.num_bytes.values()) for counts in scan.counts.values())
    done = 0
    results = {source.name: Encoded() for source in sources}
    for source in sources:
        writers = {s: writer.add_source(s, source.name, weights[source.name]) for s in SPLITS}
        for texts in _batches(split_texts(source, scan.rules[source.name])):
            done += _append(writers, texts, tokenizer, results[source.name])
            progress("encode", done, total)
    if done != total:
        raise UserError(
            f"data.path: the files changed while they were read ({total:,} bytes of text at first, "
            f"{done:,} the second time); start again when nothing writes to them",
            ExitCode.UNUSABLE,
        )
    return results


def _batches(texts: Iterator[tuple[Split, str]]) -> Iterator[list[tuple[Split, str]]]:
    """Groups texts to about four million characters, so that threads have work."""
    batch: list[tuple[Split, str]] = []
    size = 0
    for split, text in texts:
        batch.append((split, text))
        size += len(text)
        if size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _append(
    writers: dict[Split, SourceWriter],
    texts: list[tuple[Split, str]],
    tokenizer: Tokenizer,
    result: Encoded,
) -> int:
    """Encodes texts, appends each to its split and returns their bytes."""
    encoded = tokenizer.encode_batch([text for _, text in texts])
    sizes = [len(text.encode()) for _, text in texts]
    for split, split_writer in writers.items():
        chosen = [index for index, (own, _) in enumerate(texts) if own == split]
        split_writer.append(
            [_frame(encoded[index], tokenizer) for index in chosen],
            [sizes[index] for index in chosen],
        )
    for ids in encoded:
        result.num_tokens += len(ids) + 2
        result.num_unknown += int(np.count_nonzero(ids == tokenizer.unknown_id))
    return sum(sizes)


def _frame(ids: np.ndarray, tokenizer: Tokenizer) -> np.ndarray:
    """A document as it is stored: [num_tokens + 2]."""
    document = np.empty(len(ids) + 2, token_dtype(tokenizer))
    document[0], document[1:-1], document[-1] = tokenizer.bos_id, ids, tokenizer.eos_id
    return document
