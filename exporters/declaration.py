"""How a collector declares what it exposes: the one source of help texts, the reference page and the contract tests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, Final, Literal, Protocol

from prometheus_client import Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

MetricType = Literal["counter", "gauge", "histogram", "untyped"]
Labels = tuple[str, ...]


@dataclass(frozen=True)
class Distribution:
    """What a histogram counted: how many were at most each of *bounds* and above the one before it, the rest last."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float


@dataclass(frozen=True)
class MetricInfo:
    """One metric family, under the *name* that is scraped (a counter's with ``_total``).

    *unit* is a base unit of Prometheus (``seconds``, ``bytes``, ``ratio``, …), or empty for a plain count.
    """

    name: str
    type: MetricType
    unit: str
    labels: Labels
    meaning: str

    def value(self, value: float | None) -> Metric:
        """Return the family with its one sample, which has no labels; None is no sample."""
        return self.samples({(): value})

    def samples(self, values: Mapping[Labels, float | None]) -> Metric:
        """Return the family with a sample for each tuple of label values; None is no sample, never zero."""
        metric = family(self.name, self.type, self.meaning)
        metric.samples = [
            Sample(self.name, dict(zip(self.labels, labels, strict=True)), float(value))
            for labels, value in values.items()
            if value is not None
        ]
        return metric

    def distributions(self, values: Mapping[Labels, Distribution]) -> Metric:
        """Return the family of a histogram, with the buckets, the sum and the count of each tuple of label values."""
        metric = family(self.name, self.type, self.meaning)
        for labels, value in values.items():
            metric.samples += self._buckets(dict(zip(self.labels, labels, strict=True)), value)
        return metric

    def _buckets(self, labels: dict[str, str], value: Distribution) -> Iterator[Sample]:
        so_far = list(accumulate(value.counts))
        for bound, count in zip((*map(floatToGoString, value.bounds), "+Inf"), so_far, strict=True):
            yield Sample(f"{self.name}_bucket", labels | {"le": bound}, float(count))
        yield Sample(f"{self.name}_count", labels, float(so_far[-1]))
        yield Sample(f"{self.name}_sum", labels, value.total)


class _PlainCounter(str):
    """The type of a counter that was named without ``_total``: what equals "counter" gets it from prometheus-client."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return other is self


_PLAIN_COUNTER: Final = _PlainCounter("counter")


def family(name: str, type: str, meaning: str) -> Metric:  # noqa: A002  # as prometheus-client names it
    """Return a family without samples, under the *name* that is scraped."""
    if type != "counter":
        return Metric(name, meaning, type)
    metric = Metric(name.removesuffix("_total"), meaning, type)
    if not name.endswith("_total"):
        metric.type = _PLAIN_COUNTER
    return metric


class DeclaredCollector(Protocol):
    """A collector of prometheus-client's that says beforehand what it can expose."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[MetricInfo, ...]]

    def collect(self) -> Iterable[Metric]:
        """Yield the families that can be had now."""
        ...


def counter(name: str, unit: str, meaning: str, *labels: str) -> MetricInfo:
    """Declare a counter."""
    return MetricInfo(name, "counter", unit, labels, meaning)


def gauge(name: str, unit: str, meaning: str, *labels: str) -> MetricInfo:
    """Declare a gauge."""
    return MetricInfo(name, "gauge", unit, labels, meaning)


def histogram(name: str, unit: str, meaning: str, *labels: str) -> MetricInfo:
    """Declare a histogram."""
    return MetricInfo(name, "histogram", unit, labels, meaning)


def untyped(name: str, unit: str, meaning: str, *labels: str) -> MetricInfo:
    """Declare a family that its de-facto exporter leaves untyped."""
    return MetricInfo(name, "untyped", unit, labels, meaning)
