"""Counting: small, fast and thread-safe aggregation, with a bound on the number of series.

A series is a few numbers in memory that workers share, found by the tuple of its label values. An OpenTelemetry
histogram costs 13 µs a record in Python because it cleans, hashes and copies attributes each time; a look-up by tuple
costs a tenth of one. ``cells[i] += 1`` is one step under the interpreter's lock, which is given up at calls and at
jumps backwards alone; an interpreter without it takes a lock of the family's.
"""

import json
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Final

from .exemplars import DOUBLES, Exemplar, read
from .memory import Labels, Memory
from .native import RLock

Cells = list[float]

SERIES_LIMIT: Final = 2000
OVERFLOW: Final[Labels] = ("\0overflow",)  # a key of its own: label values come in fours and sixes
OVERFLOW_LABEL: Final = "otel_metric_overflow"
NEEDS_LOCK: Final = not getattr(sys, "_is_gil_enabled", lambda: True)()

# The boundaries that OpenTelemetry's semantic conventions advise for durations, in seconds.
DURATION_BOUNDARIES: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


class Family:
    """Hold the series of one metric: at most *limit* label sets, then one overflow series for all others.

    *metric* and *attributes* are OpenTelemetry's names and *unit* is UCUM; ``name``, ``labels`` and ``suffix`` are
    what Prometheus writes for them. *aggregate* says what the workers of one application are together: the ``sum`` of
    each, or the ``min`` or ``max``.
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
        aggregate: str = "sum",
    ) -> None:
        self.metric = metric
        self.attributes = attributes
        self.unit = unit
        self.suffix = {"s": "seconds", "By": "bytes"}.get(unit, "")
        name = metric.replace(".", "_")
        self.name = f"{name}_{self.suffix}" if self.suffix else name
        self.labels = tuple(attribute.replace(".", "_").replace("-", "_") for attribute in attributes)
        self.help = help
        self.limit = limit
        self.aggregate = aggregate
        self.overflow: Counter | None = None
        self.on_first: Callable[[], object] | None = None
        self.on_reset: Callable[[], object] | None = None
        self._memory = Memory()
        self._series: dict[Labels, memoryview[float]] = {}
        self._bases: dict[Labels, Cells] = {}
        self._born: dict[Labels, float] = {}
        self.reset()

    @property
    def definition(self) -> str:
        """What a sibling needs to know to read and to write the series."""
        known = {"kind": self.kind, "name": self.name, "labels": self.labels, "help": self.help, "unit": self.suffix}
        return json.dumps(known | {"aggregate": self.aggregate} | self._more())

    def attach(self, memory: Memory) -> None:
        """Keep the series in *memory* from now on, those that are there already too."""
        counted = dict(self._series)
        self._memory = memory
        self.reset()
        for labels, values in counted.items():
            cells = self._make(labels)
            for index, value in enumerate(values[: self._width()]):
                cells[index] += value

    def reset(self) -> None:
        """Forget every series, as a forked child must: its parent's counts are not its own."""
        # Re-entrant, so that a signal handler that records cannot wait for the record that it interrupted.
        self._lock = RLock()
        self._series.clear()
        self._bases.clear()
        self._born.clear()
        if self.on_reset is not None:
            self.on_reset()

    def collect(self) -> list[tuple[Labels, Cells]]:
        """Return a copy of every series of this process, and remember that these were published."""
        with self._lock:
            self._memory.note_scrape()
            return [(labels, self._own(labels, cells)) for labels, cells in self._series.items()]

    def sample(self) -> None:
        """Ask for what is told when it is asked for."""

    def series(self, labels: Labels) -> "memoryview[float]":
        """Return the numbers of *labels*, to add to: a new series, the known one, or the one of the overflow."""
        cells = self._series.get(labels)
        return self._add(labels) if cells is None else cells

    def is_counted(self, labels: Labels) -> bool:
        """Whether *labels* have a series of their own."""
        return labels in self._series

    def _own(self, labels: Labels, cells: "memoryview[float]") -> Cells:
        values: Cells = cells[: self._width()].tolist()  # type: ignore[assignment]
        base = self._bases.get(labels)
        return values if base is None else [value - left for value, left in zip(values, base, strict=True)]

    def _add(self, labels: Labels) -> "memoryview[float]":
        on_first, self.on_first = self.on_first, None
        if on_first is not None:
            on_first()
        with self._lock:
            if self.is_full(labels):
                if self.overflow is not None:
                    self.overflow.add((self.name,), 1)
                labels = OVERFLOW
            known = self._series.get(labels)
            return self._make(labels) if known is None else known

    def _make(self, labels: Labels) -> "memoryview[float]":
        cells, counted = self._memory.cells(self.definition, labels, self._size())
        self._born[labels] = time.monotonic()
        if counted:
            self._bases[labels] = cells[: self._width()].tolist()  # type: ignore[assignment]
            self._born[labels] = 0.0
        self._series[labels] = cells
        return cells

    def is_full(self, labels: Labels) -> bool:
        """Whether *labels* came after the limit."""
        return labels not in self._series and len(self._series) >= self.limit

    def _width(self) -> int:
        return 1

    def _size(self) -> int:
        return self._width()

    def _more(self) -> dict[str, object]:
        return {}


