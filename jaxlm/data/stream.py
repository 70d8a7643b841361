"""Sample n of a run, as a pure function of (store digest, split, settings, n).

A training stream is endless: mixing says which source sample n comes from and which of its samples
it is, the quotient by the source's rows is the epoch, and a permutation keyed by (seed, source,
epoch) gives the row. A validation stream has each row of each source once. Nothing is stateful,
so any host can read any sample at any time, and a run resumes from an integer.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np

from jaxlm.data.mixture import Mixture
from jaxlm.data.packing import RowIndex, pack
from jaxlm.data.permutation import fold, permute
from jaxlm.data.store import Source, TokenStore
from jaxlm.errors import ExitCode, UserError

Batch = dict[str, np.ndarray]
Packing = Literal["best_fit", "concatenate"]
FIELDS: dict[str, type] = {
    "tokens": np.int32,
    "targets": np.int32,
    "positions": np.int32,
    "segment_ids": np.int32,
    "loss_weights": np.float32,
}
NO_SAMPLE = -1


class Stream:
    """The samples of one split of a store.

    Attributes:
      seq_len: Slots in a row.
      seed: Seed of the order.
      store_digest: Identity of the data.
      num_rows: Rows of all sources in one epoch; the samples of a validation stream.
      fill: Share of the slots of those rows that hold a transition.
    """

    def __init__(
        self,
        store: TokenStore,
        split: str,
        seq_len: int,
        seed: int,
        packing: Packing = "best_fit",
        weights: Sequence[float] = (),
    ) -> None:
        """Opens an endless stream.

        Args:
          store: A verified store.
          split: Name of the split.
          seq_len: Slots in a row.
          seed: Decides the order of each source's rows in each epoch.
          packing: How documents become rows.
          weights: Share of samples of each source; empty means the weights in the store.

        Raises:
          UserError: The weights do not fit the sources (exit 64), or a source has no rows (77).
        """
        sources = store.split(split)
        if weights and len(weights) != len(sources):
            names = ", ".join(source.name for source in sources)
            raise UserError(
                f"data.weights has {len(weights)} values for {len(sources)} sources ({names}); "
                "give one weight a source, or none"
            )
        self._open(store, sources, seq_len, seed, packing)
        for source, index in zip(sources, self._indexes, strict=True):
            if index.num_rows == 0:
                raise _no_rows(store, f"source {source.name!r} of split {split!r}")
        self._mixture = Mixture.from_weights(weights or [source.weight for source in sources])
        self._end = np.iinfo(np.int64).max

    @classmethod
    def validation(
        cls, store: TokenStore, seq_len: int, packing: Packing = "best_fit", seed: int = 0
    ) -> Self:
        """Opens the finite stream of the validation split: each row of each source once.

        Rows are shuffled and sources interleaved by their rows, so that the first samples, however
        many, stand for the whole. Samples from `num_rows` on are empty: all loss weights are 0 and
        the sample id is -1.

        Raises:
          UserError: The split has no rows (exit 77).
        """
        stream = cls.__new__(cls)
        stream._open(store, store.split("validation"), seq_len, seed, packing)
        if stream.num_rows == 0:
            raise _no_rows(store, "the validation split")
        # A source without rows has no share of the samples.
        kept = [position for position, index in enumerate(stream._indexes) if index.num_rows]
        stream._sources = [stream._sources[position] for position in kept]
        stream._indexes = [stream._indexes[position] for position in kept]
        stream._mixture = Mixture([index.num_rows for index in stream._indexes])
        stream._end = stream.num_rows
        return stream

    def _open(
        self,
        store: TokenStore,
        sources: Sequence[Source],
        seq_len: int,
        seed: int,
        packing: Packing,
    ) -> None:
        self.seq_len = seq_len
        self.seed = seed
        self.store_digest = store.digest
        self._sources = list(sources)
        self._indexes = [pack(source.offsets, seq_len, packing) for source in sources]
        self.num_rows = sum(index.num_rows for index in self._indexes)
        filled = sum(index.fill * index.num_rows for index in self._indexes)
        self.fill = filled / self.num_rows if self.num_rows else 1.0

    def locate(self, ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Finds the source of each sample and the row of that source's index.

        Args:
          ns: [n] int64 sample numbers, not negative.

        Returns:
          source: [n] int64, position of the source.
          row: [n] int64.
        """
        source, index = self._mixture.locate(ns)
        row = np.empty_like(index)
        for position, row_index in enumerate(self._indexes):
            mine = source == position
            if mine.any():
                epoch, nth = np.divmod(index[mine], row_index.num_rows)
                keys = fold(fold(self.seed, position), epoch)
                row[mine] = permute(nth, row_index.num_rows, keys)
        return source, row

    def rows(self, ns: np.ndarray) -> Batch:
        """Reads samples.

        Args:
          ns: [batch] int64 sample numbers, not negative.

        Returns:
          int32 [batch, seq_len] `tokens`, `targets` (the token after each), `positions` (from 0 in
          each piece) and `segment_ids` (pieces from 1, 0 is padding); float32 [batch, seq_len]
          `loss_weights` (1, or 0 for padding); int64 [batch] `sample_id`.
        """
        ns = np.asarray(ns, np.int64)
        exists = ns < self._end
        source, row = self.locate(ns[exists])
        if exists.all() and len(self._sources) == 1:
            batch = _gather(self._sources[0].tokens, self._indexes[0], row)
        else:
            shape = (len(ns), self.seq_len)
            batch = {name: np.zeros(shape, dtype) for name, dtype in FIELDS.items()}
            slots = np.flatnonzero(exists)
            for position in np.unique(source):
                mine = source == position
                index = self._indexes[position]
                part = _gather(self._sources[position].tokens, index, row[mine])
                for name, values in part.items():
                    batch[name][slots[mine]] = values
        return batch | {"sample_id": np.where(exists, ns, NO_SAMPLE)}

    def __getitem__(self, n: int) -> Batch:
        """Reads sample n; its arrays are [seq_len] and its `sample_id` is a scalar."""
        return {name: values[0] for name, values in self.rows(np.array([n])).items()}


