"""Settings of the removal of repeated text."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ExactConfig:
    """When two documents count as the same.

    Attributes:
      fold_case: Compare without regard to upper and lower case.
      ignore: What makes no difference: `nothing`; `space`, the kind and amount of white space; or
        `punctuation`, everything but letters, marks and digits.
    """

    fold_case: bool = True
    ignore: Literal["nothing", "space", "punctuation"] = "punctuation"


@dataclass(frozen=True, kw_only=True)
class NearConfig:
    """When two documents count as nearly the same.

    Attributes:
      unit: What shingles are made of: `word`, where each character of a script that writes no
        spaces is a word, or `character`.
      ngram: Units of a shingle; a shorter document is one shingle as a whole.
      num_bands: Bands of the signature; one equal band makes two documents candidates.
      rows_per_band: Hashes of a band.
      threshold: Least Jaccard similarity of the shingle sets of two candidates.
      max_distance: Candidates that share a band are compared up to so many places apart; see
        `clusters.verified_clusters`.
    """

    unit: Literal["word", "character"] = "word"
    ngram: int = 5
    num_bands: int = 14
    rows_per_band: int = 8
    threshold: float = 0.7
    max_distance: int = 16


@dataclass(frozen=True, kw_only=True)
class LinesConfig:
    """Which repeated lines or paragraphs are removed.

    Attributes:
      unit: `line`, or `paragraph`: lines up to a blank one.
      min_characters: Shorter ones, counting letters, marks and digits, always stay.
      most_documents: Ones in more documents than this are removed.
      keep: `first` leaves them in the document of the smallest number; `none` removes all.
    """

    unit: Literal["line", "paragraph"] = "line"
    min_characters: int = 30
    most_documents: int = 6
    keep: Literal["first", "none"] = "first"


@dataclass(frozen=True, kw_only=True)
class SubstringsConfig:
    """Which long repeated passages are removed.

    Attributes:
      length: Every repeat of at least so many characters is found and cut.
      gram: Characters of an anchor, below `length`: shorter anchors are more and less telling.
    """

    length: int = 200
    gram: int = 64


@dataclass(frozen=True, kw_only=True)
class DecontaminateConfig:
    """How text of evaluation sets is found and removed.

    Attributes:
      unit: As in `NearConfig`.
      ngram: Units that a document must share with an evaluation text.
      shortest: A shorter evaluation text than `ngram` must be shared as a whole; one of fewer units
        than this cannot be told from chance and is not searched for.
      most_documents: Shared n-grams found in more documents than this are common phrases, which
        do not count (10 in Brown et al.); 0 for no such limit.
      action: `drop` the document or `cut` the shared passages.
      margin: Characters cut on either side of a shared passage.
    """

    unit: Literal["word", "character"] = "word"
    ngram: int = 13
    shortest: int = 8
    most_documents: int = 0
    action: Literal["drop", "cut"] = "drop"
    margin: int = 200
