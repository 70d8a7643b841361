# ruff: noqa: RUF001  look-alikes are the subject
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.normalise.mojibake import repair

ftfy = pytest.importorskip("ftfy")

CHARACTERS = "".join(
    bytes(range(0x80, 0x100)).decode(encoding, errors="ignore")
    for encoding in ftfy.chardata.CHARMAP_ENCODINGS
)
WORDS = [
    "é",
    "ü",
    "à ",
    "’",
    "“",
    "—",
    "€",
    "ё",
    "漢",
    "🙂",
    "\u00a0",
    "x",
    " ",
    "naïve",
    "über",
    "\0",
    "\ufffd",
]


def misread(text: str, encoding: str) -> str:
    return text.encode().decode(encoding, errors="replace")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("grün und schön", "latin-1"),
        ("l’été à Orléans", "sloppy-windows-1252"),
        ("naïve “quotes” – 漢字", "sloppy-windows-1252"),
        ("Привет, мир", "sloppy-windows-1251"),
        ("Привет, мир", "latin-1"),
        ("déjà", "macroman"),
    ],
)
def test_text_that_was_misread_is_mended(text: str, encoding: str) -> None:
    assert misread(text, encoding) != text
    assert repair(misread(text, encoding)) == text
    assert repair(misread(misread(text, "latin-1"), "latin-1")) == text


@pytest.mark.parametrize(
    "text",
    [
        "grün, l’été à la “plage” — déjà vu…",
        "Привет, ещё одна «строка» — её нет",
        "汉字，標點。",
        "Ã¼ \ufffd",  # lost already
        "ﬁ ＡＢ &amp; \x1b[0m \r\n\u2028 “x”",  # what ftfy changes when it is let
    ],
)
def test_sound_text_stays(text: str) -> None:
    assert repair(text) == text


def test_lines_are_mended_one_by_one() -> None:
    assert repair("Ã¼ber\nüber\n\nÐ¿Ñ€Ð¸Ð²ÐµÑ‚") == "über\nüber\n\nпривет"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(WORDS)
        | st.builds(
            misread, st.sampled_from(WORDS), st.sampled_from(ftfy.chardata.CHARMAP_ENCODINGS)
        )
        | st.sampled_from(CHARACTERS),
        max_size=8,
    ).map("".join)
)
def test_the_quick_test_overlooks_nothing(line: str) -> None:
    line = line.replace("\n", "")
    config = ftfy.TextFixerConfig(replace_lossy_sequences=False, explain=False)
    expected = line if "\ufffd" in line else ftfy.fix_encoding(line, config)
    assert repair(line) == expected
