"""Live evidence: queries drawn from Prometheus, each on its own, so that a missing answer spoils no page."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from seawall.generator.model import Alert, Panel, Query

from .charts import COLOURS, Chart, Line, line_chart, text_sparkline
from .prometheus import Labels, Prometheus, PrometheusError, Series
from .promql import drawable
from .units import format_value

RANGES: Final = {"15m": 900.0, "1h": 3600.0, "3h": 10800.0, "6h": 21600.0, "24h": 86400.0}
DEFAULT_RANGE: Final = "3h"
_POINTS: Final = 160  # across a chart
_LINES: Final = 12  # a chart with more cannot be read
_SMALL, _WIDE = (400, 140), (860, 190)  # as large as it is shown: text in a chart is scaled with it
_HIDDEN_LABELS: Final = ("__name__", "job")
_LEGEND: Final = re.compile(r"\{\{\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}")


@dataclass(frozen=True)
class Window:
    """The stretch of time that a page looks at; times are seconds since the epoch, lengths seconds."""

    name: str
    end: float
    scrape_interval: float = 15.0

    @classmethod
    def until(cls, end: float, name: str, scrape_interval: float) -> "Window":
        """Return the window of length *name* that ends at *end*; an unknown name is the default's."""
        return cls(name if name in RANGES else DEFAULT_RANGE, end, scrape_interval)

    @property
    def step(self) -> float:
        """The distance between two points: never finer than the scrapes."""
        return float(max(self.scrape_interval, round(RANGES[self.name] / _POINTS)))

    @property
    def start(self) -> float:
        """The first point: a whole number of steps before the end, so that the last one is the latest value."""
        return self.end - RANGES[self.name] // self.step * self.step

    @property
    def rate_interval(self) -> float:
        """What ``$__rate_interval`` stands for: four scrapes, or a step and a scrape where that is more."""
        return max(4 * self.scrape_interval, self.step + self.scrape_interval)


@dataclass(frozen=True)
class LegendItem:
    """A line's colour class, its name, and its latest value with the unit."""

    colour: str
    label: str
    value: str


@dataclass(frozen=True)
class Figure:
    """A chart for a page; *missing* says why there is none, *spark* is the chart for terminals."""

    id: str
    title: str
    description: str = ""
    exprs: tuple[str, ...] = ()
    svg: str = ""
    spark: str = ""
    legend: tuple[LegendItem, ...] = ()
    threshold: str = ""
    direction: str = ""
    hidden: int = 0
    missing: str = ""
    row: str = field(default="", compare=False)


@dataclass(frozen=True)
class AlertState:
    """An instance of an alert that Prometheus holds active; *since* is when its condition became true."""

    name: str
    service: str
    state: str
    severity: str
    labels: Labels
    since: float | None


async def panel_figure(prometheus: Prometheus, panel: Panel, window: Window) -> Figure:
    """Draw *panel* over *window*."""
    base = Figure(panel.id, panel.title, panel.description, tuple(query.expr for query in panel.queries), row=panel.row)
    return await _draw(
        prometheus, base, panel.queries, _frame(base, window, panel.unit, panel.thresholds, panel.maximum), window
    )


async def alert_figure(
    prometheus: Prometheus, alert: Alert, window: Window, number: int = 0, *, wide: bool = False
) -> Figure:
    """Draw the query of *alert* against its threshold over *window*."""
    found = drawable(alert.query)
    threshold = alert.threshold if alert.threshold is not None else found.threshold
    above = alert.above if alert.threshold is not None else found.above
    told = " ".join(filter(None, (alert.name, alert.labels.get("slo"), alert.labels.get("window"))))
    base = Figure(f"evidence-{number}", told, exprs=(found.expr,), direction="above" if above else "below")
    limits = () if threshold is None else (threshold,)
    frame = _frame(base, window, alert.unit or "short", limits, wide=wide)
    return await _draw(prometheus, base, (Query(found.expr, ""),), frame, window, alert.labels)


async def query_figure(prometheus: Prometheus, expr: str, window: Window, number: int) -> Figure:
    """Draw *expr*, a query of a runbook's text, over *window*; a comparison becomes a threshold."""
    found = drawable(expr)
    base = Figure(f"query-{number}", f"first look {number + 1}", exprs=(found.expr,))
    limits = () if found.threshold is None else (found.threshold,)
    return await _draw(
        prometheus, base, (Query(found.expr, ""),), _frame(base, window, "short", limits, wide=True), window
    )


