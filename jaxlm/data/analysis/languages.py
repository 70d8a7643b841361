"""Documents by language."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from jaxlm.data.analysis.batch import Batch
from jaxlm.data.analysis.sample import Sampled
from jaxlm.data.analysis.signs import SHORT

_DOCUMENTS = 500
_CHARACTERS = 2_000


class Languages:
    """Documents by language, where a column `language` names it.

    Attributes:
      counts: Documents by language; a missing value is `und`.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, batch: Batch) -> None:
        """Counts documents."""
        if "language" in batch.table.column_names:
            self.counts.update(name or "und" for name in batch.table["language"].to_pylist())

    def merge(self, other: "Languages") -> None:
        """Adds the counts of another."""
        self.counts.update(other.counts)

    def result(self, sample: Sequence[Sampled]) -> dict[str, Any]:
        """Counts, the most frequent first, and their `basis`: column, sample or none."""
        found = Counter(document.language for document in sample if document.language)
        counts = self.counts or found
        basis = "column" if self.counts else "sample" if found else "none"
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return {"basis": basis, "documents": counts.total(), "counts": dict(ordered)}


def identify_sample(documents: Sequence[Sampled]) -> list[Sampled]:
    """Fills in missing languages of the first 500 documents, by 2,000 characters of each.

    So many give a share within 4.5 % (two standard errors) where the library reads 4 MB/s.

    A text below 50 UTF-8 bytes says too little, and is `und`. Without the optional library the
    documents come back as they are.
    """
    unknown = [d for d in documents[:_DOCUMENTS] if not d.language]
    if not unknown or find_spec("py3langid") is None:
        return list(documents)
    from jaxlm.data.filters.language import identify

    texts = [d.text[:_CHARACTERS] if len(d.text.encode()) >= SHORT else "" for d in unknown]
    found = dict(zip((d.id for d in unknown), identify(texts)[0], strict=True))
    return [dataclasses.replace(d, language=found.get(d.id, d.language)) for d in documents]
