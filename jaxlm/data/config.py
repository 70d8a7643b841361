"""Settings of the training data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the text comes from and how it becomes rows.

    Attributes:
      path: Sources. Each is a glob of .txt, .jsonl[.gz|.zst] or .parquet files, optionally named
        as `name=glob`; `stdlib` is the embedded corpus: the source code and the docstrings of the
        running interpreter's standard library, as two sources.
      stores: Prepared token stores, in place of `path`. The first one's tokenizer and validation
        split are the run's; `STEP:STORE` joins after so many updates, and changes no sample before.
      weights: Share of training tokens of each source, in the order of the sources; empty means
        70:30 for `stdlib`, otherwise in proportion to the bytes of their training text.
      temperature: Where no weights are given, shares are raised to 1 / temperature: above 1, small
        sources come more often than their size says.
      stages: Changes of the shares during the run: `STEP:NAME=WEIGHT,NAME=WEIGHT,...` holds after
        so many updates and names every source, 0 leaving one out; `STEP:` goes back to sizes.
      text_field: Field of a JSONL record or column of a Parquet file that holds the text.
      validation_fraction: Share held out for validation, chosen by document; a source of fewer
        than 20 documents gives the last part of each document instead.
      packing: `best_fit` fills rows with whole pieces of documents by an offline index;
        `concatenate` cuts the joined documents into rows.
      subword_alpha: Segments every document anew in each epoch: the probability to drop a merge, or
        a unigram model's exponent; 0 keeps the one segmentation of the store.
      subword_nbest: For a unigram model: draw among so many best segmentations; -1 among all.
      max_bad_documents: Unreadable documents tolerated before preparation stops.
      store_dir: Directory that holds prepared token stores, each under its own digest.
    """

    path: tuple[str, ...] = ("stdlib",)
    stores: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    temperature: float = 1.0
    stages: tuple[str, ...] = ()
    text_field: str = "text"
    validation_fraction: float = 0.05
    packing: Literal["best_fit", "concatenate"] = "best_fit"
    subword_alpha: float = 0.0
    subword_nbest: int = -1
    max_bad_documents: int = 100
    store_dir: str = "stores"
