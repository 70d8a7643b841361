"""The switches put together: a text, or a table of documents, in normal form."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from jaxlm.data.normalise.case import decase, fold_case
from jaxlm.data.normalise.characters import remove_bidi, remove_controls, remove_zero_width
from jaxlm.data.normalise.chinese import (
    to_simplified,
    to_traditional,
    unify_width,
    unify_width_of_letters,
)
from jaxlm.data.normalise.config import NormaliseConfig
from jaxlm.data.normalise.mojibake import repair
from jaxlm.data.normalise.punctuation import to_ascii_punctuation
from jaxlm.data.normalise.unicode import strip_accents, to_nfc, to_nfkc
from jaxlm.data.normalise.whitespace import (
    collapse_runs,
    limit_blank_lines,
    strip_line_ends,
    unify_line_ends,
    unify_spaces,
)

if TYPE_CHECKING:
    import pyarrow

# Name of the switch, and what it does.
Step = tuple[str, Callable[[str], str]]

# Two or three suffice: a removed character may bring together what an earlier step then changes.
_MAX_PASSES = 8


def normalise(text: str, config: NormaliseConfig) -> str:
    """Applies the switches in the order of `NormaliseConfig`, again and again until none acts.

    So the result is its own normal form, except that capitals are marked once, at the end.

    Raises:
      UserError: A switch needs a package that is not installed.
    """
    return _normalise(text, config, set())


def normalise_table(
    table: "pyarrow.Table", config: NormaliseConfig
) -> tuple["pyarrow.Table", dict[str, int]]:
    """Normalises the column `text` of a table.

    Returns:
      The table, and for each switch that is on the number of documents that it changed.

    Raises:
      UserError: As `normalise`.
    """
    import pyarrow

    counts = {name: 0 for name, _ in (*_steps(config), *_last_steps(config))}
    texts = []
    for text in table["text"].to_pylist():
        changed: set[str] = set()
        texts.append(_normalise(text, config, changed))
        for name in changed:
            counts[name] += 1
    if any(counts.values()):
        column = pyarrow.array(texts, pyarrow.string())
        table = table.set_column(table.column_names.index("text"), "text", column)
    return table, counts


def _normalise(text: str, config: NormaliseConfig, changed: set[str]) -> str:
    """The text in normal form; adds the names of the switches that acted."""
    for _ in range(_MAX_PASSES):
        result = _apply(text, _steps(config), changed)
        if result == text:
            break
        text = result
    return _apply(text, _last_steps(config), changed)


def _apply(text: str, steps: tuple[Step, ...], changed: set[str]) -> str:
    for name, step in steps:
        result = step(text)
        if result != text:
            changed.add(name)
            text = result
    return text


@functools.cache
def _steps(config: NormaliseConfig) -> tuple[Step, ...]:
    """The steps that are on, in the order of the fields that switch them."""
    limit = functools.partial(limit_blank_lines, most=config.max_blank_lines)
    steps: dict[str, tuple[bool, Callable[[str], str]]] = {
        "mojibake": (config.mojibake, repair),
        "line_ends": (config.line_ends, unify_line_ends),
        "controls": (config.controls, remove_controls),
        "zero_width": (config.zero_width, remove_zero_width),
        "bidi": (config.bidi, remove_bidi),
        "form": (config.form != "none", to_nfc if config.form == "NFC" else to_nfkc),
        "width": (
            config.width != "none",
            unify_width if config.width == "all" else unify_width_of_letters,
        ),
        "script": (
            config.script != "none",
            to_simplified if config.script == "simplified" else to_traditional,
        ),
        "punctuation": (config.punctuation, to_ascii_punctuation),
        "accents": (config.accents, strip_accents),
        "spaces": (config.spaces, unify_spaces),
        "runs": (config.runs, collapse_runs),
        "trailing": (config.trailing, strip_line_ends),
        "max_blank_lines": (config.max_blank_lines >= 0, limit),
        "case": (config.case == "fold", fold_case),
    }
    return tuple((name, step) for name, (is_on, step) in steps.items() if is_on)


def _last_steps(config: NormaliseConfig) -> tuple[Step, ...]:
    """What is done once, to the normal form."""
    return (("case", decase),) if config.case == "marked" else ()