def sample_digest(sample_ids: np.ndarray, store_digest: str, seed: int) -> str:
    """Short fingerprint of the samples of a global batch, for the log of a run.

    Args:
      sample_ids: [batch] int64 sample numbers of the global batch.
      store_digest: Identity of the data.
      seed: Seed of the stream.

    Returns:
      16 hexadecimal digits.
    """
    content = hashlib.sha256(f"{store_digest} {seed} ".encode())
    content.update(np.ascontiguousarray(sample_ids, "<i8").data)
    return content.hexdigest()[:16]


def _gather(tokens: np.ndarray, index: RowIndex, row: np.ndarray) -> Batch:
    """Reads rows of one source: every slot is computed, none is visited by a Python loop."""
    start, length, segment = _pieces(index, row)
    shape = (len(row), index.seq_len)
    slot = np.arange(shape[0] * shape[1])
    first_slot = np.cumsum(length) - length
    token = slot + np.repeat(start - first_slot, length)
    # `clip` skips a copy; it alters only the places of padding, which are zeroed below.
    values = {
        "tokens": tokens.take(token, mode="clip").astype(np.int32),
        "targets": tokens.take(token + 1, mode="clip").astype(np.int32),
        "positions": (slot - np.repeat(first_slot, length)).astype(np.int32),
        "segment_ids": np.repeat(segment, length),
    }
    is_real = values["segment_ids"] > 0
    if not is_real.all():
        for name in ("tokens", "targets", "positions"):
            values[name] *= is_real
    values["loss_weights"] = is_real.astype(np.float32)
    return {name: array.reshape(shape) for name, array in values.items()}


def _pieces(index: RowIndex, row: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, length and segment number of the rows' pieces; each row ends in a piece of padding."""
    first, last = index.row_start[row], index.row_start[row + 1]
    num_entries = last - first + 1
    end = np.cumsum(num_entries)
    nth = np.arange(end[-1] if len(end) else 0) - np.repeat(end - num_entries, num_entries)
    piece = np.repeat(first, num_entries) + nth
    is_padding = np.zeros(len(piece), bool)
    is_padding[end - 1] = True
    piece[is_padding] = 0
    length = np.where(is_padding, 0, index.piece_length[piece]).astype(np.int64)
    if len(row):
        length[end - 1] = index.seq_len - np.add.reduceat(length, end - num_entries)
    start = np.where(is_padding, 0, index.piece_start[piece])
    return start, length, np.where(is_padding, 0, nth + 1).astype(np.int32)


def _no_rows(store: TokenStore, what: str) -> UserError:
    return UserError(
        f"{what} in token store {store.directory} has no rows: no document has two tokens. "
        "Add text to the source or take it out of data.path",
        ExitCode.UNUSABLE,
    )
