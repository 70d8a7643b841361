"""FineWeb's own rules, which look at lines: lists, menus and boilerplate have telling ones.

Thresholds are those of the released code; the paper prints 0.1 for characters in duplicate lines.

Source: Penedo et al. 2024, arXiv 2406.17557, section 3.6; `FineWebQualityFilter` of datatrove.
"""

from dataclasses import dataclass
from functools import partial

from jaxlm.data.filters.gopher import duplicate_line_characters
from jaxlm.data.filters.rules import Rule, RuleSet
from jaxlm.data.filters.text import Text, ratio

# Escaped: full-width exclamation mark, question mark and closing parenthesis.
_LINE_ENDS = tuple(".!?…\"'”’»。」』\uff01\uff1f\uff09")


@dataclass(frozen=True, kw_only=True)
class FinewebConfig(RuleSet):
    """Thresholds.

    Attributes:
      least_punctuated_lines: Smallest share of lines that end in punctuation.
      most_short_lines: Largest share of short lines.
      short_line: Most characters of a short line; part of what is measured.
      most_duplicate_line_characters: Largest share of characters in lines that repeat an earlier
        one.
      most_newlines_per_word: Most line ends for each word.
    """

    least_punctuated_lines: float = 0.12
    most_short_lines: float = 0.67
    short_line: int = 30
    most_duplicate_line_characters: float = 0.01
    most_newlines_per_word: float = 0.3

    def rules(self) -> tuple[Rule, ...]:
        rule = partial(Rule, source="Penedo et al. 2024, arXiv 2406.17557, section 3.6")
        return (
            rule(
                name="fineweb.punctuated_lines",
                measure=_punctuated_lines,
                least=self.least_punctuated_lines,
            ),
            rule(
                name="fineweb.short_lines",
                measure=partial(_short_lines, longest=self.short_line),
                most=self.most_short_lines,
            ),
            rule(
                name="fineweb.duplicate_line_characters",
                measure=duplicate_line_characters,
                most=self.most_duplicate_line_characters,
            ),
            rule(
                name="fineweb.newlines_per_word",
                measure=_newlines_per_word,
                most=self.most_newlines_per_word,
            ),
        )


def _punctuated_lines(text: Text) -> float:
    return ratio(sum(line.endswith(_LINE_ENDS) for line in text.lines), len(text.lines))


def _short_lines(text: Text, *, longest: int) -> float:
    return ratio(sum(len(line) <= longest for line in text.lines), len(text.lines))


def _newlines_per_word(text: Text) -> float:
    return ratio(text.text.count("\n"), text.num_words)
