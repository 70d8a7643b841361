"""Widths of East Asian characters, and the two Chinese scripts."""

import functools
import re
import unicodedata
from collections.abc import Callable

from jaxlm.data.readers.records import missing_extra

_LETTERS = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9f][\uff9e\uff9f]?")
# Without the wide overline U+FFE3, which has no narrow form but a space with a mark.
_ALL = re.compile("[\uff01-\uffe2\uffe4-\uffee][\uff9e\uff9f]?")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af]")
_BLOCKS = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0x20000, 0x323B0))
# One conversion suffices for nearly every line; a line that is never done stays as it is.
_MAX_CONVERSIONS = 3


def unify_width_of_letters(text: str) -> str:
    """Full-width letters and digits become ordinary ones, half-width Katakana full ones."""
    return text if text.isascii() else _LETTERS.sub(_compatible, text)


def unify_width(text: str) -> str:
    """The same for all characters that have another width, such as the full-width comma."""
    return text if text.isascii() else _ALL.sub(_compatible, text)


def to_simplified(text: str) -> str:
    """Traditional Chinese becomes simplified, line by line.

    A line stays as it is where it has characters that only simplified text has, and at least as
    many of them as of those that only traditional text has. So a line in the right script is
    left alone, and a phrase that was converted is not taken apart when seen again. Japanese is
    not told from Chinese.

    Source: OpenCC, configuration t2s.

    Raises:
      UserError: opencc is not installed.
    """
    return _convert_lines(text, "t2s")


def to_traditional(text: str) -> str:
    """Simplified Chinese becomes traditional, as `to_simplified` does the opposite.

    Source: OpenCC, configuration s2t.

    Raises:
      UserError: opencc is not installed.
    """
    return _convert_lines(text, "s2t")


def _compatible(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", match[0])


def _convert_lines(text: str, name: str) -> str:
    if text.isascii() or not _HAN.search(text):
        return text
    return "\n".join(
        _convert_line(line, name) if _HAN.search(line) else line for line in text.split("\n")
    )


def _convert_line(line: str, name: str) -> str:
    """Converts until nothing is left to do, which makes a second conversion idle."""
    convert, candidate = _converter(name), line
    for _ in range(_MAX_CONVERSIONS):
        if _is_in_script(candidate, name):
            return candidate
        converted = convert(candidate)
        if converted == candidate:
            return candidate
        candidate = converted
    return line


def _is_in_script(line: str, name: str) -> bool:
    """Whether a line shows the script that the converter leads to."""
    other, own = _scripts(name)
    characters = set(line)
    return 0 < len(characters & own) >= len(characters & other)


@functools.cache
def _converter(name: str) -> Callable[[str], str]:
    try:
        import opencc
    except ImportError as error:
        raise missing_extra("opencc", "normalise.script") from error
    convert: Callable[[str], str] = opencc.OpenCC(name).convert
    return convert


@functools.cache
def _scripts(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """Characters of the script that is converted alone, and of the other alone."""
    simplified, traditional = _changed("s2t", "big5"), _changed("t2s", "gb2312")
    return (simplified, traditional) if name == "s2t" else (traditional, simplified)


def _changed(name: str, other_charset: str) -> frozenset[str]:
    """What a converter changes, without what the other script has in its own character set too.

    So the simplified form of "behind", which is also the traditional "empress", tells nothing.
    """
    characters = [chr(code) for block in _BLOCKS for code in block]
    converted = _converter(name)("\n".join(characters)).split("\n")
    pairs = zip(characters, converted, strict=True)
    return frozenset(a for a, b in pairs if a != b and not a.encode(other_charset, "ignore"))
