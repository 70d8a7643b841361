"""What a training objective is.

A loss is a sum over named terms of `weight x sum / denominator`. Denominators are counted from the
whole global batch before it is cut into microbatches, so that accumulation, pipelines and one big
batch agree by construction.
"""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax

from jaxlm.models.base import Batch, Model, Params

Key = jax.Array
Terms = Mapping[str, jax.Array]


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig(abc.ABC):
    """Base of every objective's configuration; the objective is its methods."""

    def prepare(self, rows: dict[str, Any], seed: int) -> dict[str, Any]:
        """Turns rows of the stream into a batch, on the host; pure in rows, sample ids and seed.

        Objectives that mask or corrupt text do it here; by default rows are a batch already.
        """
        del seed
        return rows

    @abc.abstractmethod
    def weights(self) -> dict[str, float]:
        """The terms of the loss and their weights."""

    @abc.abstractmethod
    def normaliser(self, batch: Batch) -> Terms:
        """Denominator of each term, from the whole global batch: float32 scalars."""

    @abc.abstractmethod
    def logits_bytes(self, num_tokens: int, vocab_size: int) -> int:
        """Bytes of the largest logits that a device holds at once, for the memory estimate."""

    @abc.abstractmethod
    def terms(
        self, model: Model, params: Params, microbatch: Batch, key: Key | None
    ) -> tuple[Terms, Mapping[str, Any]]:
        """Sum of each term over a microbatch, and the model's statistics.

        Without a key nothing is drawn: no dropout, as in evaluation.
        """
