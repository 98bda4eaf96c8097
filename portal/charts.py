"""Line charts as SVG, a pure function of their data; colours are classes, so that the style sheet owns them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from .scales import Scale, is_drawn, time_ticks, value_ticks
from .units import format_value, utc

COLOURS: Final = 8  # classes s0 … s7 of the style sheet
_GAP: Final = 1.5  # steps without a point that break a line
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 8.0, 8.0, 20.0
_SPARKS: Final = "▁▂▃▄▅▆▇█"

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One series: its name in the legend and its points (seconds since the epoch, value), in order of time."""

    label: str
    points: tuple[Point, ...]

    @property
    def last(self) -> float | None:
        """The latest value that is a number."""
        return next((value for _, value in reversed(self.points) if is_drawn(value)), None)


@dataclass(frozen=True)
class Chart:
    """What to draw: *lines* from *start* to *end*, points *step* seconds apart, against *thresholds*.

    *maximum* is a hard top of the axis, where the unit has one. Values that are not finite are gaps.
    """

    title: str
    lines: tuple[Line, ...]
    start: float
    end: float
    step: float
    unit: str = "short"
    thresholds: tuple[float, ...] = ()
    maximum: float | None = None
    width: int = 640
    height: int = 180


def line_chart(chart: Chart) -> str:
    """Return *chart* as an SVG element with axes, thresholds and a line each series."""
    ticks = value_ticks(*_bounds(chart), unit=chart.unit)
    x = Scale(chart.start, chart.end, _LEFT, chart.width - _RIGHT)
    y = Scale(ticks[0], ticks[-1], chart.height - _BOTTOM, _TOP)
    parts = [
        f'<svg class="chart" role="img" viewBox="0 0 {chart.width} {chart.height}" xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(describe(chart))}</title>",
        *_axes(chart, ticks, x, y),
        *(_threshold(chart, value, x, y) for value in chart.thresholds if ticks[0] <= value <= ticks[-1]),
        *(_line(line, index, chart, x, y) for index, line in enumerate(chart.lines)),
        "</svg>",
    ]
    return "".join(parts)


def sparkline(points: Sequence[Point], step: float, title: str, width: int = 120, height: int = 24) -> str:
    """Return *points* as a small SVG line without axes; an empty text where there are none."""
    finite = [value for _, value in points if is_drawn(value)]
    if not finite or points[0][0] >= points[-1][0]:
        return ""
    top = max(*finite, 0.0) or 1.0
    x = Scale(points[0][0], points[-1][0], 1, width - 1)
    y = Scale(min(*finite, 0.0), top, height - 2, 2)
    path = _path(points, step, x, y)
    return (
        f'<svg class="spark" role="img" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">'
        f'<title>{escape(title)}</title><path class="line s0" d="{path}"/></svg>'
    )


def text_sparkline(points: Iterable[Point], width: int = 40) -> str:
    """Return *points* as one line of block characters, at most *width*: a chart for terminals. A gap is a space."""
    values = [value for _, value in points]
    values = values[:: max(1, math.ceil(len(values) / width))]
    finite = [value for value in values if is_drawn(value)]
    if not finite:
        return ""
    low, high = min(0.0, *finite), max(finite)
    spread = (high - low) or 1.0
    return "".join(_SPARKS[min(7, int((value - low) / spread * 7.999))] if is_drawn(value) else " " for value in values)


def describe(chart: Chart) -> str:
    """Return the chart in words: what it shows, when, and the latest value of its first series."""
    shown = f"{chart.title}, {utc(chart.start, '%H:%M')} to {utc(chart.end, '%H:%M')} UTC"
    latest = [f"{line.label} {format_value(line.last, chart.unit)}".strip() for line in chart.lines[:3]]
    limits = [f"threshold {format_value(value, chart.unit)}" for value in chart.thresholds]
    return "; ".join([shown, *latest, *limits])


def segments(points: Iterable[Point], step: float) -> Iterator[list[Point]]:
    """Yield the runs of *points* that a line may join: a gap in time, NaN or infinity divides them."""
    run: list[Point] = []
    for at, value in points:
        if run and (at - run[-1][0] > step * _GAP or not is_drawn(value)):
            yield run
            run = []
        if is_drawn(value):
            run.append((at, value))
    if run:
        yield run


def _bounds(chart: Chart) -> tuple[float, float]:
    values = [value for line in chart.lines for _, value in line.points if is_drawn(value)]
    low, high = min([0.0, *values]), max([0.0, *values])
    # A threshold far above everything would flatten the lines; one within reach is always shown.
    high = max([high, *(value * 1.05 for value in chart.thresholds if high == 0 or value <= 4 * high)])
    if chart.maximum is not None and high <= chart.maximum:
        high = (
            min(chart.maximum, max(high, chart.maximum / 4))
            if chart.unit in ("percent", "percentunit")
            else chart.maximum
        )
    return (low, high) if high > low else (low, low + 1.0)


def _axes(chart: Chart, ticks: list[float], x: Scale, y: Scale) -> Iterator[str]:
    for value in ticks:
        place, edge = y(value), chart.width - _RIGHT
        yield f'<path class="grid" d="M{_LEFT:g} {place:g}H{edge:g}"/>'
        label = format_value(value, chart.unit)
        yield f'<text class="tick" x="{_LEFT - 6:g}" y="{place + 3.5:g}" text-anchor="end">{label}</text>'
    for at, label in time_ticks(chart.start, chart.end):
        anchor = "middle" if x(at) < chart.width - 3 * _RIGHT else "end"  # else it would be cut off
        yield f'<text class="tick" x="{x(at):g}" y="{chart.height - 5}" text-anchor="{anchor}">{label}</text>'


def _threshold(chart: Chart, value: float, x: Scale, y: Scale) -> str:
    place = y(value)
    label = f"threshold {format_value(value, chart.unit)}"
    above = place - 4 if place > _TOP + 12 else place + 12
    return (
        f'<path class="threshold" d="M{x.first:g} {place:g}H{x.last:g}"/>'
        f'<text class="threshold-label" x="{x.last - 2:g}" y="{above:g}" text-anchor="end">{label}</text>'
    )


def _line(line: Line, index: int, chart: Chart, x: Scale, y: Scale) -> str:
    path = _path(line.points, chart.step, x, y)
    title = escape(f"{line.label} {format_value(line.last, chart.unit)}".strip())
    return f'<path class="line s{index % COLOURS}" d="{path}"><title>{title}</title></path>' if path else ""


def _path(points: Iterable[Point], step: float, x: Scale, y: Scale) -> str:
    runs = []
    for run in segments(points, step):
        first, *rest = run
        if rest:
            runs.append(f"M{x(first[0]):g} {y(first[1]):g}" + "".join(f"L{x(at):g} {y(value):g}" for at, value in rest))
        else:  # a lone point is a dot: a line of no length with round ends
            runs.append(f"M{x(first[0]):g} {y(first[1]):g}h0.1")
    return "".join(runs)
