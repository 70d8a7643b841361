"""MassiveText's rules: prose has words of usual lengths, and does not repeat itself.

A word is what white space separates; a share of characters leaves white space out. "Duplicate"
counts each repetition after the first occurrence. The paper fixes none of these.

Source: Rae et al. 2021, arXiv 2112.11446, appendix A.1.1 and table A1.
"""

import re
from dataclasses import dataclass
from functools import partial

from jaxlm.data.filters.repetition import duplicate_characters, duplicate_share
from jaxlm.data.filters.rules import Rule, RuleSet
from jaxlm.data.filters.stop_words import stop_words
from jaxlm.data.filters.text import Text, ratio

_BULLETS = ("•", "‣", "◦", "▪", "▫", "■", "□", "▶", "·", "*", "-", "–")
_ELLIPSES = ("...", "…")
# A word of which no character is a letter, in the kinds of characters.
_NO_LETTER = re.compile(rb" [^ ah]+(?= )")
_SOURCE = "Rae et al. 2021, arXiv 2112.11446, "


@dataclass(frozen=True, kw_only=True)
class GopherQualityConfig(RuleSet):
    """Thresholds of the quality rules.

    Attributes:
      language: ISO 639-1 code of the stop words' language.
      least_words: Fewest words.
      most_words: Most words.
      least_mean_word_length: Shortest mean word, in characters.
      most_mean_word_length: Longest mean word, in characters.
      most_hashes_per_word: Most hash signs for each word.
      most_ellipses_per_word: Most ellipses for each word.
      most_bullet_lines: Largest share of lines that start with a bullet.
      most_ellipsis_lines: Largest share of lines that end with an ellipsis.
      least_alphabetic_words: Smallest share of words with a letter.
      least_stop_words: Fewest distinct stop words.
    """

    language: str = "en"
    least_words: int = 50
    most_words: int = 100_000
    least_mean_word_length: float = 3
    most_mean_word_length: float = 10
    most_hashes_per_word: float = 0.1
    most_ellipses_per_word: float = 0.1
    most_bullet_lines: float = 0.9
    most_ellipsis_lines: float = 0.3
    least_alphabetic_words: float = 0.8
    least_stop_words: int = 2

    def rules(self) -> tuple[Rule, ...]:
        rule = partial(Rule, source=_SOURCE + "appendix A.1.1, quality filtering")
        patterns = tuple(map(_whole_word, sorted(stop_words(self.language))))
        return (
            rule(
                name="gopher.num_words",
                measure=_num_words,
                least=self.least_words,
                most=self.most_words,
            ),
            rule(
                name="gopher.mean_word_length",
                measure=_mean_word_length,
                least=self.least_mean_word_length,
                most=self.most_mean_word_length,
            ),
            rule(
                name="gopher.hashes_per_word",
                measure=_hashes_per_word,
                most=self.most_hashes_per_word,
            ),
            rule(
                name="gopher.ellipses_per_word",
                measure=_ellipses_per_word,
                most=self.most_ellipses_per_word,
            ),
            rule(name="gopher.bullet_lines", measure=_bullet_lines, most=self.most_bullet_lines),
            rule(
                name="gopher.ellipsis_lines",
                measure=_ellipsis_lines,
                most=self.most_ellipsis_lines,
            ),
            rule(
                name="gopher.alphabetic_words",
                measure=_alphabetic_words,
                least=self.least_alphabetic_words,
            ),
            rule(
                name=f"gopher.stop_words_{self.language}",
                measure=partial(_num_stop_words, patterns=patterns),
                least=self.least_stop_words,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class GopherRepetitionConfig(RuleSet):
    """Thresholds of the repetition rules.

    Attributes:
      most_duplicate_lines: Largest share of lines that repeat an earlier one.
      most_duplicate_paragraphs: The same of paragraphs.
      most_duplicate_line_characters: Largest share of characters in such lines.
      most_duplicate_paragraph_characters: The same of paragraphs.
      most_top_grams: Largest share of characters in the commonest n-gram, for n = 2, 3, ...
      most_duplicate_grams: Largest share of characters in n-grams that repeat an earlier one, for
        n = 5, 6, ...
    """

    most_duplicate_lines: float = 0.30
    most_duplicate_paragraphs: float = 0.30
    most_duplicate_line_characters: float = 0.20
    most_duplicate_paragraph_characters: float = 0.20
    most_top_grams: tuple[float, ...] = (0.20, 0.18, 0.16)
    most_duplicate_grams: tuple[float, ...] = (0.15, 0.14, 0.13, 0.12, 0.11, 0.10)

    def rules(self) -> tuple[Rule, ...]:
        rule = partial(Rule, source=_SOURCE + "table A1")
        return (
            rule(
                name="gopher.duplicate_lines",
                measure=duplicate_lines,
                most=self.most_duplicate_lines,
            ),
            rule(
                name="gopher.duplicate_paragraphs",
                measure=_duplicate_paragraphs,
                most=self.most_duplicate_paragraphs,
            ),
            rule(
                name="gopher.duplicate_line_characters",
                measure=duplicate_line_characters,
                most=self.most_duplicate_line_characters,
            ),
            rule(
                name="gopher.duplicate_paragraph_characters",
                measure=_duplicate_paragraph_characters,
                most=self.most_duplicate_paragraph_characters,
            ),
            *(
                rule(name=f"gopher.top_{n}grams", measure=partial(_top_grams, n=n), most=most)
                for n, most in enumerate(self.most_top_grams, start=2)
            ),
            *(
                rule(
                    name=f"gopher.duplicate_{n}grams",
                    measure=partial(_duplicate_grams, n=n),
                    most=most,
                )
                for n, most in enumerate(self.most_duplicate_grams, start=5)
            ),
        )


def _whole_word(word: str) -> re.Pattern[str]:
    # The word comes first, so that the search looks for it alone and is many times faster.
    return re.compile(rf"{word}\b(?<=\b{word})")


def duplicate_lines(text: Text) -> float:
    """Share of lines that repeat an earlier one."""
    return duplicate_share(text.lines)


def duplicate_line_characters(text: Text) -> float:
    """Share of characters in lines that repeat an earlier one."""
    return duplicate_characters(text.lines)


def _duplicate_paragraphs(text: Text) -> float:
    return duplicate_share(text.paragraphs)


def _duplicate_paragraph_characters(text: Text) -> float:
    return duplicate_characters(text.paragraphs)


def _top_grams(text: Text, *, n: int) -> float:
    return text.repeated_words.top(n)


def _duplicate_grams(text: Text, *, n: int) -> float:
    return text.repeated_words.duplicates(n)


def _num_words(text: Text) -> float:
    return text.num_words


def _mean_word_length(text: Text) -> float:
    return ratio(text.num_visible, text.num_words)


def _hashes_per_word(text: Text) -> float:
    return ratio(text.text.count("#"), text.num_words)


def _ellipses_per_word(text: Text) -> float:
    return ratio(sum(map(text.text.count, _ELLIPSES)), text.num_words)


def _bullet_lines(text: Text) -> float:
    return ratio(sum(line.startswith(_BULLETS) for line in text.lines), len(text.lines))


def _ellipsis_lines(text: Text) -> float:
    return ratio(sum(line.endswith(_ELLIPSES) for line in text.lines), len(text.lines))


def _alphabetic_words(text: Text) -> float:
    without = len(_NO_LETTER.findall(b" " + text.kinds + b" "))
    return ratio(text.num_words - without, text.num_words)


def _num_stop_words(text: Text, *, patterns: tuple[re.Pattern[str], ...]) -> float:
    return sum(pattern.search(text.lower) is not None for pattern in patterns)
