import pytest

from jaxlm.data.filters.fineweb import FinewebConfig
from tests.data.filters.decisions import check, value

FINEWEB = FinewebConfig()


@pytest.mark.parametrize(
    ("name", "text", "expected", "thresholds"),
    [
        ("punctuated_lines", "a.\nb\n\nc?” \n好。", 3 / 4, {"least_punctuated_lines": 0.01}),
        (
            "short_lines",
            f"{'a' * 30}\n{'b' * 31}\n\n c \n{'d' * 40}",
            2 / 4,
            {"most_short_lines": -0.01},
        ),
        (
            "duplicate_line_characters",
            "aaaa\nbb\naaaa",
            4 / 10,
            {"most_duplicate_line_characters": -0.01},
        ),
        ("newlines_per_word", "a b\n\nc\n", 3 / 3, {"most_newlines_per_word": -0.01}),
    ],
)
def test_rules(name: str, text: str, expected: float, thresholds: dict[str, float]) -> None:
    check(FINEWEB, f"fineweb.{name}", text, expected, **thresholds)


def test_what_a_short_line_is_changes_the_value() -> None:
    text = "a\nbb\nccc\ndddd"
    assert value(FinewebConfig(short_line=3), "fineweb.short_lines", text) == 0.75


def test_the_published_thresholds() -> None:
    limits = {rule.name: (rule.least, rule.most) for rule in FINEWEB.rules()}
    assert limits["fineweb.punctuated_lines"][0] == 0.12
    assert [
        limits[f"fineweb.{name}"][1]
        for name in ("short_lines", "duplicate_line_characters", "newlines_per_word")
    ] == [0.67, 0.01, 0.3]
