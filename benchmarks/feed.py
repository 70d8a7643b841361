"""Packing and feeding in tokens a second, with the checks that make the figures mean something.

    python -m benchmarks.feed [--tokens 100000000] [--store STORE --alpha 0.1]

Tokens are synthetic: ids follow Zipf's law, lengths of documents a log-normal one of mean 900. With
`--store`, the drawing of one epoch of a prepared store is timed too.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import tables
from benchmarks.timing import Load
from jaxlm.data.config import DataConfig
from jaxlm.data.loader import make_loader
from jaxlm.data.packing import pack
from jaxlm.data.segmentation import make_redraw
from jaxlm.data.store import StoreWriter, TokenStore
from jaxlm.data.stream import Batch, Stream
from jaxlm.data.tables import Packing

MEAN_LENGTH = 900
SIGMA = 1.0
HOSTS = (1, 2, 4, 8)
_CHUNK = 4096


def write_store(directory: Path, num_tokens: int, num_sources: int) -> TokenStore:
    """Writes synthetic documents, shared evenly among the sources."""
    rng = np.random.default_rng(0)
    writer = StoreWriter(directory, np.uint16)
    for number in range(num_sources):
        source = writer.add_source("train", f"source-{number}", 1 / num_sources)
        for lengths in _lengths(rng, num_tokens // num_sources):
            tokens = np.minimum(rng.zipf(1.3, lengths.sum()), 1 << 15)
            source.append(np.split(tokens, np.cumsum(lengths)[:-1]), [0] * len(lengths))
    writer.finish({})
    return TokenStore.open(directory, verify="size")


def _lengths(rng: np.random.Generator, num_tokens: int) -> Iterator[np.ndarray]:
    left = round(num_tokens / MEAN_LENGTH)
    while left > 0:
        drawn = rng.lognormal(np.log(MEAN_LENGTH) - SIGMA**2 / 2, SIGMA, min(left, _CHUNK))
        yield np.maximum(drawn, 2).astype(np.int64)
        left -= _CHUNK


def measure_packing(store: TokenStore, seq_len: int, packing: Packing, repeats: int) -> list[str]:
    """A row of the table: rate, fill, and transitions that are missing or twice there."""
    offsets = [np.array(source.offsets) for source in store.split("train")]
    best = best_of(repeats, lambda: [pack(o, seq_len, packing) for o in offsets])
    indexes = [pack(o, seq_len, packing) for o in offsets]
    num_tokens = sum(int(o[-1]) for o in offsets)
    fill = float(np.mean([index.fill for index in indexes]))
    wrong = 0
    for index, own in zip(indexes, offsets, strict=True):
        times = np.zeros(own[-1] + 1, np.int32)
        np.add.at(times, index.piece_start, 1)
        np.add.at(times, index.piece_start + index.piece_length, -1)
        expected = np.ones(own[-1], np.int32)
        expected[own[1:] - 1] = 0  # the last token of a document begins no transition
        wrong += int((np.cumsum(times)[:-1] != expected).sum())
    return [f"packing, {packing}", *best.rates(num_tokens), f"{fill:.5f}", f"{wrong} wrong"]


def measure_rows(stream: Stream, batch_size: int, num_batches: int, repeats: int) -> list[str]:
    """A row of the table: samples read in this thread, batch by batch."""

    def read() -> None:
        for batch in range(num_batches):
            stream.rows(np.arange(batch * batch_size, (batch + 1) * batch_size))

    slots = num_batches * batch_size * stream.seq_len
    return [
        "rows, one call a batch",
        *best_of(repeats, read).rates(slots),
        f"{stream.fill:.5f}",
        "",
    ]


def measure_loader(stream: Stream, batch_size: int, num_batches: int, repeats: int) -> list[str]:
    """A row of the table: batches as the training loop gets them, from the first that is there."""
    timed = []
    for _ in range(repeats):
        loader = make_loader(stream, batch_size=batch_size, start_step=0, num_steps=num_batches + 1)
        with closing(loader):
            next(loader)
            timed.append(best_of(1, lambda: sum(1 for _ in loader)))  # noqa: B023 (called at once)
    best = Seconds(*map(min, zip(*timed, strict=True)))
    slots = num_batches * batch_size * stream.seq_len
    return ["loader, one thread", *best.rates(slots), f"{stream.fill:.5f}", ""]


def hosts_agree(stream: Stream, batch_size: int, start_step: int, num_steps: int) -> bool:
    """Whether any number of hosts gives the same global batches."""
    return all(
        _batches(stream, batch_size, start_step, num_steps, num_hosts)
        == _batches(stream, batch_size, start_step, num_steps, 1)
        for num_hosts in HOSTS
    )


def _batches(
    stream: Stream, batch_size: int, start_step: int, num_steps: int, num_hosts: int
) -> list[dict[str, bytes]]:
    parts: list[list[Batch]] = []
    for host in range(num_hosts):
        loader = make_loader(
            stream,
            batch_size=batch_size,
            start_step=start_step,
            num_steps=num_steps,
            host=host,
            num_hosts=num_hosts,
        )
        with closing(loader):
            parts.append(list(loader))
    return [
        {name: np.concatenate([part[name] for part in step]).tobytes() for name in step[0]}
        for step in zip(*parts, strict=True)
    ]


def measure_drawing(store: TokenStore, alpha: float) -> str:
    """A line on the cost of segmenting one epoch of a store anew."""
    num_documents = num_tokens = 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        data = DataConfig(subword_alpha=alpha, store_dir=folder)
        draw = make_redraw(data, [store], seed=0)
        assert draw is not None
        for number, source in enumerate(store.split("train")):
            drawn = draw(number, 0)
            num_documents += len(source.offsets) - 1
            num_tokens += len(drawn.tokens)
    seconds = time.perf_counter() - began
    return (
        f"drawing an epoch of {store.directory.name}: {num_documents / seconds:,.0f} "
        f"documents/s, {rate(num_tokens, seconds)} M tokens/s ({num_documents:,} documents)"
    )


class Seconds(NamedTuple):
    """Time by the clock and CPU time of all threads, which other programs disturb less."""

    wall: float
    cpu: float

    def rates(self, num_tokens: int) -> list[str]:
        """Millions of tokens in a second of each."""
        return [rate(num_tokens, seconds) for seconds in self]


def best_of(repeats: int, work: Callable[[], object]) -> Seconds:
    """Least seconds of several times; the others met other programs."""
    timed = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        timed.append((time.perf_counter() - wall, time.process_time() - cpu))
    return Seconds(*map(min, zip(*timed, strict=True)))


def rate(num_tokens: int, seconds: float) -> str:
    return f"{num_tokens / seconds / 1e6:.1f}"


def report(arguments: argparse.Namespace) -> str:
    """The table, and what was checked."""
    load = Load([os.getpid()])
    with tempfile.TemporaryDirectory() as folder:
        store = write_store(Path(folder), arguments.tokens, arguments.sources)
        began = time.perf_counter()
        stream = Stream(store, "train", arguments.seq_len, 0)
        opened = time.perf_counter() - began
        size, num, repeats = arguments.batch_size, arguments.batches, arguments.repeats
        rows = [
            measure_packing(store, arguments.seq_len, "best_fit", repeats),
            measure_packing(store, arguments.seq_len, "concatenate", repeats),
            measure_rows(stream, size, num, repeats),
            measure_loader(stream, size, num, repeats),
        ]
        began = time.perf_counter()
        stream.rows(np.arange(10**12, 10**12 + size))
        seek = time.perf_counter() - began
        agree = hosts_agree(stream, size, 7, 5)
    cores = tables.number(load.other_cores(), ".2f")
    return "\n".join(
        [
            tables.markdown(("what", "M tokens/s", "M tokens/CPU s", "fill", "transitions"), rows),
            "",
            f"opening the stream {opened:.2f} s; a batch at sample 10^12 {seek * 1e3:.1f} ms; "
            f"batches on {', '.join(map(str, HOSTS))} hosts {'equal' if agree else 'DIFFER'}",
            f"{arguments.tokens:,} tokens of {arguments.sources} sources, {arguments.seq_len} "
            f"slots, {size} rows a batch, {num} batches, best of {repeats}; others used {cores}",
            tables.circumstances(),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=100_000_000)
    parser.add_argument("--sources", type=int, default=2)
    parser.add_argument("--seq-len", type=int, default=2048)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--batches", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--store", type=Path, help="a prepared store, to time drawing an epoch")
    parser.add_argument("--alpha", type=float, default=0.1, help="of the segmentation")
    arguments = parser.parse_args()
    print(report(arguments))
    if arguments.store:
        print(measure_drawing(TokenStore.open(arguments.store, verify="size"), arguments.alpha))


if __name__ == "__main__":
    main()
