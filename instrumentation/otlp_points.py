"""Seawall's own families as the SDK's metrics, for an exporter."""

from collections.abc import Iterable, Mapping
from operator import sub
from time import time_ns
from typing import Any, Final

from opentelemetry.sdk import metrics as sdk
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
_DELTA: Final = AggregationTemporality.DELTA
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE

Counted = dict[tuple[str, Labels], Cells]


class Points:
    """Make metrics of families as *exporter* prefers them: of all that was counted, or of what came since the last.

    What an exporter could not push is in the next one: ``keep`` says that it did.
    """

    def __init__(self, exporter: Any) -> None:
        # OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, as the exporter understands it.
        preferred = getattr(exporter, "_preferred_temporality", None) or {}
        self._temporality = preferred.get(sdk.Counter, _CUMULATIVE)
        self.begin()

    def begin(self) -> None:
        """Begin to count, as a forked child must."""
        self._started = self._last = self._now = time_ns()
        self._kept: Counted = {}
        self._counted: Counted = {}

    def of(self, families: Iterable[Family]) -> list[Metric]:
        """Return a metric for each of *families* that has anything to tell now."""
        self._now = time_ns()
        self._counted = {}
        made = [(family, self._data(family)) for family in families]
        return [Metric(family.metric, family.help, family.unit, data) for family, data in made if data.data_points]

    def keep(self) -> None:
        """Take what ``of`` returned last for pushed."""
        self._kept, self._last = self._counted, self._now

    def _data(self, family: Family) -> Any:
        series = family.collect()
        if isinstance(family, Histogram):
            points = [self._histogram(family, labels, cells) for labels, cells in self._grown(family, series)]
            return HistogramData(points, self._temporality)
        if not isinstance(family, Counter):
            return Gauge([self._number(family, self._started, *each) for each in series])
        if family.kind != "counter":
            return Sum([self._number(family, self._started, *each) for each in series], _CUMULATIVE, is_monotonic=False)
        numbers = [self._number(family, self._since, *each) for each in self._grown(family, series)]
        return Sum(numbers, self._temporality, is_monotonic=True)

    @property
    def _since(self) -> int:
        return self._last if self._temporality is _DELTA else self._started

    def _grown(self, family: Family, series: list[tuple[Labels, Cells]]) -> list[tuple[Labels, Cells]]:
        """Return what is to be told of *series*: where it is the difference alone, those that have one."""
        if self._temporality is not _DELTA:
            return series
        self._counted |= {(family.metric, labels): cells for labels, cells in series}
        before = ((labels, cells, self._kept.get((family.metric, labels))) for labels, cells in series)
        grown = [(labels, cells if kept is None else [*map(sub, cells, kept)]) for labels, cells, kept in before]
        return [(labels, cells) for labels, cells in grown if any(cells)]

    def _number(self, family: Family, since: int, labels: Labels, cells: Cells) -> NumberDataPoint:
        return NumberDataPoint(_attributes(family, labels), since, self._now, cells[0])

    def _histogram(self, family: Histogram, labels: Labels, cells: Cells) -> HistogramDataPoint:
        *counts, total = cells
        buckets = [int(count) for count in counts]
        return HistogramDataPoint(
            attributes=_attributes(family, labels),
            start_time_unix_nano=self._since,
            time_unix_nano=self._now,
            count=sum(buckets),
            sum=total,
            bucket_counts=buckets,
            explicit_bounds=family.boundaries,
            min=None,  # type: ignore[arg-type]  # not kept; the protocol has them optional
            max=None,  # type: ignore[arg-type]
            exemplars=self._exemplars(family, labels),
        )

    def _exemplars(self, family: Histogram, labels: Labels) -> list[Exemplar]:
        kept = [(int(one.at * _SECOND), one) for one in family.exemplars_of(labels)]
        return [Exemplar({}, one.value, at, one.span, one.trace) for at, one in kept if at >= self._last]


def _attributes(family: Family, labels: Labels) -> Mapping[str, Any]:
    if labels is OVERFLOW:
        return _OVERFLOW
    named = {name: value for name, value in zip(family.attributes, labels, strict=True) if value}
    if named.get(_STATUS, "").isdecimal():
        return {**named, _STATUS: int(named[_STATUS])}
    return named
