"""Sample n of a run, as a pure function of (store digest, split, settings, n).

A training stream is endless: mixing says which source sample n comes from and which of its samples
it is, the quotient by the source's rows is the epoch, and a permutation keyed by (seed, source,
epoch) gives the row. A validation stream has each row of each source once. Nothing is stateful,
so any host can read any sample at any time, and a run resumes from an integer.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from jaxlm.data.gather import Batch, Pieces, find_pieces, gather
from jaxlm.data.mixture import Mixture, StagedMixture
from jaxlm.data.permutation import fold, permute
from jaxlm.data.store import Source, TokenStore
from jaxlm.data.tables import EpochTables, JoinedTables, Packing, Places, Redraw, Table
from jaxlm.errors import ExitCode, UserError

NO_SAMPLE = -1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Where some samples come from.

    Attributes:
      sample: [n] int64 sample numbers; -1 where the stream has ended.
      epoch: [n] int64, how often the sample's source was seen whole before.
      tables: The tables that `table` counts.
      table: [n] int64, the sample's table.
      pieces: The samples' pieces; starts count in the tokens of the table.
    """

    sample: np.ndarray
    epoch: np.ndarray
    tables: tuple[Table, ...]
    table: np.ndarray
    pieces: Pieces

    def of_samples(self, first: int, end: int) -> "Plan":
        """The plan of some of the samples."""
        return Plan(
            sample=self.sample[first:end],
            epoch=self.epoch[first:end],
            tables=self.tables,
            table=self.table[first:end],
            pieces=self.pieces.of_rows(first, end),
        )


