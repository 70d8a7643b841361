# ruff: noqa: RUF001  look-alikes are the subject
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.data.normalise.chinese import (
    to_simplified,
    to_traditional,
    unify_width,
    unify_width_of_letters,
)

pytest.importorskip("opencc")

HAN = st.text(
    st.sampled_from("乾干幹后後發发髮頭头里裡裏县縣长長著着了瞭隆皇帝一人a，\n"), max_size=12
)


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("头发和发展", "頭髮和發展"),  # one simplified character, two traditional ones
        ("干净的干部", "乾淨的幹部"),
        ("皇后在后面", "皇后在後面"),
        ("汉字 and ASCII，标点。", "漢字 and ASCII，標點。"),
    ],
)
def test_scripts(simplified: str, traditional: str) -> None:
    assert to_traditional(simplified) == traditional
    assert to_simplified(traditional) == simplified
    assert to_traditional(traditional) == traditional
    assert to_simplified(simplified) == simplified


def test_each_line_is_judged_on_its_own() -> None:
    assert to_simplified("漢語\n汉语\nenglish, über\n") == "汉语\n汉语\nenglish, über\n"
    assert to_traditional("漢語\n汉语") == "漢語\n漢語"


def test_a_converted_phrase_is_not_taken_apart() -> None:
    # OpenCC alone makes 里長 of 里长, and of that 裏長.
    once = to_traditional("里长来了")
    assert once.startswith("里長")
    assert to_traditional(once) == once


@settings(deadline=None)
@given(HAN)
def test_a_second_conversion_is_idle(text: str) -> None:
    for convert in (to_simplified, to_traditional):
        assert convert(convert(text)) == convert(text)


@pytest.mark.parametrize("convert", [to_simplified, to_traditional])
def test_other_text_is_left_alone(convert) -> None:
    text = "Über größere Städte, 日本 ひらがな, 한국어"
    assert convert(text) == text


def test_widths() -> None:
    text = "ＡｂＣ１２３，！ ｱｶﾞﾊﾟ ￥ 漢字、。"
    assert unify_width_of_letters(text) == "AbC123，！ アガパ ￥ 漢字、。"
    assert unify_width(text) == "AbC123,! アガパ ¥ 漢字、。"
    ascii_text = "".join(map(chr, range(0x21, 0x7F)))
    assert unify_width("".join(chr(ord(c) + 0xFEE0) for c in ascii_text)) == ascii_text
