"""Rules against dumps of numbers: tables, logs and lists of measurements, in any language.

RefinedWeb removes lines of numbers alone; here a document is dropped when most of it is such. The
thresholds are our own: prose about statistics has below 10 % digits.

Source: Penedo et al. 2023, arXiv 2306.01116, appendix G.2 (lines of numerical characters).
"""

import re
from dataclasses import dataclass
from functools import partial

from jaxlm.data.filters.characters import DIGIT
from jaxlm.data.filters.rules import Rule, RuleSet
from jaxlm.data.filters.text import Text, ratio

# In the kinds of characters: a word with a digit and without a letter.
_NUMBER = re.compile(rb" [^ ah0]*0[^ ah]*(?= )")


@dataclass(frozen=True, kw_only=True)
class TableConfig(RuleSet):
    """Thresholds.

    Attributes:
      most_digits: Largest share of digits among visible characters.
      most_numbers: Largest share of words with a digit and without a letter.
      most_number_lines: Largest share of lines with a digit and without a letter.
    """

    most_digits: float = 0.3
    most_numbers: float = 0.5
    most_number_lines: float = 0.5

    def rules(self) -> tuple[Rule, ...]:
        rule = partial(Rule, source="after Penedo et al. 2023, arXiv 2306.01116, appendix G.2")
        return (
            rule(name="table.digits", measure=_digits, most=self.most_digits),
            rule(name="table.numbers", measure=_numbers, most=self.most_numbers),
            rule(name="table.number_lines", measure=_number_lines, most=self.most_number_lines),
        )


def _digits(text: Text) -> float:
    return ratio(text.count(DIGIT), text.num_visible)


def _numbers(text: Text) -> float:
    return ratio(len(_NUMBER.findall(b" " + text.kinds + b" ")), text.num_words)


def _number_lines(text: Text) -> float:
    return ratio(sum(map(_is_numeric, text.lines)), len(text.lines))


def _is_numeric(line: str) -> bool:
    # upper() and lower() differ where there are cased letters: the fast answer for most lines.
    if line.isascii() and line.upper() != line.lower():
        return False
    return any(map(str.isdecimal, line)) and not any(map(str.isalpha, line))
