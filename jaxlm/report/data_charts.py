"""Charts of a corpus as inline SVG: histograms, rank and frequency, maps, funnels."""

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxlm.report import charts
from jaxlm.report.page import Html, join, text

COLOURS = 8
_EDGE = 3.0
_LABEL = 28


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A document on a map.

    Attributes:
      x: First coordinate.
      y: Second coordinate.
      colour: Number of its colour.
      title: What hovering shows.
      label: Written beside it; empty for none.
    """

    x: float
    y: float
    colour: int
    title: str
    label: str = ""


def grid(parts: Sequence[Html]) -> Html:
    """Charts in columns of equal width."""
    # A first chart would span all columns; the hidden element takes that place.
    return (
        Html(f'<div class="charts"><span hidden></span>{join(parts)}</div>')
        if any(parts)
        else Html("")
    )


def histogram(
    title: str,
    result: Mapping[str, Any],
    unit: str = "",
    bounds: Sequence[float | None] = (),
    remark: str = "",
    height: int = 120,
) -> Html:
    """Columns for the bars of `Histogram.result()`; nothing where there are none.

    Args:
      title: What is counted.
      result: The histogram.
      unit: Unit of the values.
      bounds: Values at which a rule cuts, drawn as lines.
      remark: A sentence under the chart.
      height: Height of the plot in pixels.
    """
    bars = result["bars"]
    if not bars:
        return Html("")
    most = max(count for _, _, count in bars)
    width = 100 / len(bars)
    columns = join(
        _column(number * width, width, low, high, count, most)
        for number, (low, high, count) in enumerate(bars)
        if count
    )
    cuts = join(
        _cut(place(bars, bound, _is_log(result)), bound) for bound in bounds if bound is not None
    )
    quantiles = result["quantiles"]
    middle = f"median {compact(quantiles['0.5'])}, " if quantiles else ""
    extent = f"{middle}{compact(result['min'])} to {compact(result['max'])}"
    unit_html = f' <span class="unit">{text(unit)}</span>' if unit else ""
    label = f"{title}: {result['count']:,} values, {extent}"
    return _figure(
        f'<h3>{text(title)}{unit_html}</h3><span class="unit">{text(extent)}</span>',
        f'<svg role="img" aria-label="{text(label)}" height="{height}">{columns}{cuts}</svg>',
        _y_axis([(0.0, "0"), (1.0, compact(most))], height),
        _x_axis(_value_ticks(bars, result)),
        remark,
    )


def place(bars: Sequence[Sequence[float]], value: float, is_log: bool) -> float:
    """Per cent of the width at which a value lies, with bars of equal width; the ends outside."""
    number = bisect.bisect_right([low for low, _, _ in bars], value) - 1
    if number < 0:
        return 0.0
    low, high, _ = bars[number]
    if value >= high:
        share = 1.0 if number == len(bars) - 1 or low < high else 0.5
    elif is_log and low > 0:
        share = math.log(value / low) / math.log(high / low)
    else:
        share = (value - low) / (high - low) if high > low else 0.5
    return 100 * (number + share) / len(bars)


def rank_frequency(
    title: str,
    ranks: Sequence[Sequence[float]],
    fit: Mapping[str, Any] | None,
    height: int = 220,
) -> Html:
    """Counts by rank, both on logarithmic axes, with the fitted line.

    Args:
      title: What is counted.
      ranks: Pairs of rank and count.
      fit: `zipf_fit` of the counts.
      height: Height of the plot in pixels.
    """
    if len(ranks) < 2:
        return Html("")
    right = max(math.log10(ranks[-1][0]), 1e-9)
    top = max(math.log10(ranks[0][1]), 1e-9)
    dots = join(
        Html(
            f'<circle class="part0" cx="{100 * math.log10(rank) / right:.2f}%" '
            f'cy="{100 * (1 - math.log10(count) / top):.2f}%" r="3">'
            f"<title>{text(f'rank {rank:,}: {count:,}')}</title></circle>"
        )
        for rank, count in ranks
    )
    line = _fitted(fit["line"], right, top) if fit else Html("")
    found = f"fitted exponent {fit['exponent']:.2f}" if fit else "too few for a fit"
    return _figure(
        f'<h3>{text(title)}</h3><span class="unit">{text(found)}</span>',
        f'<svg role="img" aria-label="{text(f"{title}: {found}")}" height="{height}">'
        f"{dots}{line}</svg>",
        _y_axis([(n / top, compact(10.0**n)) for n in range(int(top) + 1)], height),
        _x_axis([(100 * n / right, compact(10.0**n)) for n in range(int(right) + 1)]),
    )


def scatter(title: str, dots: Sequence[Dot], names: Sequence[str], remark: str = "") -> Html:
    """A map of documents.

    Args:
      title: What is drawn.
      dots: The documents; labelled ones are drawn larger and last.
      names: Name of each colour.
      remark: A sentence under the chart.
    """
    if not dots:
        return Html("")
    xs, ys = [dot.x for dot in dots], [dot.y for dot in dots]
    drawn = join(
        _dot(dot, _share(dot.x, xs), 100 - _share(dot.y, ys))
        for dot in sorted(dots, key=lambda dot: bool(dot.label))
    )
    label = f"{title}: {len(dots):,} documents"
    return _figure(
        f"<h3>{text(title)}</h3>{legend(names)}",
        f'<svg role="img" aria-label="{text(label)}" height="420">{drawn}</svg>',
        _y_axis([], 420),
        _x_axis([]),
        remark,
    )


def legend(names: Sequence[str]) -> Html:
    """Names beside their colours."""
    keys = join(
        Html(
            f'<li><svg class="key" aria-hidden="true"><rect class="part{number % COLOURS}" '
            f'width="12" height="12" rx="2"/></svg>{text(name)}</li>'
        )
        for number, name in enumerate(names)
    )
    return Html(f'<ul class="legend">{keys}</ul>')


def meter(share: float, colour: int = 0) -> Html:
    """A bar as long as a share from 0 to 1."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Html(
        f'<svg class="bar" role="img" aria-label="{share:.1%}">'
        f'<rect class="part7" width="100%" height="20" opacity="0.2"/>'
        f'<rect class="part{colour % COLOURS}" width="{width:.2f}%" height="20"/></svg>'
    )


