"""The second pass over the text: token ids into the store."""

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxlm.data.scan import Progress, Scan, split_texts
from jaxlm.data.sources import TextSource
from jaxlm.data.split import SPLITS, Split
from jaxlm.data.store import SourceWriter, StoreWriter
from jaxlm.errors import ExitCode, UserError
from jaxlm.tokenizers.base import Tokenizer

_BATCH_CHARACTERS = 1 << 20

# Split, document's id and text.
_Batch = list[tuple[Split, str, str]]


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
    num_workers: int | None = None,
) -> dict[str, Encoded]:
    """Reads every source again and writes both of its splits.

    Threads encode, since the libraries behind the tokenizers let others run meanwhile; the order of
    the documents does not depend on their number.

    Args:
      writer: The store that is being made.
      sources: What to read.
      weights: Share of each source, by name.
      scan: The first pass over the same sources.
      tokenizer: Turns text into ids.
      progress: Told bytes of text done and in all.
      num_workers: Threads; by default as many as there are cores.

    Raises:
      UserError: The text is no longer what the first pass read (exit 77).
    """
    total = sum(sum(counts.num_bytes.values()) for counts in scan.counts.values())
    done = 0
    encoded = {source.name: Encoded() for source in sources}
    for source in sources:
        writers = {s: writer.add_source(s, source.name, weights[source.name]) for s in SPLITS}
        # Closed, so that a failure leaves no file open and no thread at work.
        with (
            closing(_batches(split_texts(source, scan.rules[source.name]))) as batches,
            closing(_encode(batches, tokenizer, num_workers or os.cpu_count() or 1)) as results,
        ):
            for texts, ids in results:
                done += _append(writers, texts, ids, tokenizer, encoded[source.name])
                progress("encode", done, total)
    if done != total:
        raise UserError(
            f"data.path: the files changed while they were read ({total:,} bytes of text at first, "
            f"{done:,} the second time); start again when nothing writes to them",
            ExitCode.UNUSABLE,
        )
    return encoded


def _encode(
    batches: Iterable[_Batch], tokenizer: Tokenizer, num_workers: int
) -> Generator[tuple[_Batch, list[np.ndarray]], None, None]:
    """Batches with their ids, in order; one more batch than there are workers is under way."""
    with ThreadPoolExecutor(num_workers, "encode") as pool:
        pending: deque[tuple[_Batch, Future[list[np.ndarray]]]] = deque()
        for batch in batches:
            pending.append(
                (batch, pool.submit(tokenizer.encode_batch, [text for *_, text in batch]))
            )
            if len(pending) > num_workers:
                first, future = pending.popleft()
                yield first, future.result()
        yield from ((first, future.result()) for first, future in pending)


def _batches(texts: Iterator[tuple[Split, str, str]]) -> Generator[_Batch, None, None]:
    """Groups texts to about a million characters, so that a thread has work."""
    batch: _Batch = []
    size = 0
    for part in texts:
        batch.append(part)
        size += len(part[-1])
        if size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _append(
    writers: dict[Split, SourceWriter],
    texts: _Batch,
    encoded: list[np.ndarray],
    tokenizer: Tokenizer,
    result: Encoded,
) -> int:
    """Appends each text's ids to its split and returns the bytes of the texts."""
    sizes = [len(text.encode()) for *_, text in texts]
    for split, split_writer in writers.items():
        chosen = [index for index, (own, *_) in enumerate(texts) if own == split]
        split_writer.append(
            [_frame(encoded[index], tokenizer) for index in chosen],
            [sizes[index] for index in chosen],
            [texts[index][1] for index in chosen],
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
