"""Line charts and bars as inline SVG, without a script; the page's script adds read-outs.

The plot stretches to the page's width while its labels keep their size: labels sit in drawings of
their own, placed in pixels and per cent, around a plot whose strokes do not scale.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jaxlm.report.page import Html, join, text
from jaxlm.report.series import Point, thin

_WIDTH = 1000


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
      name: Its name in the legend and in read-outs.
      points: Its points, by step.
      style: `main` (strong), `raw` (faint, behind), `other` (second colour, with markers).
    """

    name: str
    points: Sequence[Point]
    style: Literal["main", "raw", "other"] = "main"


@dataclass(frozen=True)
class _Scale:
    """Maps values from `low` to `high` to 0 to 1, linearly or by logarithm."""

    low: float
    high: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.is_log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return (value - low) / (high - low)


def line_chart(
    title: str,
    lines: Sequence[Line],
    unit: str = "",
    from_zero: bool = False,
    is_log: bool = False,
    height: int = 180,
    remark: str = "",
) -> Html:
    """A chart of curves over steps; nothing where no curve has a point.

    Args:
      title: What is drawn.
      lines: The curves, drawn in order.
      unit: Unit of the values.
      from_zero: Let the vertical axis begin at zero.
      is_log: Logarithmic vertical axis, where all values are positive.
      height: Height of the plot in pixels.
      remark: A sentence under the chart.
    """
    lines = [line for line in lines if line.points]
    if not lines:
        return Html("")
    thinned = [Line(line.name, thin(line.points), line.style) for line in lines]
    x_scale, y_scale = _scales(lines, from_zero, is_log)
    key = _legend(lines) if len(lines) > 1 else Html("")
    unit_html = f' <span class="unit">{text(unit)}</span>' if unit else ""
    remark_html = f'<p class="remark">{text(remark)}</p>' if remark else ""
    return Html(
        f'<figure class="chart"><figcaption><h3>{text(title)}{unit_html}</h3>'
        f"{key}<output></output></figcaption>"
        f'<div class="axes">{_y_labels(y_scale, height)}'
        f"{_plot(title, thinned, lines, x_scale, y_scale, height)}{_x_labels(x_scale)}</div>"
        f"{remark_html}</figure>\n"
    )


def bar(parts: Sequence[tuple[str, float]]) -> Html:
    """One bar divided in proportion to the parts' sizes, with a legend.

    Args:
      parts: Label and size.
    """
    total = sum(size for _, size in parts)
    if total <= 0:
        return Html("")
    rects, left = [], 0.0
    for number, (label, size) in enumerate(parts):
        share = 100 * size / total
        rects.append(
            f'<rect class="part{number % 8}" x="{left:.3f}%" y="0" width="{share:.3f}%" '
            f'height="20"><title>{text(f"{label}: {share:.1f}%")}</title></rect>'
        )
        left += share
    label = "; ".join(f"{name} {100 * size / total:.1f}%" for name, size in parts)
    keys = join(
        Html(
            f'<li><svg class="key" aria-hidden="true"><rect class="part{number % 8}" '
            f'width="12" height="12" rx="2"/></svg>{text(name)}</li>'
        )
        for number, (name, _) in enumerate(parts)
    )
    return Html(
        f'<svg class="bar" role="img" aria-label="{text(label)}">{"".join(rects)}</svg>'
        f'<ul class="legend">{keys}</ul>'
    )


def number(value: float) -> str:
    """A value at a glance: four significant digits, thousands grouped."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 1e-3 else f"{value:.2e}"


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round values between two bounds."""
    step = 10 ** math.floor(math.log10((high - low) / count))
    step *= min((1, 2, 5, 10), key=lambda factor: abs((high - low) / (factor * step) - count))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _scales(lines: Sequence[Line], from_zero: bool, is_log: bool) -> tuple[_Scale, _Scale]:
    """Scales that hold every point, with some air above and below."""
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    left, right = min(xs), max(xs)
    low, high = min(ys), max(ys)
    x_scale = _Scale(left, right if right > left else left + 1)
    if is_log and low > 0:
        return x_scale, _Scale(low / 1.1, high * 1.1, is_log=True)
    low = min(0.0, low) if from_zero else low
    air = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return x_scale, _Scale(low if from_zero else low - air, high + air)


