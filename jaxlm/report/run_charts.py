"""The curves of a training run."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxlm.report import charts, series
from jaxlm.report.charts import Line
from jaxlm.report.page import Html, join

# A gradient norm that spans more than this is drawn on a logarithmic axis.
_LOG_SPAN = 20.0

_Records = Sequence[Mapping[str, Any]]


def curves(training: _Records, validation: _Records) -> Html:
    """All curves that have points.

    Args:
      training: Records of steps.
      validation: Records of evaluations.
    """
    drawn = join(
        [
            _loss(training, validation),
            charts.line_chart(
                "Bits per byte",
                [
                    Line(
                        "validation",
                        series.points(validation, "validation_bits_per_byte"),
                        "other",
                    )
                ],
            ),
            charts.line_chart(
                "Learning rate",
                [Line("learning rate", series.points(training, "learning_rate"))],
                from_zero=True,
            ),
            _grad_norm(training),
            _noisy("Throughput", training, "tokens_per_second", "tokens/s"),
            _step_time(training),
            _noisy("Waiting for data", training, "data_wait_seconds", "ms a step", scale=1000.0),
        ]
    )
    return Html(f'<div class="charts">{drawn}</div>') if drawn else drawn


def time_bar(durations: Sequence[tuple[str, float]]) -> Html:
    """Seconds by kind of work, as one bar."""
    return charts.bar(durations)


def _loss(training: _Records, validation: _Records) -> Html:
    raw = series.points(training, "loss")
    missing = series.num_non_finite(training, "loss")
    return charts.line_chart(
        "Loss",
        [
            Line("training", raw, "raw"),
            Line("training, smoothed", series.smooth(raw)),
            Line("validation", series.points(validation, "validation_loss"), "other"),
        ],
        unit="nats a token",
        height=280,
        remark=_not_drawn(missing),
    )


def _grad_norm(training: _Records) -> Html:
    raw = series.points(training, "grad_norm")
    values = [value for _, value in raw]
    is_log = bool(values) and min(values) > 0 and max(values) > _LOG_SPAN * min(values)
    return charts.line_chart(
        "Gradient norm",
        _trend(raw),
        unit="before clipping",
        from_zero=not is_log,
        is_log=is_log,
        remark=_not_drawn(series.num_non_finite(training, "grad_norm")),
    )


def _step_time(training: _Records) -> Html:
    usual, outliers = series.split_outliers(series.points(training, "step_seconds", 1000.0))
    remark = ""
    if outliers:
        steps = "1 step" if len(outliers) == 1 else f"{len(outliers):,} steps"
        step, longest = max(outliers, key=lambda point: point[1])
        remark = f"Beyond the axis: {steps}, at most {longest / 1000:.1f} s, in step {step:,.0f}."
    return charts.line_chart("Step time", _trend(usual), "ms", from_zero=True, remark=remark)


def _noisy(title: str, training: _Records, key: str, unit: str, scale: float = 1.0) -> Html:
    """A measured quantity."""
    return charts.line_chart(
        title, _trend(series.points(training, key, scale)), unit, from_zero=True
    )


def _trend(curve: Sequence[series.Point]) -> list[Line]:
    """Every step, and behind its noise the trend."""
    return [Line("each step", curve, "raw"), Line("smoothed", series.smooth(curve))]


def _not_drawn(count: int) -> str:
    """Says how many values a chart could not show."""
    if not count:
        return ""
    return (
        f"Not drawn: {count:,} {'value that is' if count == 1 else 'values that are'} not finite."
    )
