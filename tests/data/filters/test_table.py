import pytest

from jaxlm.data.filters.rules import failed, measure
from jaxlm.data.filters.table import TableConfig
from tests.data.filters.decisions import check


@pytest.mark.parametrize(
    ("name", "text", "expected", "thresholds"),
    [
        ("digits", "a1 23 b.", 3 / 6, {"most_digits": -0.01}),
        ("numbers", "a1 23 -4.5% b - 6", 3 / 6, {"most_numbers": -0.01}),
        ("number_lines", "1 2\n\n--\na 3\n٣\nb", 2 / 5, {"most_number_lines": -0.01}),
    ],
)
def test_rules(name: str, text: str, expected: float, thresholds: dict[str, float]) -> None:
    check(TableConfig(), f"table.{name}", text, expected, **thresholds)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("In 1998 the town had 12,345 people, and 13,020 ten years later.", None),
        ("\n".join(f"{n}, {n * n}" for n in range(20)), "table.digits"),
        ("January 1 2 February 3 4 March (5) 6", "table.numbers"),
    ],
)
def test_what_is_kept_and_what_is_not(text: str, reason: str | None) -> None:
    rules = TableConfig().rules()
    assert failed(measure([text], rules), rules).to_pylist() == [reason]
