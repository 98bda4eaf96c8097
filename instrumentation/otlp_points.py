"""Seawall's own families as the SDK's metrics, for an exporter."""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as HistogramData

from .aggregation import OVERFLOW, Cells, Counter, Family, Histogram
from .memory import Labels

_OVERFLOW: Final = {"otel.metric.overflow": True}
_STATUS: Final = "http.response.status_code"
_SECOND: Final = 1_000_000_000  # nanoseconds


def metric_of(family: Family, started: int, now: int, last: int = 0) -> Metric | None:
    """Return the series of *family* at *now*, counted since *started*, and the traces of what was counted since *last*.

    None where it has no series yet.
    """
    series = family.collect()
    if not series:
        return None
    data: Any
    if isinstance(family, Histogram):
        points = [_histogram(family, labels, cells, (started, last, now)) for labels, cells in series]
        data = HistogramData(points, AggregationTemporality.CUMULATIVE)
    else:
        numbers = [NumberDataPoint(_attributes(family, labels), started, now, cells[0]) for labels, cells in series]
        grows = family.kind == "counter"
        adds_up = isinstance(family, Counter)
        data = Sum(numbers, AggregationTemporality.CUMULATIVE, is_monotonic=grows) if adds_up else Gauge(numbers)
    return Metric(family.metric, family.help, family.unit, data)


def _histogram(family: Histogram, labels: Labels, cells: Cells, times: tuple[int, int, int]) -> HistogramDataPoint:
    started, last, now = times
    total = cells.pop()
    buckets = [int(count) for count in cells]
    return HistogramDataPoint(
        attributes=_attributes(family, labels),
        start_time_unix_nano=started,
        time_unix_nano=now,
        count=sum(buckets),
        sum=total,
        bucket_counts=buckets,
        explicit_bounds=family.boundaries,
        min=None,  # type: ignore[arg-type]  # not kept; the protocol has them optional
        max=None,  # type: ignore[arg-type]
        exemplars=_exemplars(family, labels, last),
    )


def _exemplars(family: Histogram, labels: Labels, last: int) -> list[Exemplar]:
    kept = [(int(one.at * _SECOND), one) for one in family.exemplars_of(labels)]
    return [Exemplar({}, one.value, at, one.span, one.trace) for at, one in kept if at >= last]


def _attributes(family: Family, labels: Labels) -> Mapping[str, Any]:
    if labels is OVERFLOW:
        return _OVERFLOW
    named = {name: value for name, value in zip(family.attributes, labels, strict=True) if value}
    if named.get(_STATUS, "").isdecimal():
        return {**named, _STATUS: int(named[_STATUS])}
    return named
