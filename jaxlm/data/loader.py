"""Feeds a stream to the training loop, ahead of time, through grain.

Batch b holds the samples from b * batch_size, and host h of H reads the h-th of H equal runs of
them. So the global batch does not depend on the number of hosts, and the only state of the data is
the step. An element of grain's is a few batches where they are small, as grain takes as long for an
element as it takes to gather 30,000 tokens.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from jaxlm.data.stream import Batch, Plan, Stream
from jaxlm.errors import UserError

if TYPE_CHECKING:
    import grain

PREFETCH_ELEMENTS = 4
ELEMENT_SLOTS = 1 << 19
"""Slots to aim at in an element of several batches."""
ELEMENT_BATCHES = 8
"""Most batches in an element: a training loop waits for the first one."""
PLAN_AHEAD_ROWS = 2048
"""Rows to plan at once: finding a thousand samples takes little longer than finding ten."""


def batch_sample_ids(step: int, batch_size: int, host: int = 0, num_hosts: int = 1) -> np.ndarray:
    """Sample numbers of one host's part of a global batch; with the defaults, of all of it.

    Args:
      step: Which global batch, from 0.
      batch_size: Rows of the global batch.
      host: This host.
      num_hosts: Hosts that share the batch.

    Returns:
      [batch_size // num_hosts] int64.
    """
    rows = batch_size // num_hosts
    first = step * batch_size + host * rows
    return np.arange(first, first + rows, dtype=np.int64)


class Batches:
    """This host's parts of consecutive global batches, a few an element: a source for grain."""

    def __init__(
        self,
        stream: Stream,
        *,
        batch_size: int,
        start_step: int,
        num_steps: int,
        host: int,
        num_hosts: int,
    ) -> None:
        if num_hosts < 1 or not 0 <= host < num_hosts:
            raise ValueError(f"host {host} of {num_hosts}")
        if batch_size % num_hosts:
            raise UserError(
                f"batch.size {batch_size} does not divide by the {num_hosts} hosts; "
                f"choose a multiple of {num_hosts}"
            )
        self._stream = stream
        self._batch_size = batch_size
        self._start_step = start_step
        self._num_steps = num_steps
        self._host = host
        self._num_hosts = num_hosts
        self._num_rows = batch_size // num_hosts
        # Where each epoch is drawn for itself, looking ahead would draw epochs too early.
        looks_ahead = not stream.draws_epochs
        self._ahead = -(-PLAN_AHEAD_ROWS // self._num_rows) if looks_ahead else 1
        fitting = ELEMENT_SLOTS // (self._num_rows * stream.seq_len)
        self._together = min(max(fitting, 1), ELEMENT_BATCHES) if looks_ahead else 1
        self._plan = lru_cache(maxsize=2)(self._plan_block)

    def __len__(self) -> int:
        return -(-self._num_steps // self._together)

    def __getitem__(self, index: int) -> list[Batch]:
        first = index * self._together
        steps = range(first, min(first + self._together, self._num_steps))
        return [self._batch(step) for step in steps]

    def _batch(self, step: int) -> Batch:
        block, nth = divmod(step, self._ahead)
        first = nth * self._num_rows
        return self._stream.read(self._plan(block).of_samples(first, first + self._num_rows))

    def _plan_block(self, block: int) -> Plan:
        """The plan of all batches of one block."""
        first = self._start_step + block * self._ahead
        steps = range(first, min(first + self._ahead, self._start_step + self._num_steps))
        return self._stream.plan(
            np.concatenate(
                [batch_sample_ids(s, self._batch_size, self._host, self._num_hosts) for s in steps]
            )
        )

    def __repr__(self) -> str:
        return f"Batches(host={self._host} of {self._num_hosts}, start_step={self._start_step})"


class Loader(Iterator[Batch]):
    """An iterator over batches that reads ahead in one thread; close it when done."""

    def __init__(self, iterator: "grain.DatasetIterator[list[Batch]]") -> None:
        self._iterator = iterator
        self._iterator.start_prefetch()
        self._batches = chain.from_iterable(iterator)

    def __next__(self) -> Batch:
        return next(self._batches)

    def close(self) -> None:
        """Drops what was read ahead and ends the thread; closing twice is harmless."""
        self._iterator.close()
        self._batches = chain.from_iterable(self._iterator)


def make_loader(
    stream: Stream,
    *,
    batch_size: int,
    start_step: int,
    num_steps: int,
    host: int = 0,
    num_hosts: int = 1,
) -> Loader:
    """Loads global batches `start_step` to `start_step + num_steps`, this host's rows of each.

    Args:
      stream: Where the samples come from.
      batch_size: Rows of the global batch.
      start_step: First batch.
      num_steps: Number of batches.
      host: This host.
      num_hosts: Hosts that share each batch.

    Returns:
      A closeable iterator of numpy batches; see `Stream.rows`.

    Raises:
      UserError: The hosts do not divide the batch (exit 64).
    """
    batches = Batches(
        stream,
        batch_size=batch_size,
        start_step=start_step,
        num_steps=num_steps,
        host=host,
        num_hosts=num_hosts,
    )
    # Imported here because it takes half a second even after jax, and 1.8 seconds alone.
    import grain

    # One thread: a batch is a few numpy calls, and more threads only contend for the interpreter.
    options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=PREFETCH_ELEMENTS)
    return Loader(iter(grain.MapDataset.source(batches).to_iter_dataset(options)))
