"""Pressure stall information: for how long work waited for CPU, I/O or memory."""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from prometheus_client import Metric

from seawall.exporters.declaration import MetricInfo, counter

from .machine import Machine


def _pressure(resource: str, kind: str, meaning: str) -> MetricInfo:
    return counter(f"node_pressure_{resource}_{kind}_seconds_total", "seconds", meaning)


_LINES: Final = {
    ("cpu", "some"): _pressure("cpu", "waiting", "Seconds in which some work waited for a CPU."),
    ("io", "some"): _pressure("io", "waiting", "Seconds in which some work waited for I/O."),
    ("io", "full"): _pressure("io", "stalled", "Seconds in which all work waited for I/O."),
    ("memory", "some"): _pressure("memory", "waiting", "Seconds in which some work waited for memory."),
    ("memory", "full"): _pressure("memory", "stalled", "Seconds in which all work waited for memory."),
}
_TOTAL: Final = re.compile(r"^(some|full) .*\btotal=(\d+)", re.MULTILINE)


class PressureCollector:
    """The totals of /proc/pressure; a kernel without it (or started with psi=0) has none."""

    name: ClassVar = "pressure"
    metrics: ClassVar[tuple[MetricInfo, ...]] = tuple(_LINES.values())

    def __init__(self, machine: Machine) -> None:
        self._folder = machine.proc / "pressure"

    def collect(self) -> Iterator[Metric]:
        """Yield the totals, from microseconds to seconds; raise OSError where there are none."""
        for resource in ("cpu", "io", "memory"):
            totals = dict(_TOTAL.findall((self._folder / resource).read_text()))
            for (of, line), info in _LINES.items():
                if of == resource and line in totals:
                    yield info.value(int(totals[line]) / 1e6)
