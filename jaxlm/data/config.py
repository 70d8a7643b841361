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
      weights: Share of training tokens of each source, in the order of the sources; empty means
        70:30 for `stdlib`, otherwise in proportion to the bytes of their training text.
      text_field: Field of a JSONL record or column of a Parquet file that holds the text.
      validation_fraction: Share held out for validation, chosen by document; a source of fewer
        than 20 documents gives the last part of each document instead.
      packing: `best_fit` fills rows with whole pieces of documents by an offline index;
        `concatenate` cuts the joined documents into rows.
      max_bad_documents: Unreadable documents tolerated before preparation stops.
      store_dir: Directory that holds prepared token stores, each under its own digest.
    """

    path: tuple[str, ...] = ("stdlib",)
    weights: tuple[float, ...] = ()
    text_field: str = "text"
    validation_fraction: float = 0.05
    packing: Literal["best_fit", "concatenate"] = "best_fit"
    max_bad_documents: int = 100
    store_dir: str = "stores"
