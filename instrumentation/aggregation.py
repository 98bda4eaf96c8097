"""Counting: small, fast and thread-safe aggregation, with a bound on the number of series.

A series is a flat list of numbers found by the tuple of its label values. An OpenTelemetry histogram costs 13 µs a
record in Python because it cleans, hashes and copies attributes each time; a look-up by tuple costs a tenth of one.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from threading import RLock
from typing import Final

Labels = tuple[str, ...]
Cells = list[float]

SERIES_LIMIT: Final = 2000
OVERFLOW: Final[Labels] = ("\0overflow",)  # a key of its own: label values come in fours and sixes
OVERFLOW_LABEL: Final = "otel_metric_overflow"

# The boundaries that OpenTelemetry's semantic conventions advise for durations, in seconds.
DURATION_BOUNDARIES: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class Family:
    """Hold the series of one metric: at most *limit* label sets, then one overflow series for all others.

    *metric* and *attributes* are OpenTelemetry's names and *unit* is UCUM; ``name``, ``labels`` and ``suffix`` are
    what Prometheus writes for them.
    """

    kind = "unknown"

    def __init__(
        self,
        metric: str,
        help: str,  # noqa: A002
        attributes: Labels,
        *,
        unit: str = "",
        limit: int = SERIES_LIMIT,
    ) -> None:
        self.metric = metric
        self.attributes = attributes
        self.unit = unit
        self.suffix = "seconds" if unit == "s" else ""
        self.name = "_".join([metric.replace(".", "_"), *filter(None, [self.suffix])])
        self.labels = tuple(attribute.replace(".", "_") for attribute in attributes)
        self.help = help
        self.limit = limit
        self.overflowed = 0
        self.on_first: Callable[[], object] | None = None
        self._series: dict[Labels, Cells] = {}
        self._published: set[Labels] = set()
        self.reset()

    def reset(self) -> None:
        """Forget every series, as a forked child must: its parent's counts are not its own."""
        # Re-entrant, so that a signal handler that records cannot wait for the record that it interrupted.
        self._lock = RLock()
        self._series.clear()
        self._published.clear()
        self.overflowed = 0

    def collect(self) -> list[tuple[Labels, Cells]]:
        """Return a copy of every series, and remember that these were published."""
        with self._lock:
            series = [(labels, cells.copy()) for labels, cells in self._series.items()]
            self._published.update(self._series)
        return series

    def _cells(self, labels: Labels) -> Cells:
        cells = self._series.get(labels)
        return self._add(labels) if cells is None else cells

    def _add(self, labels: Labels) -> Cells:
        on_first, self.on_first = self.on_first, None
        if on_first is not None:
            on_first()
        with self._lock:
            if self._is_full(labels):
                self.overflowed += 1
                return self._series.setdefault(OVERFLOW, self._zero())
            return self._series.setdefault(labels, self._zero())

    def _is_full(self, labels: Labels) -> bool:
        return labels not in self._series and len(self._series) >= self.limit

    def _zero(self) -> Cells:
        return [0.0]


class Histogram(Family):
    """Count values in buckets: the cells of a series are its buckets, the one above the last boundary, and the sum.

    *zero_beside* names, for a new series, the failure series that must stand beside it at zero from then on:
    Prometheus' ``rate`` cannot see the first increase of a series that starts above zero.
    """

    kind = "histogram"

    def __init__(
        self,
        metric: str,
        help: str,  # noqa: A002
        attributes: Labels,
        *,
        boundaries: Iterable[float] = DURATION_BOUNDARIES,
        unit: str = "s",
        limit: int = SERIES_LIMIT,
        zero_beside: Callable[[Labels], Labels] | None = None,
    ) -> None:
        self.boundaries = tuple(sorted({float(boundary) for boundary in boundaries}))
        self._zero_beside = zero_beside
        super().__init__(metric, help, attributes, unit=unit, limit=limit)

    def record(self, labels: Labels, value: float) -> None:
        """Add *value* (in the family's unit) to the series of *labels*."""
        cells = self._series.get(labels)
        if cells is None:
            cells = self._add_with_failure(labels)
        with self._lock:
            cells[bisect_left(self.boundaries, value)] += 1
            cells[-1] += value

    def record_failure(self, labels: Labels, value: float) -> None:
        """Add a failure, to the series that stands at zero already until its own was published once at zero."""
        if self._zero_beside is not None and labels not in self._published and not self._is_full(labels):
            self._add_with_failure(labels)
            labels = self._zero_beside(labels)
        self.record(labels, value)

    def _add_with_failure(self, labels: Labels) -> Cells:
        cells = self._cells(labels)
        if self._zero_beside is not None and self._series.get(labels) is cells:
            failure = self._zero_beside(labels)
            if failure not in self._series and len(self._series) < self.limit:
                self._cells(failure)
        return cells

    def _zero(self) -> Cells:
        return [0.0] * (len(self.boundaries) + 2)


class UpDownCounter(Family):
    """Count what comes and goes."""

    kind = "gauge"

    def add(self, labels: Labels, amount: float) -> None:
        """Add *amount*, which may be negative."""
        cells = self._series.get(labels)
        if cells is None:
            cells = self._cells(labels)
        with self._lock:
            cells[0] += amount


class Gauge(Family):
    """Ask for a value each time it is collected."""

    kind = "gauge"

    def __init__(self, metric: str, help: str, attributes: Labels, *, unit: str = "") -> None:  # noqa: A002
        self._callbacks: dict[Labels, Callable[[], float]] = {}
        super().__init__(metric, help, attributes, unit=unit)

    def observe(self, labels: Labels, callback: Callable[[], float]) -> None:
        """Collect the value of *callback* for *labels* from now on; the last callback of a label set wins."""
        self._callbacks[labels] = callback

    def collect(self) -> list[tuple[Labels, Cells]]:
        """Return the value of every callback that answers; one that raises is left out."""
        collected = []
        for labels, callback in list(self._callbacks.items()):
            try:
                collected.append((labels, [float(callback())]))
            except Exception:  # noqa: BLE001, S112 - a user's callback; no value is the truth
                continue
        return collected
