"""C4's rules: whole lines of prose stay, other lines go, and a page that is not prose goes.

The data set was made in this order: `c4_lines`, then the rules on what is left. Curly brackets and
end marks are no sign of quality in code; see `code` for that.

Lines of 5 words and pages of 3 sentences are the final paper's numbers and the released code's; the
first preprint had 3 words and 5 sentences.

Source: Raffel et al. 2020, JMLR 21 (20-074), section 2.2; `c4_utils` of TensorFlow Datasets.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial

from jaxlm.data.filters.rules import Rule, RuleSet
from jaxlm.data.filters.text import Text

_END_MARKS = (".", "!", "?", '"', "”")
_ELLIPSES = ("...", "…")
_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
_POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


@dataclass(frozen=True, kw_only=True)
class C4LinesConfig:
    """Which lines stay.

    Attributes:
      least_words: Fewest words.
      longest_word: Most characters of a word.
      needs_end_mark: Whether a line has to end like a sentence.
      removes_citations: Whether marks such as `[1]` and `[edit]` are cut out of lines.
    """

    least_words: int = 5
    longest_word: int = 1000
    needs_end_mark: bool = True
    removes_citations: bool = True


@dataclass(frozen=True, kw_only=True)
class C4Config(RuleSet):
    """Thresholds of the rules for documents.

    Attributes:
      least_sentences: Fewest sentences.
      most_lorem_ipsum: Most occurrences of the placeholder text.
      most_curly_brackets: Most opening curly brackets.
    """

    least_sentences: int = 3
    most_lorem_ipsum: int = 0
    most_curly_brackets: int = 0

    def rules(self) -> tuple[Rule, ...]:
        rule = partial(Rule, source="Raffel et al. 2020, JMLR 21 (20-074), section 2.2")
        return (
            rule(name="c4.num_sentences", measure=_num_sentences, least=self.least_sentences),
            rule(name="c4.lorem_ipsum", measure=_lorem_ipsum, most=self.most_lorem_ipsum),
            rule(name="c4.curly_brackets", measure=_curly_brackets, most=self.most_curly_brackets),
        )


def c4_lines(text: str, config: C4LinesConfig | None = None) -> str:
    """Removes the lines that C4 removes."""
    return remove_lines(text, config or C4LinesConfig())[0]


def remove_lines(text: str, config: C4LinesConfig) -> tuple[str, dict[str, int]]:
    """Removes the lines that C4 removes, and counts them.

    Returns:
      The text that is left, and the removed lines by reason: `no_end_mark`, `few_words`,
      `long_word`, `javascript`, `policy`. Blank lines go uncounted.
    """
    kept, reasons = [], Counter[str]()
    for line in map(str.strip, text.split("\n")):
        if not line:
            continue
        if config.removes_citations:
            line = _CITATION.sub("", line).strip()
        if fault := line_fault(line, config):
            reasons[fault] += 1
        else:
            kept.append(line)
    return "\n".join(kept), dict(reasons)


def line_fault(line: str, config: C4LinesConfig) -> str:
    """Why a line is removed, as in `remove_lines`; empty if it stays."""
    words = line.split()
    if max(map(len, words), default=0) > config.longest_word:
        return "long_word"
    is_sentence = line.endswith(_END_MARKS) and not line.endswith(_ELLIPSES)
    if config.needs_end_mark and not is_sentence:
        return "no_end_mark"
    if len(words) < config.least_words:
        return "few_words"
    lower = line.lower()
    if "javascript" in lower:
        return "javascript"
    return "policy" if any(phrase in lower for phrase in _POLICIES) else ""


def _num_sentences(text: Text) -> float:
    return len(text.sentences)


def _lorem_ipsum(text: Text) -> float:
    return text.lower.count("lorem ipsum")


def _curly_brackets(text: Text) -> float:
    return text.text.count("{")
