"""Training or validation: a decision that follows from a document's id alone."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from jaxlm.data.readers import Document, Record

Split = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = ("train", "validation")

# Below this number, whole documents give too coarse and too uneven a share.
MIN_DOCUMENTS = 20


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """How one entry of `data.path` is divided.

    Attributes:
      fraction: Share held out for validation.
      by_document: Hold out whole documents, or else the last part of each.
      held_out_id: A document that is held out whatever its hash, so that a small source has at
        least one.
    """

    fraction: float
    by_document: bool
    held_out_id: str = ""

    def parts(self, document: Document) -> Iterator[tuple[Split, str]]:
        """The split, or both splits, of a document's text; no part is empty."""
        if self.by_document:
            yield ("validation" if self._holds_out(document.id) else "train"), document.text
            return
        cut = len(document.text) - max(1, round(len(document.text) * self.fraction))
        if cut > 0:
            yield "train", document.text[:cut]
        yield "validation", document.text[cut:]

    def _holds_out(self, document_id: str) -> bool:
        return unit_hash(document_id) < self.fraction or document_id == self.held_out_id


def make_rule(records: Iterable[Record], fraction: float) -> SplitRule:
    """Makes the rule for a source from no more than its first documents.

    Args:
      records: The source from its beginning; read only as far as needed.
      fraction: Share to hold out.
    """
    ids = (record.id for record in records if isinstance(record, Document) and record.text)
    first = list(itertools.islice(ids, MIN_DOCUMENTS))
    if len(first) < MIN_DOCUMENTS:
        return SplitRule(fraction=fraction, by_document=False)
    lowest = min(first, key=unit_hash)
    return SplitRule(fraction=fraction, by_document=True, held_out_id=lowest)


def unit_hash(key: str) -> float:
    """A stable number in [0, 1) that is uniform over keys."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    # 53 bits, so that the quotient is exact and stays below 1.
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)
