# ruff: noqa: RUF001  look-alikes are the subject
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxlm.data.normalise import decase, recase
from jaxlm.data.normalise.case import ALL, END, ESCAPE, ONE, fold_case

TEXTS = st.text(
    st.sampled_from("abAB ΣσςßẞİıǅǄǆſK" + ONE + ALL + END + ESCAPE)
    | st.characters(exclude_categories=["Cs"])
)


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("Word and word", f"{ONE}word and word"),
        ("NASA's WORDs", f"{ALL}nasa's {ALL}word{END}s"),
        ("iPhone A I", f"i{ONE}phone {ONE}a {ONE}i"),
        ("ΟΔΟΣ Οδός", f"{ALL}οδοσ {ONE}οδός"),
        ("Été ÜBER", f"{ONE}été {ALL}über"),
        ("İstanbul ẞ ǅ", "İstanbul ẞ ǅ"),
        (f"x{ONE}A", f"x{ESCAPE}{ONE}{ONE}a"),
        ("AB1c ABß", f"{ALL}ab1c {ALL}abß"),
        ("", ""),
    ],
)
def test_marks(text: str, marked: str) -> None:
    assert decase(text) == marked
    assert recase(marked) == text


@given(TEXTS)
def test_every_text_comes_back(text: str) -> None:
    marked = decase(text)
    assert recase(marked) == text
    assert not any(
        c < "\U00010000" and c != c.lower() and len(c.lower()) == 1 and c.lower().upper() == c
        for c in marked
    )


def test_every_character_comes_back() -> None:
    codes = (*range(0xD800), *range(0xE000, 0x20000), *range(0x20000, sys.maxunicode, 999))
    text = "".join(f"{chr(code)}B{chr(code)}a" for code in codes)
    assert recase(decase(text)) == text


@pytest.mark.parametrize(
    ("text", "folded"), [("Straße", "strasse"), ("ΣΊΣΥΦΟΣ", "σίσυφοσ"), ("ﬃ K", "ffi k")]
)
def test_folding(text: str, folded: str) -> None:
    assert fold_case(text) == folded
