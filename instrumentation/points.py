"""What the application counts with OpenTelemetry's own instruments, written where its siblings' is too."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Final

from opentelemetry.sdk.metrics.export import Gauge as GaugeData
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric
from opentelemetry.sdk.metrics.export import Sum as SumData

from .diagnostics import say_once
from .family_text import header, label_text, number
from .memory import Labels, Memory, is_gauge
from .naming import label_name, metric_name, unit_name
from .native import RLock

_NOTHING: Final = float("nan")


class SdkMetrics:
    """Write what *reader* collects into *memory*.

    *own* returns the kinds of Seawall's own families, by their names. What else has such a name stands beside these
    where it is of the same kind, told apart by its scope, and is left out otherwise; both are said. A gauge's workers
    are told by the largest of their values: OpenTelemetry's gauges do not add up.
    """

    def __init__(self, reader: InMemoryMetricReader, memory: Memory, own: Callable[[], Mapping[str, str]]) -> None:
        self._reader = reader
        self._memory = memory
        self._own = own
        self.reset()

    def reset(self) -> None:
        """Forget what was written, as a forked child must."""
        self._lock = RLock()
        self._kinds: dict[str, str] = {}
        self._series: dict[str, dict[Labels, tuple[memoryview[float], list[float]]]] = {}
        self._exponential: list[tuple[Metric, str, str]] = []

    def definitions(self) -> list[str]:
        """Return the families that were written."""
        return list(self._series)

    def sample(self) -> None:
        """Collect, and write down the values of now."""
        with self._lock:
            data = self._reader.get_metrics_data()
            own = self._own()
            self._exponential = []
            written: set[tuple[str, Labels]] = set()
            for resource in data.resource_metrics if data else ():
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self._write(metric, scope.scope.name, own, written)
            self._clear_gauges(written)

    def lines(self, openmetrics: bool) -> Iterator[str]:
        """Return what cannot be written among the siblings': histograms whose boundaries move, of this process."""
        with self._lock:
            collected = list(self._exponential)
        shown: set[str] = set()
        for metric, scope, name in collected:
            if name not in shown:
                shown.add(name)
                yield from header(
                    name, "histogram", metric.description or "", unit_name(metric.unit or ""), openmetrics
                )
            for point in metric.data.data_points:
                pairs = _pairs(point.attributes or {}, scope, "histogram")
                yield from _exponential_samples(name, label_text(pairs[::2], pairs[1::2]), point)

    def _write(self, metric: Metric, scope: str, own: Mapping[str, str], written: set[tuple[str, Labels]]) -> None:
        kind = _kind(metric)
        unit = unit_name(metric.unit or "")
        name = metric_name(metric.name, unit, kind, metric.unit or "")
        if name in own and not _stands_beside(metric, scope, name, kind, own[name]):
            return
        if self._kinds.setdefault(name, kind) != kind:
            known = self._kinds[name]
            say_once(f"Seawall leaves out {metric.name} of {scope}: another scope counts that name as a {known}.")
            return
        if kind == "exponential":
            self._exponential.append((metric, scope, name))
            return
        for point in metric.data.data_points:
            values, boundaries = _values(point, kind)
            definition = _definition(metric, name, kind, unit, boundaries)
            labels = _pairs(point.attributes or {}, scope, kind)
            written.add((definition, labels))
            cells, base = self._cells(definition, labels, len(values))
            for index, value in enumerate(values):
                cells[index] = base[index] + value

    def _cells(self, definition: str, labels: Labels, width: int) -> tuple["memoryview[float]", list[float]]:
        series = self._series.setdefault(definition, {})
        found = series.get(labels)
        if found is None:
            cells, counted = self._memory.cells(definition, labels, width)
            # What a worker that died has counted stands; of a gauge, nothing does.
            base = list(cells) if counted and not is_gauge(definition) else [0.0] * width
            found = series[labels] = (cells, base)
        return found

    def _clear_gauges(self, written: set[tuple[str, Labels]]) -> None:
        """What is observed no longer has no value."""
        for definition, series in self._series.items():
            if is_gauge(definition):
                for labels, (cells, _) in series.items():
                    if (definition, labels) not in written:
                        cells[0] = _NOTHING


def _stands_beside(metric: Metric, scope: str, name: str, kind: str, own: str) -> bool:
    """Say what becomes of a metric that has the name of a family of Seawall's; return whether it is shown."""
    if kind == own:
        say_once(
            f"{metric.name} of {scope} stands on /metrics beside Seawall's {name}, as otel_scope_name={scope!r}: what "
            "sums over that name adds both. Rename it if it counts the same."
        )
        return True
    wanted = "histogram with fixed buckets" if own == "histogram" else own
    say_once(f"Seawall leaves out {metric.name} of {scope}: {name} is Seawall's own, and it is no {wanted}.")
    return False


def _kind(metric: Metric) -> str:
    data = metric.data
    if isinstance(data, SumData):
        return "counter" if data.is_monotonic else "gauge"
    if isinstance(data, GaugeData):
        return "gauge"
    points = data.data_points
    return "exponential" if points and not hasattr(points[0], "explicit_bounds") else "histogram"


def _definition(metric: Metric, name: str, kind: str, unit: str, boundaries: tuple[float, ...]) -> str:
    known: dict[str, Any] = {"kind": kind, "name": name, "labels": None, "help": metric.description or ""}
    known |= {"unit": unit, "aggregate": "max" if isinstance(metric.data, GaugeData) else "sum"}
    if kind == "histogram":
        known |= {"boundaries": boundaries, "exemplars": False}
    return json.dumps(known)


def _values(point: Any, kind: str) -> tuple[list[float], tuple[float, ...]]:
    if kind != "histogram":
        return [float(point.value)], ()
    return [*map(float, point.bucket_counts), float(point.sum)], tuple(map(float, point.explicit_bounds))


def _exponential_samples(name: str, labels: str, point: Any) -> Iterator[str]:
    for bound, count in _buckets(point):
        yield f'{name}_bucket{{{labels},le="{bound}"}} {count}'
    yield f"{name}_sum{{{labels}}} {number(point.sum)}"
    yield f"{name}_count{{{labels}}} {point.count}"


def _buckets(point: Any) -> Iterator[tuple[str, int]]:
    # Its own boundaries, as far as it has seen values.
    base = 2.0 ** (2.0**-point.scale)
    count = sum(point.negative.bucket_counts) + point.zero_count
    yield repr(float(getattr(point, "zero_threshold", 0.0))), count  # the SDK keeps none yet
    for bucket, cumulated in enumerate(accumulate(point.positive.bucket_counts, initial=count)):
        if not bucket:
            continue
        try:
            bound = base ** (point.positive.offset + bucket)
        except OverflowError:
            break  # beyond the largest float: what is left is in +Inf
        yield repr(bound), cumulated
    yield "+Inf", point.count


def _pairs(attributes: Mapping[str, Any], scope: str, kind: str) -> Labels:
    """Return the labels' names and values, one after the other."""
    merged: dict[str, str] = {"otel_scope_name": scope}
    for key, value in sorted(attributes.items()):
        name = label_name(key)
        if name == "le" and kind in ("histogram", "exponential"):
            name = "attribute_le"  # the bucket's own label
        text = str(value).lower() if isinstance(value, bool) else str(value)
        merged[name] = f"{merged[name]};{text}" if name in merged else text
    return tuple(part for pair in merged.items() for part in pair)