async def fitting_range(prometheus: Prometheus, at: float) -> str:
    """Return the range to show where none was asked for: a young Prometheus would leave the usual one empty."""
    shorter = [name for name, seconds in RANGES.items() if seconds < RANGES[DEFAULT_RANGE]]
    asked = " or ".join(f'label_replace(count(up offset {name}), "range", "{name}", "", "")' for name in shorter)
    try:
        held = {sample.labels.get("range") for sample in await prometheus.instant(asked, at)}
    except PrometheusError:
        return DEFAULT_RANGE
    return next((name for name in shorter if name not in held), DEFAULT_RANGE)


async def alert_states(prometheus: Prometheus, at: float, service: str = "") -> list[AlertState]:
    """Return what is pending or firing at *at*, of *service* or of all; raise PrometheusError."""
    only = f"{{service={json.dumps(service)}}}" if service else ""
    active, since = await asyncio.gather(
        prometheus.instant(f"ALERTS{only}", at), prometheus.instant(f"ALERTS_FOR_STATE{only}", at)
    )
    starts = {_identity(sample.labels): sample.value for sample in since}
    return [_state(sample.labels, starts.get(_identity(sample.labels))) for sample in active]


def fill(expr: str, window: Window) -> str:
    """Return *expr* with Grafana's interval variables replaced by durations that suit *window*."""
    values = {"__rate_interval": window.rate_interval, "__interval": window.step, "__range": RANGES[window.name]}
    for name, seconds in values.items():
        expr = re.sub(rf"\$(?:{name}\b|\{{{name}\}})", f"{round(seconds)}s", expr)
    return expr


def legend(pattern: str, labels: Labels, shared: Iterable[str] = ()) -> str:
    """Return a series' name: Grafana's *pattern* filled in, else the labels that tell it from its siblings."""
    if pattern and pattern != "__auto":
        return _LEGEND.sub(lambda found: labels.get(found[1], ""), pattern).strip()
    skipped = {*_HIDDEN_LABELS, *shared}
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name not in skipped)


def _frame(
    figure: Figure,
    window: Window,
    unit: str,
    thresholds: tuple[float, ...],
    maximum: float | None = None,
    *,
    wide: bool = False,
) -> Chart:
    width, height = _WIDE if wide else _SMALL
    return Chart(figure.title, (), window.start, window.end, window.step, unit, thresholds, maximum, width, height)


async def _draw(
    prometheus: Prometheus,
    figure: Figure,
    queries: Sequence[Query],
    frame: Chart,
    window: Window,
    known: Mapping[str, str] = MappingProxyType({}),
) -> Figure:
    """Fill *frame* with the answers to *queries*; labels that are *known* on the page name no series."""
    figure = replace(figure, threshold=", ".join(format_value(value, frame.unit) for value in frame.thresholds))
    asked = (prometheus.range(fill(query.expr, window), window.start, window.end, window.step) for query in queries)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    lines, problem = list[Line](), ""
    for query, answer in zip(queries, answers, strict=True):
        if isinstance(answer, PrometheusError):
            problem = str(answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            lines += _lines(query, answer, known)
    if not lines:
        return replace(figure, missing=problem or "no data in this time range")
    chart = replace(frame, lines=tuple(lines[:_LINES]))
    return replace(
        figure,
        svg=line_chart(chart),
        spark=text_sparkline(chart.lines[0].points),
        legend=_legend_items(chart),
        hidden=len(lines) - len(chart.lines),
        missing=problem,
    )


def _lines(query: Query, series: Sequence[Series], known: Mapping[str, str]) -> list[Line]:
    first = series[0].labels if series else {}
    shared = [
        name
        for name, value in first.items()
        if (len(series) > 1 or known.get(name) == value) and all(one.labels.get(name) == value for one in series)
    ]
    lines = [Line(legend(query.legend, one.labels, shared) or "now", one.points) for one in series]
    return sorted(lines, key=lambda line: -(line.last or 0.0)) if len(lines) > _LINES else lines


def _legend_items(chart: Chart) -> tuple[LegendItem, ...]:
    return tuple(
        LegendItem(f"s{index % COLOURS}", line.label, format_value(line.last, chart.unit))
        for index, line in enumerate(chart.lines)
    )


def _identity(labels: Labels) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels.items() if name not in ("__name__", "alertstate"))


def _state(labels: Labels, since: float | None) -> AlertState:
    own = {name: value for name, value in labels.items() if name not in ("__name__", "alertstate")}
    return AlertState(
        name=labels.get("alertname", ""),
        service=labels.get("service", ""),
        state=labels.get("alertstate", ""),
        severity=labels.get("severity", ""),
        labels=own,
        since=since,
    )
