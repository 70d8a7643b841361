"""All statistics of a corpus, by source and together."""

from typing import Any

import pyarrow as pa

from jaxlm.data.analysis.batch import Batch, by_source
from jaxlm.data.analysis.characters import Characters
from jaxlm.data.analysis.duplicates import Duplicates
from jaxlm.data.analysis.languages import Languages, identify_sample
from jaxlm.data.analysis.lengths import Lengths
from jaxlm.data.analysis.lines import count_lines
from jaxlm.data.analysis.near import near_duplicates
from jaxlm.data.analysis.projection import DOCUMENTS as MOST_ON_MAP
from jaxlm.data.analysis.projection import project
from jaxlm.data.analysis.sample import Sample, Sampled
from jaxlm.data.analysis.scores import Scores, Thresholds
from jaxlm.data.analysis.signs import Signs
from jaxlm.data.analysis.tokens import compression, count_tokens
from jaxlm.tokenizers import Tokenizer

VERSION = 1
"""Of the result's form."""

_MOST_COMPARED = 5_000


class SourceStatistics:
    """The statistics of one source that read every document, and its sample.

    Attributes:
      lengths: Lengths.
      characters: Characters by kind and script.
      signs: Suspicious documents.
      scores: Columns of real numbers.
      languages: The column `language`.
      sample: Documents for what is too slow to measure on all.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self.lengths = Lengths()
        self.characters = Characters()
        self.signs = Signs()
        self.scores = Scores(thresholds)
        self.languages = Languages()
        self.sample = Sample()

    def add(self, batch: Batch) -> None:
        """Counts documents."""
        self.characters.add(batch.classes)
        for part in (self.lengths, self.signs, self.scores, self.languages, self.sample):
            part.add(batch)

    def merge(self, other: "SourceStatistics") -> None:
        """Adds the counts of another."""
        self.lengths.merge(other.lengths)
        self.characters.merge(other.characters)
        self.signs.merge(other.signs)
        self.scores.merge(other.scores)
        self.languages.merge(other.languages)
        self.sample.merge(other.sample)

    def result(self, tokenizer: Tokenizer | None) -> dict[str, Any]:
        """Everything, as plain JSON."""
        documents = self.sample.documents
        texts = [document.text for document in documents]
        return {
            **self.lengths.result(),
            "characters": self.characters.result(),
            "signs": self.signs.result(),
            "scores": self.scores.result(),
            "languages": self.languages.result(documents),
            "lines": count_lines(texts),
            "tokens": count_tokens(texts, tokenizer),
            "compression": compression(texts),
            "samples": self.sample.result(),
        }


class Analysis:
    """A corpus's statistics, added to by table and merged from workers.

    The result is the same whatever the order of the tables and their split into workers: counts
    are sums of integers, and samples are chosen by a hash of the documents' names.

    Attributes:
      thresholds: Bounds of score columns.
      sources: Statistics by source.
      duplicates: Exact copies, also between sources.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = dict(thresholds or {})
        self.sources: dict[str, SourceStatistics] = {}
        self.duplicates = Duplicates()

    def add(self, table: pa.Table) -> None:
        """Counts the documents of a table with columns `id`, `text`, `source`, and others.

        Raises:
          UserError: A column is missing.
        """
        for batch in by_source(table):
            if batch.source not in self.sources:
                self.sources[batch.source] = SourceStatistics(self.thresholds)
            self.sources[batch.source].add(batch)
            self.duplicates.add(batch)

    def merge(self, other: "Analysis") -> None:
        """Adds the statistics of another; the other is not to be used afterwards."""
        for name, statistics in other.sources.items():
            if name in self.sources:
                self.sources[name].merge(statistics)
            else:
                self.sources[name] = statistics
        self.duplicates.merge(other.duplicates)

    def result(self, tokenizer: Tokenizer | None = None) -> dict[str, Any]:
        """Everything as plain JSON: `total`, `sources` by name, `duplicates`, `near`, `map`.

        It comes last: the sample is labelled with languages, so nothing is to be added afterwards.

        Args:
          tokenizer: Counts tokens; words by default.
        """
        sources = {name: self.sources[name] for name in sorted(self.sources)}
        total = SourceStatistics(self.thresholds)
        for statistics in sources.values():
            statistics.sample.documents = identify_sample(statistics.sample.documents)
            total.merge(statistics)
        samples = [statistics.sample.documents for statistics in sources.values()]
        results = {name: part.result(tokenizer) for name, part in sources.items()}
        only = next(iter(results.values())) if len(results) == 1 else None
        return {
            "version": VERSION,
            "total": only or total.result(tokenizer),
            "sources": results,
            "duplicates": self.duplicates.result(),
            "near": near_duplicates(_first_of_each(samples, _MOST_COMPARED)),
            "map": project(_first_of_each(samples, MOST_ON_MAP)),
        }


def _first_of_each(samples: list[list[Sampled]], limit: int) -> list[Sampled]:
    """The beginnings of samples, equally long where they can be, `limit` documents in all."""
    chosen: list[Sampled] = []
    for number, sample in enumerate(sorted(samples, key=len)):
        chosen += sample[: (limit - len(chosen)) // (len(samples) - number)]
    return sorted(chosen)
