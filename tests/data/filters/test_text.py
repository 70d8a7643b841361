import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxlm.data.filters.characters import DIGIT, HAN, LETTER, MARK, OTHER, SPACE, kinds_of
from jaxlm.data.filters.text import Text, ratio

ASCII_OR_NOT = st.text(st.characters(max_codepoint=127)) | st.text()


def is_kind(character: str, kind: int) -> bool:
    category = unicodedata.category(character)
    if category == "Cn":  # reserved: planes 2 and 3 for Han characters
        return kind == (HAN[0] if ord(character) >= 0x20000 else OTHER[0]) or kind == OTHER[0]
    is_han = unicodedata.name(character, "").startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEO"))
    return {
        SPACE[0]: character.isspace(),
        HAN[0]: is_han or character in "々〇",
        LETTER[0]: character.isalpha() and not is_han,
        DIGIT[0]: category == "Nd",
        MARK[0]: category[0] in "PS",
        OTHER[0]: category[0] in "MC" or category in ("Nl", "No"),
    }[kind]


@given(ASCII_OR_NOT)
def test_kinds_are_those_of_the_unicode_database(text: str) -> None:
    kinds = kinds_of(text)
    assert len(kinds) == len(text)
    assert all(map(is_kind, text, kinds))


def test_kinds_by_hand() -> None:
    assert kinds_of("aZ é\u0301, 5٣½\n+漢〇々𠀀\ue000\U0010ffff\x7f") == b"aa a?. 00? .hhhh???"


@given(ASCII_OR_NOT)
def test_words_are_counted_without_making_them(text: str) -> None:
    view = Text(text)
    assert view.num_words == len(text.split()) == len(view.words)
    assert view.num_visible == sum(map(len, text.split()))


def test_parts_of_a_text() -> None:
    view = Text('  One line. "Two?" he said.\r\n\n \t\nThree...\nand four\n')
    assert view.lines == ['One line. "Two?" he said.', "Three...", "and four"]
    assert view.paragraphs == ['One line. "Two?" he said.', "Three...\nand four"]
    assert view.sentences == ["One line", '"Two', "he said", "Three", "and four"]


def test_chinese_sentences_need_no_space() -> None:
    text = "你好。我很好\uff01“真的吗\uff1f”他说。"
    assert Text(text).sentences == ["你好", "我很好", "“真的吗", "他说"]


@pytest.mark.parametrize("text", ["", " \n\n", "\x00"])
def test_empty_texts_have_empty_parts(text: str) -> None:
    view = Text(text)
    assert view.sentences == view.lines == view.paragraphs == view.words
    assert view.repeated_words.top(2) == view.repeated_characters.share(3) == 0


def test_a_share_of_nothing_is_zero() -> None:
    assert ratio(0, 0) == 0
    assert ratio(1, 4) == 0.25
