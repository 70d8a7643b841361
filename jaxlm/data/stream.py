"""Sample n of a run, as a pure function of (store digest, split, settings, n).

A training stream is endless: mixing says which source sample n comes from and which of its samples
it is, the quotient by the source's rows is the epoch, and a permutation keyed by (seed, source,
epoch) gives the row. A validation stream has each row of each source once. Nothing is stateful,
so any host can read any sample at any time, and a run resumes from an integer.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from jaxlm.data.mixture import Mixture
from jaxlm.data.packing import RowIndex, join, pack
from jaxlm.data.permutation import fold, permute
from jaxlm.data.store import Source, TokenStore
from jaxlm.errors import ExitCode, UserError

Batch = dict[str, np.ndarray]
Packing = Literal["best_fit", "concatenate"]
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
        for source, num_rows in zip(sources, self._source_rows, strict=True):
            if num_rows == 0:
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
        # A source without a document of two tokens has no row, and so no share of the samples.
        sources = [s for s in store.split("validation") if np.any(np.diff(s.offsets) > 1)]
        if not sources:
            raise _no_rows(store, "the validation split")
        stream._open(store, sources, seq_len, seed, packing)
        stream._mixture = Mixture(stream._source_rows)
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
        indexes = [pack(source.offsets, seq_len, packing) for source in sources]
        self._index = join(indexes)
        self._tokens = [source.tokens for source in sources]
        self._source_rows = [index.num_rows for index in indexes]
        self._first_row = np.cumsum([0, *self._source_rows])
        self.num_rows = self._index.num_rows
        self.fill = self._index.fill

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
        return self.read(ns, *self.locate(ns))

    def locate(self, ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Finds the source of each sample and its row; -1 where the stream has ended.

        Many samples cost little more than one, so a reader does well to locate some ahead.

        Args:
          ns: [n] int64 sample numbers, not negative.

        Returns:
          source: [n] int64, position of the source in the split.
          row: [n] int64, row of that source's packing index.
        """
        source, index = self._mixture.locate(ns)
        source[ns >= self._end] = NO_SAMPLE
        row = np.full_like(index, NO_SAMPLE)
        for position, num_rows in enumerate(self._source_rows):
            mine = np.flatnonzero(source == position)
            epoch, nth = np.divmod(index[mine], num_rows)
            row[mine] = permute(nth, num_rows, fold(fold(self.seed, position), epoch))
        return source, row

    def read(self, ns: np.ndarray, source: np.ndarray, row: np.ndarray) -> Batch:
        """Reads samples that `locate` has found; returns what `rows` does."""
        exists = source >= 0
        # A sample past the end reads row `num_rows`, which holds no piece.
        pieces = _pieces(
            self._index, np.where(exists, self._first_row[source] + row, self.num_rows)
        )
        batch = _gather(self._tokens, source, pieces, self.seq_len)
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


@dataclass(frozen=True, kw_only=True)
class _Pieces:
    """Pieces of some rows in the order of their slots, each row's padding as its last piece.

    Attributes:
      row: [num_pieces] int64, which of the rows.
      start: [num_pieces] int64, first token; 0 for padding.
      length: [num_pieces] int64, slots; a full row's padding has none.
      segment: [num_pieces] int32, number in the row from 1; 0 for padding.
    """

    row: np.ndarray
    start: np.ndarray
    length: np.ndarray
    segment: np.ndarray


def _pieces(index: RowIndex, row: np.ndarray) -> _Pieces:
    first = index.row_start[row]
    count = index.row_start[np.minimum(row + 1, index.num_rows)] - first + 1
    end = np.cumsum(count)
    which = np.repeat(np.arange(len(row)), count)
    nth = np.arange(len(which)) - (end - count)[which]
    is_padding = np.zeros(len(which), bool)
    is_padding[end - 1] = True
    piece = np.where(is_padding, 0, first[which] + nth)
    length = np.where(is_padding, 0, index.piece_length[piece]).astype(np.int64)
    length[end - 1] = index.seq_len - np.add.reduceat(length, end - count)
    start = np.where(is_padding, 0, index.piece_start[piece])
    segment = np.where(is_padding, 0, nth + 1).astype(np.int32)
    return _Pieces(row=which, start=start, length=length, segment=segment)


def _gather(
    tokens: Sequence[np.ndarray], source: np.ndarray, pieces: _Pieces, seq_len: int
) -> Batch:
    """Reads pieces: each slot's token is found by arithmetic, without a loop over pieces."""
    shape = (len(source), seq_len)
    length = pieces.length
    first_slot = np.cumsum(length) - length
    slot = np.arange(shape[0] * shape[1])
    where = np.repeat(pieces.start - first_slot, length)
    where += slot
    values = {
        "tokens": _take(tokens, source, where.reshape(shape)),
        "positions": slot.astype(np.int32) - np.repeat(first_slot.astype(np.int32), length),
        "segment_ids": np.repeat(pieces.segment, length),
    }
    # A target is the next slot's token, but for the last of each piece.
    values["targets"] = np.roll(values["tokens"].reshape(-1), -1)
    real = np.flatnonzero(pieces.segment)
    values["targets"][(first_slot + length - 1)[real]] = _take(
        tokens, source[pieces.row[real]], (pieces.start + length)[real]
    )
    is_real = values["segment_ids"] > 0
    values["loss_weights"] = is_real.astype(np.float32)
    values = {name: array.reshape(shape) for name, array in values.items()}
    if not is_real.all():
        for name in ("tokens", "targets", "positions"):
            values[name] *= is_real.reshape(shape)
    return values


def _take(tokens: Sequence[np.ndarray], source: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Takes `where[i]` from the tokens of `source[i]`; int32 of the shape of `where`."""
    taken = np.zeros(where.shape, np.int32)
    for position, source_tokens in enumerate(tokens):
        mine = np.flatnonzero(source == position)
        # `clip` skips a copy; it alters only the places of padding, which the caller zeroes.
        taken[mine] = source_tokens.take(where[mine], mode="clip")
    return taken


def _no_rows(store: TokenStore, what: str) -> UserError:
    return UserError(
        f"{what} in token store {store.directory} has no rows: no document has two tokens. "
        "Add text to the source or take it out of data.path",
        ExitCode.UNUSABLE,
    )
