import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlm.report import charts
from jaxlm.report.charts import Line


def parsed(source):
    return ElementTree.fromstring(source)


def plot_of(source):
    (plot,) = [e for e in parsed(source).iter("svg") if e.get("class") == "plot"]
    return plot


def read_back(plot):
    """The points of each curve, by the inverse of the plot's scales."""
    left, right, low, high = map(float, plot.get("data-bounds").split())
    width, height = map(float, plot.get("viewBox").split()[2:])
    is_log = plot.get("data-log") == "1"
    curves = {}
    for path in plot.iter("path"):
        if path.get("class").startswith("curve"):
            pairs = [map(float, point.split()) for point in path.get("d")[1:].split("L")]
            shares = [(x / width, 1 - y / height) for x, y in pairs]
            curves[path.get("data-name")] = [
                (
                    left + x * (right - left),
                    low * (high / low) ** y if is_log else low + y * (high - low),
                )
                for x, y in shares
            ]
    return curves


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30), st.booleans(), st.booleans())
def test_curves_show_their_values(ys, is_log, from_zero):
    points = [(float(10 * step), y) for step, y in enumerate(ys)]
    plot = plot_of(charts.line_chart("t", [Line("a", points)], is_log=is_log, from_zero=from_zero))
    _, _, low, high = map(float, plot.get("data-bounds").split())
    for (x, y), (shown_x, shown_y) in zip(points, read_back(plot)["a"], strict=True):
        assert shown_x == pytest.approx(x, abs=0.01)
        # Heights are rounded to a hundredth of a pixel in 180.
        tolerance = 1e-4 * y * (high / low) ** 0.1 + 1e-9 if is_log else 1e-4 * (high - low)
        assert shown_y == pytest.approx(y, abs=max(tolerance, 5e-3 * y if is_log else 0))


@settings(deadline=None, max_examples=100)
@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_few_round_and_inside(low, span):
    high = low + span
    if high - low < 1e-9 * abs(low):
        return
    ticks = charts.ticks(low, high)
    assert 1 <= len(ticks) <= 9
    assert all(low - 1e-6 * span <= tick <= high + 1e-6 * span for tick in ticks)


def test_known_ticks():
    assert charts.ticks(0, 200) == [0, 50, 100, 150, 200]
    assert charts.ticks(2.1, 8.4) == [4, 6, 8]


def test_a_chart_says_what_it_shows():
    lines = [Line("training", [(1.0, 8.0), (2.0, 3.0)]), Line("validation", [(2.0, 3.5)], "other")]
    plot = plot_of(charts.line_chart("Loss", lines))
    assert plot.get("role") == "img"
    assert plot.get("aria-label") == (
        "Loss. training: 8 at step 1, 3 at step 2, lowest 3, highest 8. "
        "validation: 3.5 at step 2, 3.5 at step 2, lowest 3.5, highest 3.5"
    )


def test_names_are_escaped_and_nothing_is_styled_inline():
    source = charts.line_chart('"><script>', [Line('"><b>', [(1.0, 1.0)]), Line("x", [(1.0, 2.0)])])
    tags = {element.tag for element in parsed(source).iter()}
    assert not tags & {"script", "b"}
    assert "style=" not in source


@pytest.mark.parametrize("points", [[(5.0, 0.0)], [(1.0, 2.0), (2.0, 2.0)], [(1.0, -3.0)]])
def test_curves_without_extent_are_drawn(points):
    source = charts.line_chart("t", [Line("a", points)], is_log=True)
    assert not re.search("nan|inf", source)
    shown = read_back(plot_of(source))["a"]
    assert [y for _, y in shown] == pytest.approx([y for _, y in points], abs=1e-3)


def test_no_points_no_chart():
    assert charts.line_chart("t", [Line("a", [])]) == ""
    assert charts.bar([("a", 0.0)]) == ""


def test_a_bar_is_divided_in_proportion():
    source = f"<div>{charts.bar([('training', 3.0), ('saving', 1.0)])}</div>"
    bar = parsed(source).find("svg")
    assert [(r.get("x"), r.get("width")) for r in bar.iter("rect")] == [
        ("0.000%", "75.000%"),
        ("75.000%", "25.000%"),
    ]
    assert bar.get("aria-label") == "training 75.0%; saving 25.0%"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (3.14159, "3.142"), (12345.6, "12,346"), (0.00027, "2.70e-04"), (-2.5, "-2.5")],
)
def test_numbers_at_a_glance(value, shown):
    assert charts.number(value) == shown
