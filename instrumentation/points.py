"""Prometheus lines of what the application counts with OpenTelemetry's own instruments."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

from opentelemetry.sdk.metrics.export import Gauge as GaugeData
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric
from opentelemetry.sdk.metrics.export import Sum as SumData

from .diagnostics import say_once
from .exposition import header, label_text, number

_UNITS: Final = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "m": "meters", "V": "volts", "A": "amperes",
    "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius", "Hz": "hertz", "%": "percent",
}  # fmt: skip
_PER: Final = {"s": "second", "min": "minute", "h": "hour", "d": "day"}


@dataclass
class _Collected:
    kind: str
    help: str
    unit: str
    samples: list[str] = field(default_factory=list)


class SdkMetrics:
    """Render what *reader* collects; a name that is in *taken* is Seawall's own and left out."""

    def __init__(self, reader: InMemoryMetricReader, taken: Callable[[], Iterable[str]]) -> None:
        self._reader = reader
        self._taken = taken

    def lines(self, openmetrics: bool) -> Iterator[str]:
        """Return the samples of now, all scopes of one name together, as the formats want it."""
        families: dict[str, _Collected] = {}
        data = self._reader.get_metrics_data()
        taken = frozenset(self._taken())
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    _collect(families, metric, scope.scope.name, taken)
        for name, family in families.items():
            yield from header(name, family.kind, family.help, family.unit, openmetrics)
            yield from family.samples


def _collect(families: dict[str, _Collected], metric: Metric, scope: str, taken: frozenset[str]) -> None:
    kind = _kind(metric)
    unit = unit_name(metric.unit or "")
    name = metric_name(metric.name, unit, kind, metric.unit or "")
    if name in taken:
        return
    family = families.setdefault(name, _Collected(kind, metric.description or "", unit))
    if family.kind != kind:
        say_once(f"Seawall leaves out {metric.name} of {scope}: another scope counts that name as a {family.kind}.")
        return
    for point in metric.data.data_points:
        labels = _labels(point.attributes or {}, scope, kind)
        family.samples.extend(_samples(name, kind, labels, point))


def _kind(metric: Metric) -> str:
    data = metric.data
    if isinstance(data, SumData):
        return "counter" if data.is_monotonic else "gauge"
    return "gauge" if isinstance(data, GaugeData) else "histogram"


def _samples(name: str, kind: str, labels: str, point: Any) -> Iterator[str]:
    if kind != "histogram":
        yield f"{name}{'_total' if kind == 'counter' else ''}{{{labels}}} {number(point.value)}"
        return
    for bound, count in _buckets(point):
        yield f'{name}_bucket{{{labels},le="{bound}"}} {count}'
    yield f"{name}_sum{{{labels}}} {number(point.sum)}"
    yield f"{name}_count{{{labels}}} {point.count}"


def _buckets(point: Any) -> Iterator[tuple[str, int]]:
    if hasattr(point, "explicit_bounds"):
        bounds = [*(repr(float(bound)) for bound in point.explicit_bounds), "+Inf"]
        yield from zip(bounds, accumulate(point.bucket_counts), strict=True)
        return
    # An exponential histogram: its own boundaries, as far as it has seen values.
    base = 2.0 ** (2.0**-point.scale)
    count = sum(point.negative.bucket_counts) + point.zero_count
    yield repr(float(getattr(point, "zero_threshold", 0.0))), count  # the SDK keeps none yet
    for index, bucket in enumerate(point.positive.bucket_counts):
        count += bucket
        try:
            bound = base ** (point.positive.offset + index + 1)
        except OverflowError:
            break  # beyond the largest float: what is left is in +Inf
        yield repr(bound), count
    yield "+Inf", point.count


def _labels(attributes: Mapping[str, Any], scope: str, kind: str) -> str:
    merged: dict[str, str] = {"otel_scope_name": scope}
    for key, value in sorted(attributes.items()):
        name = label_name(key)
        if name == "le" and kind == "histogram":
            name = "attribute_le"  # the bucket's own label
        text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
        merged[name] = f"{merged[name]};{text}" if name in merged else text
    return label_text(tuple(merged), tuple(merged.values()))


def label_name(attribute: str) -> str:
    """Return *attribute* as a label's name."""
    name = re.sub(r"[^a-zA-Z0-9_]", "_", attribute)
    return f"key_{name}" if not name or name[0].isdigit() else name


def unit_name(unit: str) -> str:
    """Return the words that Prometheus writes for a UCUM *unit*; "" for none and for annotations."""
    unit = re.sub(r"\{[^}]*\}", "", unit)
    whole, _, per = unit.partition("/")
    words = _UNITS.get(whole, re.sub(r"[^a-zA-Z0-9]+", "_", whole).strip("_") if whole != "1" else "")
    return f"{words}_per_{_PER.get(per, per)}".strip("_") if per else words


def metric_name(name: str, unit: str, kind: str, raw_unit: str) -> str:
    """Return the family's name: sanitised, with its unit, and without the ``_total`` of a counter's samples."""
    name = re.sub(r"_+", "_", re.sub(r"[^a-zA-Z0-9:_]", "_", name)).removesuffix("_total")
    name = f"_{name}" if name[:1].isdigit() else name
    if unit and not name.endswith(f"_{unit}"):
        name = f"{name.rstrip('_')}_{unit}"
    if raw_unit == "1" and kind == "gauge" and not name.endswith("_ratio"):
        name = f"{name}_ratio"
    return name
