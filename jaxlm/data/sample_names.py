"""Where samples come from: the documents of each row, by name and place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxlm.data.stream import Stream


@dataclass(frozen=True, kw_only=True)
class SamplePiece:
    """A piece of a document in a row.

    Attributes:
      sample: Number of the sample.
      source: Name of the source.
      position: Position of the source in the stream.
      document: Number of the document in the source, from 0.
      document_id: Its id, where the store has ids.
      epoch: How often the source was seen whole before.
      first_token: Place of the piece's first token in the document, from 0.
      tokens: [num_slots + 1] ids: those of the slots and the last target.
    """

    sample: int
    source: str
    position: int
    document: int
    document_id: str | None
    epoch: int
    first_token: int
    tokens: np.ndarray


def name_samples(stream: Stream, samples: Sequence[int] | np.ndarray) -> list[SamplePiece]:
    """Names every piece of some samples, in the order of their slots.

    Args:
      stream: Where the samples come from.
      samples: Sample numbers.
    """
    plan = stream.plan(np.asarray(samples))
    pieces = plan.pieces
    named = []
    for nth in np.flatnonzero(pieces.segment).tolist():
        row, start, length = (int(x[nth]) for x in (pieces.row, pieces.start, pieces.length))
        place = plan.tables[plan.table[row]]
        document = int(np.searchsorted(place.source.offsets, start, side="right")) - 1
        named.append(
            SamplePiece(
                sample=int(plan.sample[row]),
                source=place.source.name,
                position=place.position,
                document=document,
                document_id=stream.sources[place.position].document_id(document),
                epoch=int(plan.epoch[row]),
                first_token=start - int(place.source.offsets[document]),
                tokens=place.source.tokens[start : start + length + 1],
            )
        )
    return named
