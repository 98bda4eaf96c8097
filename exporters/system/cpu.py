"""Processor time and load."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Final

import psutil
from prometheus_client import Metric

from seawall.exporters.declaration import MetricInfo, counter, gauge

from .machine import Machine

MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
GUEST_MODES: Final = {"guest": "user", "guest_nice": "nice"}

CPU_SECONDS: Final = counter("node_cpu_seconds_total", "seconds", "Seconds the CPUs spent in each mode.", "cpu", "mode")
GUEST_SECONDS: Final = counter(
    "node_cpu_guest_seconds_total",
    "seconds",
    "Seconds the CPUs spent in virtual machines, for each mode.",
    "cpu",
    "mode",
)
LOADS: Final = (
    gauge("node_load1", "", "Load average over one minute."),
    gauge("node_load5", "", "Load average over five minutes."),
    gauge("node_load15", "", "Load average over fifteen minutes."),
)


def seconds() -> Sequence[Any]:
    """Return psutil's record of each online CPU."""
    return psutil.cpu_times(percpu=True)


class CpuCollector:
    """Seconds in each mode; *cpu_times* returns one record for each online CPU, in the order of their numbers."""

    name: ClassVar = "cpu"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (CPU_SECONDS, GUEST_SECONDS)

    def __init__(self, machine: Machine, cpu_times: Callable[[], Sequence[Any]] = seconds) -> None:
        self._online = machine.sys / "devices/system/cpu/online"
        self._cpu_times = cpu_times

    def collect(self) -> Iterator[Metric]:
        """Yield the seconds; a mode that the system does not count is left out."""
        times = self._cpu_times()
        cpus = list(zip(self._numbers(len(times)), times, strict=True))
        yield CPU_SECONDS.samples({(cpu, mode): getattr(record, mode, None) for cpu, record in cpus for mode in MODES})
        yield GUEST_SECONDS.samples(
            {(cpu, mode): getattr(record, field, None) for cpu, record in cpus for field, mode in GUEST_MODES.items()}
        )

    def _numbers(self, count: int) -> list[str]:
        # psutil does not say which CPUs its records are of, and an offline one leaves a gap in the numbers.
        try:
            numbers = _expand(self._online.read_text().strip())
        except (OSError, ValueError):
            numbers = []
        return numbers if len(numbers) == count else [str(number) for number in range(count)]


class LoadCollector:
    """The run queue's averages."""

    name: ClassVar = "loadavg"
    metrics: ClassVar[tuple[MetricInfo, ...]] = LOADS

    def __init__(self, getloadavg: Callable[[], Sequence[float]] = psutil.getloadavg) -> None:
        self._getloadavg = getloadavg

    def collect(self) -> Iterator[Metric]:
        """Yield the three averages, as the kernel rounds them: to a hundredth."""
        for info, value in zip(LOADS, self._getloadavg(), strict=True):
            yield info.value(round(value, 2))


def _expand(ranges: str) -> list[str]:
    numbers: list[str] = []
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        numbers += [str(number) for number in range(int(first), int(last or first) + 1)]
    return numbers
