# ruff: noqa: RUF001  look-alikes are the subject
import unicodedata

import pytest

from jaxlm.data.normalise.characters import remove_bidi, remove_controls, remove_zero_width
from jaxlm.data.normalise.punctuation import to_ascii_punctuation
from jaxlm.data.normalise.unicode import strip_accents, to_nfc, to_nfkc
from jaxlm.data.normalise.whitespace import (
    collapse_runs,
    limit_blank_lines,
    strip_line_ends,
    unify_line_ends,
    unify_spaces,
)

# Planes 0, 1 and the beginning of 14: the others hold ideographs and private characters only.
EVERYTHING = [
    chr(code) for code in (*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200))
]
# Unicode's property White_Space (PropList.txt).
WHITE_SPACE = set(
    "\t\n\v\f\r \x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def removed(function) -> set[str]:
    return {c for c in EVERYTHING if function(f"a{c}b") == "ab"}


def test_controls_are_the_control_codes_without_white_space() -> None:
    controls = {c for c in EVERYTHING if unicodedata.category(c) == "Cc"}
    assert removed(remove_controls) == controls - WHITE_SPACE
    assert remove_controls("é\x00\x9bä\x07\n") == "éä\n"


def test_bidi_marks_are_those_of_the_standard() -> None:
    formats = {c for c in EVERYTHING if unicodedata.category(c) == "Cf"}
    explicit = {
        c
        for c in formats
        if unicodedata.bidirectional(c)
        in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
    }
    assert removed(remove_bidi) == explicit | {"\u200e", "\u200f", "\u061c"}


def test_zero_width_characters_go_and_joiners_stay() -> None:
    found = removed(remove_zero_width)
    assert len(found) == 8
    assert {unicodedata.category(c) for c in found} == {"Cf"}
    family, persian = "👨\u200d👩\u200d👧", "می\u200cخواهم"
    assert remove_zero_width(f"\ufeff{family} co\u00adop\u200b {persian}") == (
        f"{family} coop {persian}"
    )


def test_spaces_are_the_separators_of_unicode() -> None:
    separators = {c for c in EVERYTHING if unicodedata.category(c) == "Zs"}
    assert {c for c in EVERYTHING if c != " " and unify_spaces(c) == " "} == separators - {" "}
    assert unify_spaces("a\u00a0b\u3000c") == "a b c"


def test_line_ends_are_those_of_the_standard() -> None:
    ends = {c for c in EVERYTHING if unify_line_ends(c) == "\n"}
    assert ends == set("\n\v\f\r\x85\u2028\u2029")
    assert unify_line_ends("a\r\nb\rc\n\rd\u2028e") == "a\nb\nc\n\nd\ne"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a  b\t\tc \td", "a b c d"),
        ("    if x:  y", "    if x: y"),
        ("a\tb", "a\tb"),
        ("a\n\t  b", "a\n\t  b"),
    ],
)
def test_runs(text: str, expected: str) -> None:
    assert collapse_runs(text) == expected


def test_trailing_blanks() -> None:
    assert strip_line_ends(" a \t\n\t\nb  c ") == " a\n\nb  c"
    assert strip_line_ends(" a\n") == " a\n"


@pytest.mark.parametrize(
    ("most", "expected"),
    [(0, "a\nb\nc\n d"), (1, "a\n\nb\nc\n\n d"), (2, "a\n\n\nb\nc\n \n d"), (3, None)],
)
def test_blank_lines(most: int, expected: str | None) -> None:
    text = "a\n\n \t\n\nb\nc\n \n d"
    if most == 1:
        expected = "a\n\nb\nc\n \n d"
    assert limit_blank_lines(text, most) == (text if expected is None else expected)


def test_punctuation() -> None:
    text = "“Don’t” ‘x’ – 5′10″ — a‐b … 1⁄2 «q» 「漢」。"
    assert to_ascii_punctuation(text) == "\"Don't\" 'x' - 5'10\" - a-b ... 1/2 «q» 「漢」。"


def test_forms() -> None:
    # Unicode Standard Annex 15, tables 3 to 5 (singletons, composites, compatibility).
    assert to_nfc("\u212b \u2126 \u1e9b\u0323 \ufb01") == "\u00c5 \u03a9 \u1e9b\u0323 \ufb01"
    assert to_nfc("\u1e0b\u0323 \u1100\u1161") == "\u1e0d\u0307 \uac00"
    assert to_nfkc("\u1e9b\u0323 \ufb01 2\u2075 Ａ") == "\u1e69 fi 25 A"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Crème brûlée, Ångström", "Creme brulee, Angstrom"),
        ("e\u0301\u0323x", "ex"),
        ("ὦ Ёлка", "ω Елка"),
        ("ø ł ß", "ø ł ß"),  # letters, not accents
        ("हिन्दी ไม่ がぎ 한국 שָׁלוֹם", "हिन्दी ไม่ がぎ 한국 שָׁלוֹם"),  # marks that are no accents
    ],
)
def test_accents(text: str, expected: str) -> None:
    assert strip_accents(text) == expected