def _plot(
    title: str,
    drawn: Sequence[Line],
    lines: Sequence[Line],
    x_scale: _Scale,
    y_scale: _Scale,
    height: int,
) -> Html:
    grid = "".join(
        f'<path class="grid" d="M0 {height * (1 - y_scale(value)):.1f}H{_WIDTH}"/>'
        for value in _y_ticks(y_scale)
    )
    curves = "".join(_curve(line, x_scale, y_scale, height) for line in drawn)
    summary = ". ".join(map(_summary, lines))
    bounds = " ".join(repr(b) for b in (x_scale.low, x_scale.high, y_scale.low, y_scale.high))
    return Html(
        f'<svg class="plot" role="img" tabindex="0" aria-label="{text(f"{title}. {summary}")}" '
        f'viewBox="0 0 {_WIDTH} {height}" height="{height}" preserveAspectRatio="none" '
        f'data-bounds="{bounds}" data-log="{int(y_scale.is_log)}">{grid}{curves}'
        f'<path class="cursor" d=""/></svg>'
    )


def _curve(line: Line, x_scale: _Scale, y_scale: _Scale, height: int) -> str:
    coordinates = [
        f"{_WIDTH * x_scale(x):.2f} {height * (1 - y_scale(y)):.2f}" for x, y in line.points
    ]
    path = "M" + "L".join(coordinates)
    curve = f'<path class="curve {line.style}" data-name="{text(line.name)}" d="{path}"/>'
    # Strokes of no length with round caps stay round dots however the plot is stretched.
    if line.style == "other" or len(coordinates) == 1:
        dots = "".join(f"M{point}h0" for point in coordinates)
        curve += f'<path class="dots {line.style}" d="{dots}"/>'
    return curve


def _summary(line: Line) -> str:
    """What the curve says, for those who do not see it."""
    values = [y for _, y in line.points]
    (first, begin), (last, end) = line.points[0], line.points[-1]
    return (
        f"{line.name}: {number(begin)} at step {first:.0f}, {number(end)} at step {last:.0f}, "
        f"lowest {number(min(values))}, highest {number(max(values))}"
    )


def _y_ticks(scale: _Scale) -> list[float]:
    if not scale.is_log:
        return ticks(scale.low, scale.high)
    decades = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    factors = (1, 2, 5) if scale.high / scale.low < 1e3 else (1,)
    values = [factor * 10.0**decade for decade in decades for factor in factors]
    return [value for value in values if scale.low <= value <= scale.high]


def _y_labels(scale: _Scale, height: int) -> Html:
    labels = "".join(
        f'<text x="100%" y="{height * (1 - scale(value)):.1f}" dx="-8" dy="4">'
        f"{text(_tick_label(value))}</text>"
        for value in _y_ticks(scale)
    )
    return Html(f'<svg class="y" aria-hidden="true" height="{height}">{labels}</svg>')


def _x_labels(scale: _Scale) -> Html:
    labels = []
    for value in ticks(scale.low, scale.high):
        if value == round(value):
            share = 100 * scale(value)
            anchor = "start" if share < 4 else "end" if share > 96 else "middle"
            labels.append(
                f'<text x="{share:.2f}%" y="16" text-anchor="{anchor}">'
                f"{text(_tick_label(value))}</text>"
            )
    return Html(f'<svg class="x" aria-hidden="true" height="22">{"".join(labels)}</svg>')


def _tick_label(value: float) -> str:
    """A round value in few characters."""
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if suffix == 'k' else size):.4g}{suffix}"
    if value and abs(value) < 1e-3:
        return f"{value:.1e}".replace("e-0", "e-").replace(".0e", "e")
    return f"{value:.4g}"


def _legend(lines: Sequence[Line]) -> Html:
    keys = join(
        Html(
            f'<li><svg class="key" aria-hidden="true"><path class="curve {line.style}" '
            f'd="M0 6H12"/></svg>{text(line.name)}</li>'
        )
        for line in lines
    )
    return Html(f'<ul class="legend">{keys}</ul>')
