"""The configuration of `jaxlm.data.prepare` as a command reads it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxlm.config.fields import get, leaves
from jaxlm.config.problems import Given, Problem
from jaxlm.config.root import Root
from jaxlm.config.values import to_text
from jaxlm.data.shop.config import PrepareConfig
from jaxlm.data.shop.judgement import rule_sets
from jaxlm.spelling import nearest

_USAGE = """\
usage: python -m jaxlm.data.prepare RECIPE [section.field=value ...] [out_dir=DIR] [--dry-run]

Turns raw documents into a clean corpus, a token store and a report.

  RECIPE               a file such as configs/prepare/web.py, or an earlier config.json
  section.field=value  changes one setting; commas separate several values, `none` leaves one out
  out_dir=DIR          directory of the results (default: prepared/NAME); what is there is reused
  --dry-run            show the configuration and the raw files, touch nothing
  --help               this text; after a recipe, with the recipe's values
"""

_POSITIVE = (lambda value: value > 0, "more than 0")
_NOT_NEGATIVE = (lambda value: value >= 0, "0 or more")
_SHARE = (lambda value: 0 <= value <= 1, "a share from 0 to 1")
_RANGES = {
    "workers": _NOT_NEGATIVE,
    "part_bytes": _POSITIVE,
    "max_bad_records": _NOT_NEGATIVE,
    "num_samples": _NOT_NEGATIVE,
    "filters.least_language_probability": _SHARE,
    "near.ngram": _POSITIVE,
    "near.num_bands": _POSITIVE,
    "near.rows_per_band": _POSITIVE,
    "near.threshold": _SHARE,
    "near.max_distance": _POSITIVE,
    "lines.min_characters": _POSITIVE,
    "lines.most_documents": _POSITIVE,
    "substrings.length": _POSITIVE,
    "substrings.gram": _POSITIVE,
    "decontaminate.ngram": _POSITIVE,
    "decontaminate.shortest": _POSITIVE,
    "decontaminate.most_documents": _NOT_NEGATIVE,
    "decontaminate.margin": _NOT_NEGATIVE,
    "tokenizer.vocab_size": _POSITIVE,
    "tokenizer.training_bytes": _POSITIVE,
    "tokens.validation_fraction": (lambda value: 0 < value < 1, "a share between 0 and 1"),
    "tokens.weights": (
        lambda value: not value or (min(value) > 0 and max(value) < float("inf")),
        "a positive number for each source",
    ),
}


def validate(config: PrepareConfig, num_devices: int | None) -> list[Problem]:
    """Finds every value that is out of range and every combination that cannot be."""
    del num_devices
    problems = (_range_problems, _source_problems, _unused_problems, _combination_problems)
    return [problem for find in problems for problem in find(config)]


def _range_problems(config: PrepareConfig) -> Iterator[Problem]:
    for setting in leaves(config):
        value = get(config, setting.path)
        check = _RANGES.get(setting.path)
        if check is not None and not check[0](value):
            yield _problem(config, (setting.path,), check[1], "out of range")


def _source_problems(config: PrepareConfig) -> Iterator[Problem]:
    sets = rule_sets(config.filters)
    for number, source in enumerate(config.sources):
        if not source.path:
            yield _problem(config, (f"sources.{number}.path",), "one file pattern or more")
        if len(set(source.rules)) < len(source.rules):
            yield _problem(config, (f"sources.{number}.rules",), "each set of rules once")
        for name in source.rules:
            if name not in sets:
                given = Given(path=f"sources.{number}.rules", value=name)
                yield Problem(
                    what="unknown set of rules",
                    settings=(given,),
                    expected=f"sections of filters: {', '.join(sets)}",
                    nearest=tuple(nearest(name, sets)),
                )


def _unused_problems(config: PrepareConfig) -> Iterator[Problem]:
    """Settings that were given but that nothing would use."""
    named = {name for source in config.sources for name in source.rules}
    for path, needed in (("quality", "quality"), ("perplexity", "perplexity"), ("c4_lines", "c4")):
        if get(config, f"filters.{path}") is not None and needed not in named:
            text = f"a source whose rules name {needed}; as it is, nothing would use the setting"
            yield _problem(config, (f"filters.{path}",), text)
    for path in ("filters.quality.model", "filters.perplexity.model"):
        if get(config, path) == "":
            yield _problem(config, (path,), "the file of a trained model")
    if config.tokens.weights and not config.tokens.make:
        text = "weights of a token store only where tokens.make=true"
        yield _problem(config, ("tokens.weights", "tokens.make"), text)


def _combination_problems(config: PrepareConfig) -> Iterator[Problem]:
    if not config.sources:
        yield _problem(config, ("sources",), "one source or more")
    substrings = config.substrings
    if substrings is not None and substrings.gram >= substrings.length:
        yield _problem(config, ("substrings.gram", "substrings.length"), "gram below length")
    weights = config.tokens.weights
    if weights and len(weights) != len(config.sources):
        text = f"{len(config.sources)} weights, one for each source, or none"
        yield _problem(config, ("tokens.weights",), text)


def _problem(
    config: Any, paths: tuple[str, ...], text: str, what: str = "impossible combination"
) -> Problem:
    given = tuple(Given(path=path, value=to_text(get(config, path))) for path in paths)
    return Problem(what=what, settings=given, expected=text)


PREPARE = Root(
    config=PrepareConfig,
    module="jaxlm.data.prepare",
    recipes=Path("configs/prepare"),
    example="configs/prepare/web.py",
    directory="out_dir",
    usage=_USAGE,
    title="Corpus",
    validate=validate,
)