class Stream:
    """The samples of one split.

    Attributes:
      seq_len: Slots in a row.
      seed: Seed of the order.
      sources: The sources, as their stores have them.
      store_digest: Identity of the data, all stages included.
      num_rows: Rows of all sources in their first epoch; the samples of a validation stream.
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
        """Opens the endless stream of one store in one mixture.

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
        _check_rows(sources, f" of split {split!r} in token store {store.directory}")
        mixture = Mixture.from_weights(weights or [source.weight for source in sources])
        self._open([(0, store.digest)], sources, mixture, seq_len, seed, packing)

    @classmethod
    def mixed(
        cls,
        sources: Sequence[Source],
        mixture: Mixture | StagedMixture,
        digests: Sequence[tuple[int, str]],
        *,
        seq_len: int,
        seed: int,
        packing: Packing = "best_fit",
        redraw: Redraw | None = None,
    ) -> Self:
        """Opens an endless stream of sources from any stores in any mixture.

        Args:
          sources: The sources; a source keeps its samples as long as it keeps its position.
          mixture: Which source each sample comes from.
          digests: First sample of each stage, and the identity of the data from there on.
          seq_len: Slots in a row.
          seed: Decides the order of each source's rows in each epoch.
          packing: How documents become rows.
          redraw: Gives a source as an epoch has it, where documents are segmented anew.

        Raises:
          UserError: A source has no rows (exit 77).
        """
        _check_rows(sources)
        stream = cls.__new__(cls)
        stream._open(digests, sources, mixture, seq_len, seed, packing, redraw)
        return stream

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
            raise _no_rows(f"the validation split in token store {store.directory}")
        stream._open([(0, store.digest)], sources, None, seq_len, seed, packing)
        stream._end = stream.num_rows
        return stream

    def _open(
        self,
        digests: Sequence[tuple[int, str]],
        sources: Sequence[Source],
        mixture: Mixture | StagedMixture | None,
        seq_len: int,
        seed: int,
        packing: Packing,
        redraw: Redraw | None = None,
    ) -> None:
        """Packs the first epoch; without a mixture, sources are mixed by their rows."""
        self.seq_len = seq_len
        self.seed = seed
        self.store_digest = digests[-1][1]
        self._digests = tuple(digests)
        self.sources = tuple(sources)
        self._tables = EpochTables(sources, seq_len, packing, redraw)
        num_rows, num_transitions = zip(*self._tables.first_epoch, strict=True)
        self.num_rows = sum(num_rows)
        self.fill = sum(num_transitions) / (self.num_rows * seq_len)
        self._mixture = mixture or Mixture(num_rows)
        self._end = np.iinfo(np.int64).max

    @property
    def num_open_tables(self) -> int:
        """Tables of rows that are held open; bounded, however far the samples reach."""
        return self._tables.num_open

    @property
    def draws_epochs(self) -> bool:
        """Whether each epoch of a source is drawn when its first sample is asked for."""
        return self._tables.redraw is not None

    def digest_before(self, sample: int) -> str:
        """Identity of all data that decides the samples before one: what a checkpoint records."""
        digests = [digest for first, digest in self._digests if first < sample]
        return digests[-1] if digests else self._digests[0][1]

    def rows(self, ns: np.ndarray) -> Batch:
        """Reads samples.

        Args:
          ns: [batch] int64 sample numbers, not negative.

        Returns:
          int32 [batch, seq_len] `tokens`, `targets` (the token after each), `positions` (from 0 in
          each piece) and `segment_ids` (pieces from 1, 0 is padding); float32 [batch, seq_len]
          `loss_weights` (1, or 0 for padding); int64 [batch] `sample_id`.
        """
        return self.read(self.plan(ns))

    def plan(self, ns: np.ndarray) -> Plan:
        """Finds where samples come from; many cost little more than one.

        Args:
          ns: [n] int64 sample numbers, not negative.
        """
        ns = np.asarray(ns, np.int64)
        source, row, epoch, joined = self._locate(ns)
        # A sample past the end reads row `num_rows`, which holds no piece.
        rows = np.where(source >= 0, row, joined.index.num_rows)
        return Plan(
            sample=np.where(source >= 0, ns, NO_SAMPLE),
            epoch=epoch,
            tables=joined.tables,
            table=joined.of_rows(rows),
            pieces=find_pieces(joined.index, rows),
        )

    def read(self, plan: Plan) -> Batch:
        """Reads planned samples; returns what `rows` does."""
        tokens = [table.source.tokens for table in plan.tables]
        return gather(tokens, plan.table, plan.pieces) | {"sample_id": plan.sample}

    def locate(self, ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Finds the source of each sample and its row; -1 where the stream has ended.

        Args:
          ns: [n] int64 sample numbers, not negative.

        Returns:
          source: [n] int64, position of the source.
          row: [n] int64, number of the row; where epochs are drawn, among those that are open.
        """
        source, row, _, _ = self._locate(ns)
        return source, row

    def __getitem__(self, n: int) -> Batch:
        """Reads sample n; its arrays are [seq_len] and its `sample_id` is a scalar."""
        return {name: values[0] for name, values in self.rows(np.array([n])).items()}

    def _locate(self, ns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, JoinedTables]:
        """Source, row and epoch of each sample, and the tables whose rows are counted."""
        source, index = self._mixture.locate(ns)
        source[ns >= self._end] = NO_SAMPLE
        found: list[Places] = []
        for position in np.unique(source[source >= 0]).tolist():
            mine = np.flatnonzero(source == position)
            found += [
                places._replace(which=mine[places.which])
                for places in self._tables.find(position, index[mine])
            ]
        joined = self._tables.join([places.table for places in found])
        row, epoch = np.full_like(index, NO_SAMPLE), np.zeros_like(index)
        for which, epochs, nth, num_rows, table in found:
            key = fold(fold(self.seed, table.position), epochs)
            first_row = joined.first_row[joined.number[table]]
            row[which] = first_row + permute(nth, num_rows, key)
            epoch[which] = epochs
        return source, row, epoch, joined


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


def _check_rows(sources: Sequence[Source], where: str = "") -> None:
    for source in sources:
        if not np.any(np.diff(source.offsets) > 1):
            raise _no_rows(f"source {source.name!r}{where}")


def _no_rows(what: str) -> UserError:
    return UserError(
        f"{what} has no rows: no document has two tokens. "
        "Add text to the source or take it out of data.path",
        ExitCode.UNUSABLE,
    )
