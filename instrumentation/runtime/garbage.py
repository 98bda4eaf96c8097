"""Garbage collection: how often each generation was collected, what it freed, and how long everything stood still."""

import gc
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Any, Final

from seawall.instrumentation.aggregation import Cells, Family, Histogram
from seawall.instrumentation.asked import AskedCounter
from seawall.instrumentation.memory import Labels

# A collection of the youngest takes microseconds, one of a big heap's oldest takes seconds.
_BOUNDARIES: Final = (0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
_GENERATION: Final = ("cpython.gc.generation",)
_STATISTICS: Final = {
    "collections": (
        "collections",
        "{collection}",
        "The number of times a generation was collected since interpreter start.",
    ),
    "collected_objects": (
        "collected",
        "{object}",
        "The total number of objects collected inside a generation since interpreter start.",
    ),
    "uncollectable_objects": (
        "uncollectable",
        "{object}",
        "The total number of objects which were found to be uncollectable inside a generation since interpreter start.",
    ),
}


class PauseHistogram(Histogram):
    """Keep a row a generation in this process' own memory, and tell them when they are asked for.

    The interpreter calls back between any two instructions, also while another metric is being written and in a forked
    child that nobody scrapes: so nothing is made, locked or begun here. It never calls back twice at a time.
    """

    def __init__(self) -> None:
        self._rows: list[Cells] = []
        super().__init__(
            "seawall.gc.duration",
            "Time that the garbage collector held the interpreter, by the oldest generation that it collected.",
            _GENERATION,
            boundaries=_BOUNDARIES,
        )

    def reset(self) -> None:
        """Begin at zero."""
        super().reset()
        self._rows = self._zeros()

    def note(self, generation: int, seconds: float) -> None:
        """Count one collection."""
        row = self._rows[generation]
        row[bisect_left(self.boundaries, seconds)] += 1
        row[-1] += seconds

    def sample(self) -> None:
        """Tell what was counted since the last time."""
        rows, self._rows = self._rows, self._zeros()
        for generation, row in enumerate(rows):
            cells = self.series((str(generation),))
            for index, value in enumerate(row):
                cells[index] += value

    def collect(self) -> list[tuple[Labels, Cells]]:
        """Return what was counted until now."""
        self.sample()
        return super().collect()

    def _zeros(self) -> list[Cells]:
        return [[0.0] * (len(self.boundaries) + 2) for _ in gc.get_stats()]


class GarbageMetrics:
    """Count collections by the interpreter's own statistics, and time them by its callback."""

    def __init__(self) -> None:
        self.pauses = PauseHistogram()
        self._started = 0.0

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose."""
        yield self.pauses
        for name, (key, unit, help) in _STATISTICS.items():  # noqa: A001
            yield AskedCounter(f"cpython.gc.{name}", help, _GENERATION, _statistic(key), unit=unit)

    def hook(self) -> None:
        """Time collections from now on."""
        gc.callbacks.append(self._notice)

    def _notice(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._started = perf_counter()
        elif self._started:
            self.pauses.note(info["generation"], perf_counter() - self._started)


def _statistic(key: str) -> Any:
    def ask() -> Iterator[tuple[Labels, float]]:
        for generation, statistics in enumerate(gc.get_stats()):
            yield (str(generation),), statistics[key]

    return ask
