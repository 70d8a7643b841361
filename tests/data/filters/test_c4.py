import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxlm.data.filters.c4 import C4Config, C4LinesConfig, c4_lines, remove_lines
from tests.data.filters.decisions import check


@pytest.mark.parametrize(
    ("name", "text", "expected", "thresholds"),
    [
        ("num_sentences", 'One. Two! "Three?" Four\nfive', 5, {"least_sentences": 1}),
        ("lorem_ipsum", "Lorem ipsum dolor, LOREM IPSUM.", 2, {"most_lorem_ipsum": -1}),
        ("curly_brackets", "f() { return {1}; }", 2, {"most_curly_brackets": -1}),
    ],
)
def test_rules(name: str, text: str, expected: float, thresholds: dict[str, float]) -> None:
    check(C4Config(), f"c4.{name}", text, expected, **thresholds)


PAGE = """Home | About | Contact
  The first line is a whole sentence.
It was said[12] that this stays.[citation needed]

"And so does this one here!"
Only four words here.
Read the rest of it...
Please enable JavaScript to see this page.
By reading on you accept our Cookie Policy.
Are there five words here?"""


def test_lines_that_stay_and_why_others_go() -> None:
    text, reasons = remove_lines(PAGE, C4LinesConfig())
    assert text.split("\n") == [
        "The first line is a whole sentence.",
        "It was said that this stays.",
        '"And so does this one here!"',
        "Are there five words here?",
    ]
    assert reasons == {"no_end_mark": 2, "few_words": 1, "javascript": 1, "policy": 1}
    assert c4_lines(PAGE) == text


@pytest.mark.parametrize(
    ("config", "line", "reason"),
    [
        (C4LinesConfig(least_words=4), "Only four words here.", ""),
        (C4LinesConfig(least_words=6), "Are there five words here?", "few_words"),
        (C4LinesConfig(needs_end_mark=False), "a line without its mark", ""),
        (C4LinesConfig(longest_word=5), "one two three four fives.", "long_word"),
        (C4LinesConfig(longest_word=6), "one two three four fives.", ""),
    ],
)
def test_settings_of_lines_decide(config: C4LinesConfig, line: str, reason: str) -> None:
    kept, reasons = remove_lines(line, config)
    assert (kept, list(reasons)) == ((line, []) if not reason else ("", [reason]))


def test_citations_can_stay() -> None:
    line = "It was said[12] that this stays."
    assert c4_lines(line, C4LinesConfig(removes_citations=False)) == line


@given(st.text(st.sampled_from('ab. \n"[1]{'), max_size=80))
def test_lines_are_kept_or_counted(text: str) -> None:
    kept, reasons = remove_lines(text, C4LinesConfig(least_words=2))
    num_lines = sum(bool(line.strip()) for line in text.split("\n"))
    assert len(kept.splitlines()) + sum(reasons.values()) == num_lines
