"""Rules for source code: minified, generated and encoded files have lines that nobody writes.

Source: Kocetkov et al. 2022, arXiv 2211.15533, and Li et al. 2023, arXiv 2305.06161, section 3,
with the numbers of Chen et al. 2021, arXiv 2107.03374, section 3.1 (long lines); Lozhkov et al.
2024, arXiv 2402.19173 (letters; base64, hexadecimal and escaped data).
"""

import re
from dataclasses import dataclass
from functools import partial
from string import ascii_letters, digits

from jaxlm.data.filters.characters import DIGIT, HAN, LETTER
from jaxlm.data.filters.rules import Rule, RuleSet
from jaxlm.data.filters.text import Text, ratio

# Base64 comes in runs that no identifier reaches.
_RUN = 64
_BASE64 = re.compile(rf"[A-Za-z0-9+/]{{{_RUN},}}={{0,2}}")
_IS_BASE64 = bytes(chr(code) in f"{ascii_letters}{digits}+/" for code in range(256))
# Lists of bytes, and escaped bytes and code units; each begins with letters that are quick to find.
_ESCAPED = (
    re.compile(r"0x[0-9A-Fa-f]{2}\b(?:[\s,]*0x[0-9A-Fa-f]{2}\b){7,}"),
    re.compile(r"\\x[0-9A-Fa-f]{2}(?:\\x[0-9A-Fa-f]{2}){7,}"),
    re.compile(r"\\u[0-9A-Fa-f]{4}(?:\\u[0-9A-Fa-f]{4}){7,}"),
)


@dataclass(frozen=True, kw_only=True)
class CodeConfig(RuleSet):
    """Thresholds.

    Attributes:
      most_longest_line: Most characters of the longest line.
      most_mean_line: Most characters of the mean line, blank lines included.
      least_alphanumeric: Smallest share of letters and digits among all characters.
      least_alphabetic: Smallest share of letters among visible characters.
      most_encoded: Largest share of characters in encoded data.
    """

    most_longest_line: int = 1000
    most_mean_line: float = 100
    least_alphanumeric: float = 0.25
    least_alphabetic: float = 0.25
    most_encoded: float = 0.5

    def rules(self) -> tuple[Rule, ...]:
        stack = partial(Rule, source="Kocetkov et al. 2022, arXiv 2211.15533")
        starcoder = partial(Rule, source="Lozhkov et al. 2024, arXiv 2402.19173")
        return (
            stack(name="code.longest_line", measure=_longest_line, most=self.most_longest_line),
            stack(name="code.mean_line", measure=_mean_line, most=self.most_mean_line),
            stack(name="code.alphanumeric", measure=_alphanumeric, least=self.least_alphanumeric),
            starcoder(name="code.alphabetic", measure=_alphabetic, least=self.least_alphabetic),
            starcoder(name="code.encoded", measure=_encoded, most=self.most_encoded),
        )


def _code_lines(text: Text) -> list[str]:
    return text.text.removesuffix("\n").split("\n")


def _longest_line(text: Text) -> float:
    return max(map(len, _code_lines(text)))


def _mean_line(text: Text) -> float:
    lines = _code_lines(text)
    return sum(map(len, lines)) / len(lines)


def _alphanumeric(text: Text) -> float:
    return ratio(text.count(LETTER + HAN + DIGIT), len(text.text))


def _alphabetic(text: Text) -> float:
    return ratio(text.count(LETTER + HAN), text.num_visible)


def _encoded(text: Text) -> float:
    is_base64 = text.text.encode("utf-8", "surrogatepass").translate(_IS_BASE64)
    patterns = (*_ESCAPED, _BASE64) if b"\1" * _RUN in is_base64 else _ESCAPED
    matches = (match for pattern in patterns for match in pattern.finditer(text.text))
    return ratio(sum(match.end() - match.start() for match in matches), len(text.text))
