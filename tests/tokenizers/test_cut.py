from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.tokenizers.cut import cut_text


@given(st.text("ab \n\t", max_size=200), st.integers(1, 50))
@settings(deadline=None)
def test_stretches_join_to_the_text_and_keep_the_limit(text: str, limit: int) -> None:
    stretches = list(cut_text(text, limit))
    assert "".join(stretches) == text
    assert all(len(stretch) <= limit for stretch in stretches)


def test_cuts_where_white_space_begins() -> None:
    assert list(cut_text("one two three", 9)) == ["one two", " three"]


def test_cuts_at_the_limit_without_white_space() -> None:
    assert list(cut_text("abcdefgh", 3)) == ["abc", "def", "gh"]


def test_empty_text_is_one_stretch() -> None:
    assert list(cut_text("", 5)) == [""]
