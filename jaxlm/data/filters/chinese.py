"""Rules for Chinese, which has no spaces between words: they count characters.

Length, mean line, share of Han characters and repeated 13-grams are ChineseWebText's, without its
list of sensitive words. Duplicate lines and paragraphs are Gopher's, which FineWeb-2 keeps for
every language. The shares of marks and digits and the length of sentences are our own: prose has
10 to 20 % marks and sentences of 10 to 60 characters, so that only lists and dumps fail.

Source: Chen et al. 2023, arXiv 2311.01149 (EvalWeb), and its released code; Penedo et al. 2025,
arXiv 2506.20920; Rae et al. 2021, arXiv 2112.11446, table A1.
"""

from dataclasses import dataclass
from functools import partial

from jaxlm.data.filters.characters import DIGIT, HAN, MARK
from jaxlm.data.filters.gopher import duplicate_line_characters, duplicate_lines
from jaxlm.data.filters.rules import Rule, RuleSet
from jaxlm.data.filters.text import Text, ratio


@dataclass(frozen=True, kw_only=True)
class ChineseConfig(RuleSet):
    """Thresholds.

    Attributes:
      least_characters: Fewest characters.
      least_mean_line: Fewest characters of the mean line.
      least_han: Smallest share of Han characters.
      gram: Characters of the n-grams whose repetition counts; part of what is measured.
      most_repeated_grams: Largest share of n-grams that occur more than once.
      most_duplicate_lines: Largest share of lines that repeat an earlier one.
      most_duplicate_line_characters: Largest share of characters in such lines.
      most_marks: Largest share of punctuation and symbols among visible characters.
      most_digits: Largest share of digits among visible characters.
      least_mean_sentence: Fewest characters of the mean sentence.
      most_mean_sentence: Most characters of the mean sentence.
    """

    least_characters: int = 200
    least_mean_line: float = 10
    least_han: float = 0.3
    gram: int = 13
    most_repeated_grams: float = 0.5
    most_duplicate_lines: float = 0.3
    most_duplicate_line_characters: float = 0.2
    most_marks: float = 0.35
    most_digits: float = 0.3
    least_mean_sentence: float = 5
    most_mean_sentence: float = 250

    def rules(self) -> tuple[Rule, ...]:
        return self._published() + self._own()

    def _published(self) -> tuple[Rule, ...]:
        rule = partial(Rule, source="Chen et al. 2023, arXiv 2311.01149")
        gopher = partial(Rule, source="Rae et al. 2021, arXiv 2112.11446, table A1")
        return (
            rule(
                name="chinese.num_characters", measure=_num_characters, least=self.least_characters
            ),
            rule(name="chinese.mean_line", measure=_mean_line, least=self.least_mean_line),
            rule(name="chinese.han_characters", measure=_han_share, least=self.least_han),
            rule(
                name=f"chinese.repeated_{self.gram}grams",
                measure=partial(_repeated_grams, n=self.gram),
                most=self.most_repeated_grams,
            ),
            gopher(
                name="chinese.duplicate_lines",
                measure=duplicate_lines,
                most=self.most_duplicate_lines,
            ),
            gopher(
                name="chinese.duplicate_line_characters",
                measure=duplicate_line_characters,
                most=self.most_duplicate_line_characters,
            ),
        )

    def _own(self) -> tuple[Rule, ...]:
        rule = partial(Rule, source="jaxlm: bounds far outside prose")
        return (
            rule(name="chinese.marks", measure=_mark_share, most=self.most_marks),
            rule(name="chinese.digits", measure=_digit_share, most=self.most_digits),
            rule(
                name="chinese.mean_sentence",
                measure=_mean_sentence,
                least=self.least_mean_sentence,
                most=self.most_mean_sentence,
            ),
        )


def _num_characters(text: Text) -> float:
    return len(text.text)


def _mean_line(text: Text) -> float:
    return len(text.text) / (text.text.count("\n") + 1)


def _han_share(text: Text) -> float:
    return ratio(text.count(HAN), len(text.text))


def _repeated_grams(text: Text, *, n: int) -> float:
    return text.repeated_characters.share(n)


def _mark_share(text: Text) -> float:
    return ratio(text.count(MARK), text.num_visible)


def _digit_share(text: Text) -> float:
    return ratio(text.count(DIGIT), text.num_visible)


def _mean_sentence(text: Text) -> float:
    return ratio(sum(map(len, text.sentences)), len(text.sentences))