def compact(value: float) -> str:
    """A value in about four characters."""
    size = abs(value)
    for least, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= least:
            return f"{value / least:.3g}{unit}" if size < 1e12 else f"{value:.1e}"
    return f"{value:.3g}" if size >= 1e-3 or value == 0 else f"{value:.0e}"


def _figure(caption: str, plot: str, y_axis: Html, x_axis: Html, remark: str = "") -> Html:
    remark_html = f'<p class="remark">{text(remark)}</p>' if remark else ""
    return Html(
        f'<figure class="chart"><figcaption>{caption}</figcaption><div class="axes">{y_axis}{plot}'
        f"{x_axis}</div>{remark_html}</figure>\n"
    )


def _column(left: float, width: float, low: float, high: float, count: float, most: float) -> Html:
    # A column of a single document among thousands must still be seen.
    height = max(100 * count / most, 1.0)
    values = compact(low) if low == high else f"{compact(low)} to {compact(high)}"
    return Html(
        f'<rect class="part0" x="{left:.3f}%" y="{100 - height:.3f}%" width="{0.92 * width:.3f}%" '
        f'height="{height:.3f}%"><title>{text(f"{values}: {count:,.0f}")}</title></rect>'
    )


def _cut(x: float, bound: float) -> Html:
    anchor = "end" if x > 80 else "start"
    return Html(
        f'<line class="other" x1="{x:.2f}%" x2="{x:.2f}%" y1="0" y2="100%" stroke-width="2" '
        f'stroke-dasharray="5 3"><title>{text(f"bound {bound:g}")}</title></line>'
        f'<text x="{x:.2f}%" y="10" dx="{-5 if anchor == "end" else 5}" text-anchor="{anchor}">'
        f"{text(f'{bound:g}')}</text>"
    )


def _dot(dot: Dot, x: float, y: float) -> Html:
    radius, opacity = (5, 1.0) if dot.label else (3, 0.65)
    circle = (
        f'<circle class="part{dot.colour % COLOURS}" cx="{x:.2f}%" cy="{y:.2f}%" r="{radius}" '
        f'opacity="{opacity}"><title>{text(dot.title)}</title></circle>'
    )
    if not dot.label:
        return Html(circle)
    anchor, shift = ("end", -8) if x > 70 else ("start", 8)
    shown = dot.label if len(dot.label) <= _LABEL else "…" + dot.label[-_LABEL:]
    return Html(
        f'{circle}<text x="{x:.2f}%" y="{y:.2f}%" dx="{shift}" dy="4" text-anchor="{anchor}">'
        f"{text(shown)}</text>"
    )


def _fitted(line: Sequence[Sequence[float]], right: float, top: float) -> Html:
    (x1, y1), (x2, y2) = (
        (100 * math.log10(rank) / right, 100 * (1 - math.log10(max(count, 1)) / top))
        for rank, count in line
    )
    return Html(
        f'<line class="other" x1="{x1:.2f}%" y1="{y1:.2f}%" x2="{x2:.2f}%" y2="{y2:.2f}%" '
        'stroke-width="1.5"/>'
    )


def _value_ticks(
    bars: Sequence[Sequence[float]], result: Mapping[str, Any]
) -> list[tuple[float, str]]:
    """Places and labels of round values."""
    is_log = _is_log(result)
    low, high = bars[0][0], bars[-1][1]
    if low == high:
        return [(50.0, compact(low))]
    if not is_log:
        return [(place(bars, v, is_log), compact(v)) for v in charts.ticks(low, high)]
    positive = low or bars[1][0] if len(bars) > 1 else high
    decades = range(math.ceil(math.log10(positive)), math.floor(math.log10(high)) + 1)
    shown = [10.0**n for n in decades][:: max(1, len(decades) // 6)]
    places = [(place(bars, value, is_log), compact(value)) for value in shown]
    if low > 0:
        return places
    zero = place(bars, 0.0, is_log)
    return [(zero, "0"), *((x, label) for x, label in places if x > zero + 2 * _EDGE)]


def _is_log(result: Mapping[str, Any]) -> bool:
    return bool(result.get("is_log"))


def _x_axis(ticks: Sequence[tuple[float, str]]) -> Html:
    labels = join(_x_label(x, label) for x, label in ticks)
    return Html(f'<svg class="x" aria-hidden="true" height="22">{labels}</svg>')


def _x_label(x: float, label: str) -> Html:
    anchor = "start" if x < _EDGE else "end" if x > 100 - _EDGE else "middle"
    return Html(f'<text x="{x:.2f}%" y="16" text-anchor="{anchor}">{text(label)}</text>')


def _y_axis(ticks: Sequence[tuple[float, str]], height: int) -> Html:
    labels = join(
        Html(f'<text x="100%" y="{height * (1 - share):.1f}" dx="-8" dy="4">{text(label)}</text>')
        for share, label in ticks
    )
    return Html(f'<svg class="y" aria-hidden="true" height="{height}">{labels}</svg>')


def _share(value: float, values: Sequence[float]) -> float:
    """Per cent of the way between the least and the greatest, with air at both ends."""
    low, high = min(values), max(values)
    return 50.0 if high == low else 2 + 96 * (value - low) / (high - low)