class Histogram(Family):
    """Count values in buckets: the cells of a series are its buckets, the one above the last boundary, and the sum.

    *zero_beside* names, for a new series, the failure series that must stand beside it at zero from then on:
    Prometheus' ``rate`` cannot see the first increase of a series that starts above zero. *exemplars* keeps room for
    the last trace of each bucket.
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
        exemplars: bool = False,
    ) -> None:
        self.boundaries = tuple(sorted({float(boundary) for boundary in boundaries}))
        self.sum_at = len(self.boundaries) + 1
        self.exemplars = exemplars
        self._zero_beside = zero_beside
        super().__init__(metric, help, attributes, unit=unit, limit=limit)

    def record(self, labels: Labels, value: float) -> None:
        """Add *value* (in the family's unit) to the series of *labels*."""
        cells = self._series.get(labels)
        self.record_in(self.add_with_failure(labels) if cells is None else cells, value)

    def record_in(self, cells: "memoryview[float]", value: float) -> None:
        """Add *value* to the series that *cells* are."""
        index = bisect_left(self.boundaries, value)
        if NEEDS_LOCK:
            with self._lock:
                cells[index] += 1
                cells[self.sum_at] += value
        else:
            cells[index] += 1
            cells[self.sum_at] += value

    def record_failure(self, labels: Labels, value: float) -> None:
        """Add a failure, to the series that stands at zero already until its own was published once at zero."""
        if self._zero_beside is not None and not self.is_published(labels) and not self.is_full(labels):
            self.add_with_failure(labels)
            labels = self._zero_beside(labels)
        self.record(labels, value)

    def is_published(self, labels: Labels) -> bool:
        """Whether a scrape or a push has shown the series of *labels*."""
        return self._born.get(labels, float("inf")) < self._memory.scraped

    def add_with_failure(self, labels: Labels) -> "memoryview[float]":
        """Return the numbers of *labels*, beside which the failure stands at zero from now on."""
        cells = self.series(labels)
        if self._zero_beside is not None and self._series.get(labels) is cells:
            failure = self._zero_beside(labels)
            if failure not in self._series and len(self._series) < self.limit:
                self.series(failure)
        return cells

    def exemplars_of(self, labels: Labels) -> list[Exemplar]:
        """Return the last trace of each bucket of *labels*' series, as far as they are kept."""
        cells = self._series.get(labels)
        return list(read(cells, self._width())) if self.exemplars and cells is not None else []

    def _width(self) -> int:
        return self.sum_at + 1

    def _size(self) -> int:
        return self._width() + (DOUBLES * self.sum_at if self.exemplars else 0)

    def _more(self) -> dict[str, object]:
        return {"boundaries": self.boundaries, "exemplars": self.exemplars}


class Counter(Family):
    """Count what only grows."""

    kind = "counter"

    def add(self, labels: Labels, amount: float) -> None:
        """Add *amount*."""
        cells = self._series.get(labels)
        self.add_in(self._add(labels) if cells is None else cells, amount)

    def add_in(self, cells: "memoryview[float]", amount: float) -> None:
        """Add *amount* to the series that *cells* are."""
        if NEEDS_LOCK:
            with self._lock:
                cells[0] += amount
        else:
            cells[0] += amount


class UpDownCounter(Counter):
    """Count what comes and goes; *amount* may be negative."""

    kind = "gauge"


class Gauge(Family):
    """Ask for a value each time it is collected, and for siblings every few seconds."""

    kind = "gauge"

    def __init__(
        self,
        metric: str,
        help: str,  # noqa: A002
        attributes: Labels,
        *,
        unit: str = "",
        aggregate: str = "sum",
    ) -> None:
        self._callbacks: dict[Labels, Callable[[], float]] = {}
        super().__init__(metric, help, attributes, unit=unit, aggregate=aggregate)

    def observe(self, labels: Labels, callback: Callable[[], float]) -> None:
        """Collect the value of *callback* for *labels* from now on; the last callback of a label set wins."""
        self._callbacks[labels] = callback

    def sample(self) -> None:
        """Write down the value of every callback that answers; one that raises has none."""
        for labels, callback in list(self._callbacks.items()):
            try:
                value = float(callback())
            except Exception:  # noqa: BLE001 - a user's callback; no value is the truth
                if labels not in self._series:
                    continue
                value = float("nan")
            self.series(labels)[0] = value

    def collect(self) -> list[tuple[Labels, Cells]]:
        """Return the value of every callback that answers."""
        self.sample()
        return [(labels, cells) for labels, cells in super().collect() if cells[0] == cells[0]]
