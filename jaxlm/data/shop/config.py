"""Settings of the data shop."""

from dataclasses import dataclass, field

from jaxlm.data.dedup.config import (
    DecontaminateConfig,
    ExactConfig,
    LinesConfig,
    NearConfig,
    SubstringsConfig,
)
from jaxlm.data.filters.c4 import C4Config, C4LinesConfig
from jaxlm.data.filters.chinese import ChineseConfig
from jaxlm.data.filters.code import CodeConfig
from jaxlm.data.filters.fineweb import FinewebConfig
from jaxlm.data.filters.gopher import GopherQualityConfig, GopherRepetitionConfig
from jaxlm.data.filters.perplexity import PerplexityConfig
from jaxlm.data.filters.pii import PiiConfig
from jaxlm.data.filters.quality import QualityConfig
from jaxlm.data.filters.table import TableConfig
from jaxlm.data.normalise import NormaliseConfig
from jaxlm.tokenizers.config import SentencePieceConfig, TokenizerConfig


@dataclass(frozen=True, kw_only=True)
class SourceConfig:
    """One source of raw documents.

    Attributes:
      name: Name in weights, statistics and reports; unique.
      path: Globs or folders, local or of a remote file system (`s3://`, `gs://`, `hf://datasets/`);
        `stdlib:code` and `stdlib:prose` are the standard library of the running interpreter.
      text_field: Field or column that holds the text, where records have several.
      id_field: Field or column that names a document; empty numbers them.
      rules: Sets of quality rules that its documents must pass: names of sections of `filters`.
      languages: Languages that its documents may have, as ISO 639-1 codes; empty admits all.
      clean: Whether the text is normalised and its personal data removed; off for what is so
        already.
    """

    name: str
    path: tuple[str, ...]
    text_field: str = "text"
    id_field: str = ""
    rules: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    clean: bool = True


@dataclass(frozen=True, kw_only=True)
class FiltersConfig:
    """Thresholds of the rules, by set; a source names the sets that judge it.

    Attributes:
      c4_lines: Which lines are removed from the sources that `c4` judges, before they are judged;
        none keeps every line.
      least_language_probability: Least probability that a document is in a language that its source
        admits.
    """

    gopher_quality: GopherQualityConfig = field(default_factory=GopherQualityConfig)
    gopher_repetition: GopherRepetitionConfig = field(default_factory=GopherRepetitionConfig)
    c4: C4Config = field(default_factory=C4Config)
    c4_lines: C4LinesConfig | None = None
    fineweb: FinewebConfig = field(default_factory=FinewebConfig)
    chinese: ChineseConfig = field(default_factory=ChineseConfig)
    code: CodeConfig = field(default_factory=CodeConfig)
    table: TableConfig = field(default_factory=TableConfig)
    quality: QualityConfig | None = None
    perplexity: PerplexityConfig | None = None
    least_language_probability: float = 0.65


@dataclass(frozen=True, kw_only=True)
class EvaluationSetsConfig:
    """Text that must not be trained on.

    Attributes:
      path: Globs of its files; none switches the search off.
      text_field: Field or column that holds the text.
    """

    path: tuple[str, ...] = ()
    text_field: str = "text"


@dataclass(frozen=True, kw_only=True)
class TokensConfig:
    """The token store at the end of the shop.

    Attributes:
      make: Whether to train a tokenizer and make the store.
      weights: Share of training tokens of each source, in their order; empty means in proportion
        to the bytes of their text.
      validation_fraction: Share of the documents held out for validation.
    """

    make: bool = True
    weights: tuple[float, ...] = ()
    validation_fraction: float = 0.01


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """From raw documents to a clean corpus and its token store.

    Attributes:
      name: Name of the corpus, part of its directories' names.
      sources: Where documents come from; of equal ones the earlier source's is kept.
      workers: Processes; 0 takes one a core. The result does not depend on it.
      engine: `local`, or `ray`, or `ray://HOST:PORT` of a running cluster.
      part_bytes: Bytes of raw files that a worker takes at once.
      max_bad_records: Unreadable records and files tolerated before preparation stops.
      num_samples: Dropped documents shown in the report for each reason.
    """

    name: str
    sources: tuple[SourceConfig, ...]
    workers: int = 0
    engine: str = "local"
    part_bytes: int = 4 << 20
    max_bad_records: int = 100
    num_samples: int = 5
    normalise: NormaliseConfig = field(default_factory=NormaliseConfig)
    pii: PiiConfig = field(default_factory=PiiConfig)
    filters: FiltersConfig = field(default_factory=FiltersConfig)
    exact: ExactConfig | None = field(default_factory=ExactConfig)
    near: NearConfig | None = field(default_factory=NearConfig)
    evaluation_sets: EvaluationSetsConfig = field(default_factory=EvaluationSetsConfig)
    decontaminate: DecontaminateConfig = field(default_factory=DecontaminateConfig)
    lines: LinesConfig | None = None
    substrings: SubstringsConfig | None = None
    tokenizer: TokenizerConfig = field(default_factory=SentencePieceConfig)
    tokens: TokensConfig = field(default_factory=TokensConfig)
