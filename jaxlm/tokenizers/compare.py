"""Compares tokenizers on texts: how far they shorten them, how fast, and what they lose."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TextIO

import numpy as np

from jaxlm.tokenizers.base import Tokenizer
from jaxlm.tokenizers.cut import cut_text

_DOCUMENT_CHARACTERS = 1 << 14


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a tokenizer made of a text.

    Attributes:
      tokenizer: Its name.
      text: Name of the text.
      num_bytes: UTF-8 bytes of the text.
      num_words: Stretches without white space; says little where words are not written apart.
      num_tokens: Ids.
      num_unknown: Ids of the unknown token.
      is_used: [vocab_size] bool, which ids occur.
      num_changed: Documents (stretches of about 16,000 characters) that decode to another text.
      seconds: Time to encode.
    """

    tokenizer: str
    text: str
    num_bytes: int
    num_words: int
    num_tokens: int
    num_unknown: int
    is_used: np.ndarray
    num_changed: int
    seconds: float


def compare(tokenizers: Mapping[str, Tokenizer], texts: Mapping[str, str]) -> Iterator[Measurement]:
    """Measures every tokenizer on every text; after several texts comes their sum, named `all`."""
    for name, tokenizer in tokenizers.items():
        found = [measure(tokenizer, text, name, label) for label, text in texts.items()]
        yield from found
        if len(found) > 1:
            yield total(found)


def measure(tokenizer: Tokenizer, text: str, name: str, label: str) -> Measurement:
    """Encodes a text and decodes it again.

    Args:
      tokenizer: What to measure.
      text: Any text.
      name: What to call the tokenizer.
      label: What to call the text.
    """
    documents = list(cut_text(text, _DOCUMENT_CHARACTERS))
    tokenizer.encode_batch(documents[:1])  # what happens at first use only is not encoding
    started = time.perf_counter()
    encoded = tokenizer.encode_batch(documents)
    seconds = time.perf_counter() - started
    ids = np.concatenate(encoded)
    return Measurement(
        tokenizer=name,
        text=label,
        num_bytes=len(text.encode()),
        num_words=len(text.split()),
        num_tokens=len(ids),
        num_unknown=int(np.count_nonzero(ids == tokenizer.unknown_id)),
        is_used=np.bincount(ids, minlength=tokenizer.vocab_size) > 0,
        num_changed=sum(
            tokenizer.decode(part) != document
            for part, document in zip(encoded, documents, strict=True)
        ),
        seconds=seconds,
    )


def total(parts: Sequence[Measurement]) -> Measurement:
    """The sum of one tokenizer's measurements."""
    return replace(
        parts[0],
        text="all",
        num_bytes=sum(part.num_bytes for part in parts),
        num_words=sum(part.num_words for part in parts),
        num_tokens=sum(part.num_tokens for part in parts),
        num_unknown=sum(part.num_unknown for part in parts),
        is_used=np.any([part.is_used for part in parts], axis=0),
        num_changed=sum(part.num_changed for part in parts),
        seconds=sum(part.seconds for part in parts),
    )


HEADER = (
    "tokenizer",
    "text",
    "bytes",
    "tokens",
    "bytes/token",
    "tokens/word",
    "unknown",
    "vocabulary used",
    "MB/s",
    "decodes to",
)


def row(found: Measurement) -> tuple[str, ...]:
    """A measurement as the cells below `HEADER`."""
    return (
        found.tokenizer,
        found.text,
        f"{found.num_bytes:,}",
        f"{found.num_tokens:,}",
        f"{_ratio(found.num_bytes, found.num_tokens):.3f}",
        f"{_ratio(found.num_tokens, found.num_words):.3f}",
        f"{_ratio(found.num_unknown, found.num_tokens):.4%}",
        f"{found.is_used.mean():.1%} of {len(found.is_used):,}",
        f"{_ratio(found.num_bytes, found.seconds) / 1e6:.1f}",
        f"another text ({found.num_changed:,} documents)" if found.num_changed else "itself",
    )


def _ratio(a: float, b: float) -> float:
    return a / b if b else 0.0


def print_table(found: Iterable[Measurement], file: TextIO) -> None:
    """Prints measurements: a ruled table on a terminal, aligned plain text elsewhere."""
    rows = [row(measurement) for measurement in found]
    if not file.isatty():
        print("\n".join(_aligned([HEADER, *rows])), file=file)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*HEADER)
    for cells in rows:
        table.add_row(*cells)
    Console(file=file).print(table)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines with names at the left of their column and numbers at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    names = (0, 1, len(HEADER) - 1)
    for cells in rows:
        padded = (
            cell.ljust(width) if place in names else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        yield "  ".join(padded).rstrip()
