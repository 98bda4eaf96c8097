"""What the process itself uses, under the names of OpenTelemetry and of Prometheus' own client libraries."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from time import monotonic, time
from typing import Final, NamedTuple

from seawall.instrumentation.aggregation import Family
from seawall.instrumentation.asked import Ask, AskedCounter, AskedGauge
from seawall.instrumentation.memory import Labels

_PROC: Final = Path("/proc")
# Fields of /proc/<pid>/stat after the name, which may hold spaces: proc(5) counts them from 3.
_UTIME, _STIME, _THREADS, _START, _VSIZE, _RSS = 11, 12, 17, 19, 20, 21
_FRESH: Final = 0.1  # seconds; one scrape asks for several families


class ProcessMetrics:
    """Read what *proc* and the kernel tell of this process; only what the system tells."""

    def __init__(self, proc: Path = _PROC) -> None:
        self._proc = proc
        self._read: tuple[int, float, dict[str, float]] = (0, 0.0, {})

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose: counters and memory of workers add up."""
        return [self._family(known) for known in (*_CONVENTIONS, *_CLASSIC)]

    def values(self) -> dict[str, float]:
        """Return what the system tells, at most a moment old."""
        process, at, values = self._read
        if process != os.getpid() or monotonic() - at > _FRESH:
            values = self._values()
            self._read = (os.getpid(), monotonic(), values)
        return values

    def _family(self, known: "_Known") -> Family:
        attributes = (known.attribute,) if known.attribute else ()
        ask = self._ask(known.values, bool(attributes))
        told = known not in _CLASSIC
        if known.counts:
            return AskedCounter(known.metric, known.help, attributes, ask, unit=known.unit, is_pushed=told)
        return AskedGauge(
            known.metric, known.help, attributes, ask, unit=known.unit, aggregate=known.aggregate, is_pushed=told
        )

    def _ask(self, keys: Mapping[str, str], has_label: bool) -> Ask:
        def ask() -> Iterator[tuple[Labels, float]]:
            values = self.values()
            for key, label in keys.items():
                if key in values:
                    yield ((label,) if has_label else ()), values[key]

        return ask

    def _values(self) -> dict[str, float]:
        times = os.times()
        values = {"cpu": times.user + times.system, "user": times.user, "system": times.system, **_usage()}
        try:
            stat = (self._proc / "self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            ticks = os.sysconf("SC_CLK_TCK")
            values["cpu"] = (int(stat[_UTIME]) + int(stat[_STIME])) / ticks
            values["threads"] = int(stat[_THREADS])
            values["virtual"] = int(stat[_VSIZE])
            values["resident"] = int(stat[_RSS]) * os.sysconf("SC_PAGE_SIZE")
            values["start"] = self._boot_time() + int(stat[_START]) / ticks
            values["uptime"] = time() - values["start"]
            values["files"] = sum(1 for _ in (self._proc / "self/fd").iterdir())
            values["most_files"] = self._most_files()
        except (OSError, ValueError, IndexError):
            pass  # not Linux, or a locked-down /proc: what was read stands
        return values

    def _boot_time(self) -> float:
        for line in (self._proc / "stat").read_text(encoding="utf-8").splitlines():
            if line.startswith("btime "):
                return float(line.split()[1])
        raise ValueError(f"{self._proc}/stat holds no btime")

    def _most_files(self) -> float:
        for line in (self._proc / "self/limits").read_text(encoding="utf-8").splitlines():
            if line.startswith("Max open files"):
                limit = line.split()[3]
                return float("inf") if limit == "unlimited" else float(limit)
        raise ValueError(f"{self._proc}/self/limits holds no limit of open files")


def _usage() -> dict[str, float]:
    """Return what the kernel counts of this process, where it does."""
    try:
        import resource
    except ImportError:
        return {}  # Windows
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "voluntary": used.ru_nvcsw,
        "involuntary": used.ru_nivcsw,
        "major": used.ru_majflt,
        "minor": used.ru_minflt,
    }


class _Known(NamedTuple):
    """A metric, and the label of each value that it tells."""

    metric: str
    help: str
    unit: str
    values: Mapping[str, str]
    attribute: str = ""
    counts: bool = False
    aggregate: str = "sum"


_CONVENTIONS: Final = (
    _Known(
        "process.cpu.time",
        "Total CPU seconds broken down by different CPU modes.",
        "s",
        {"user": "user", "system": "system"},
        "cpu.mode",
        counts=True,
    ),
    _Known("process.memory.usage", "The amount of physical memory in use.", "By", {"resident": ""}),
    _Known("process.memory.virtual", "The amount of committed virtual memory.", "By", {"virtual": ""}),
    _Known("process.thread.count", "Process threads count.", "{thread}", {"threads": ""}),
    _Known(
        "process.unix.file_descriptor.count",
        "Number of unix file descriptors in use by the process.",
        "{file_descriptor}",
        {"files": ""},
    ),
    _Known(
        "process.context_switches",
        "Number of times the process has been context switched.",
        "{context_switch}",
        {"voluntary": "voluntary", "involuntary": "involuntary"},
        "process.context_switch.type",
        counts=True,
    ),
    _Known(
        "process.paging.faults",
        "Number of page faults the process has made.",
        "{fault}",
        {"major": "major", "minor": "minor"},
        "system.paging.fault.type",
        counts=True,
    ),
    _Known("process.uptime", "The time the process has been running.", "s", {"uptime": ""}, aggregate="max"),
)
# What everybody's dashboards ask for; OTLP has the names above.
_CLASSIC: Final = (
    _Known("process.cpu", "Total user and system CPU time spent in seconds.", "s", {"cpu": ""}, counts=True),
    _Known("process.resident_memory", "Resident memory size in bytes.", "By", {"resident": ""}),
    _Known("process.virtual_memory", "Virtual memory size in bytes.", "By", {"virtual": ""}),
    _Known("process.open_fds", "Number of open file descriptors.", "", {"files": ""}),
    _Known("process.max_fds", "Maximum number of open file descriptors.", "", {"most_files": ""}, aggregate="min"),
    _Known(
        "process.start_time",
        "Start time of the process since unix epoch in seconds.",
        "s",
        {"start": ""},
        aggregate="min",
    ),
)
