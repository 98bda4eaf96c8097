"""What the process itself uses, under the names of Prometheus' own client libraries."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from .exposition import header, number

_PROC: Final = Path("/proc")
# Fields of /proc/<pid>/stat after the name, which may hold spaces: proc(5) counts them from 3.
_UTIME, _STIME, _START, _VSIZE, _RSS = 11, 12, 19, 20, 21


class ProcessMetrics:
    """Read CPU, memory, open files and start time of this process from *proc*; only what the system tells."""

    def __init__(self, proc: Path = _PROC) -> None:
        self._proc = proc

    def lines(self, openmetrics: bool) -> Iterable[str]:
        """Return the samples of now."""
        values = self._values()
        for name, (kind, help, unit) in FAMILIES.items():  # noqa: A001
            if name in values:
                yield from header(name, kind, help, unit, openmetrics)
                yield f"{name}{'_total' if kind == 'counter' else ''} {number(values[name])}"

    def _values(self) -> dict[str, float]:
        times = os.times()
        values = {"process_cpu_seconds": times.user + times.system}
        try:
            stat = (self._proc / "self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            ticks = os.sysconf("SC_CLK_TCK")
            values["process_cpu_seconds"] = (int(stat[_UTIME]) + int(stat[_STIME])) / ticks
            values["process_virtual_memory_bytes"] = int(stat[_VSIZE])
            values["process_resident_memory_bytes"] = int(stat[_RSS]) * os.sysconf("SC_PAGE_SIZE")
            values["process_start_time_seconds"] = self._boot_time() + int(stat[_START]) / ticks
            values["process_open_fds"] = sum(1 for _ in (self._proc / "self/fd").iterdir())
            values["process_max_fds"] = self._most_files()
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


FAMILIES: Final = {
    "process_cpu_seconds": ("counter", "Total user and system CPU time spent in seconds.", "seconds"),
    "process_resident_memory_bytes": ("gauge", "Resident memory size in bytes.", "bytes"),
    "process_virtual_memory_bytes": ("gauge", "Virtual memory size in bytes.", "bytes"),
    "process_open_fds": ("gauge", "Number of open file descriptors.", ""),
    "process_max_fds": ("gauge", "Maximum number of open file descriptors.", ""),
    "process_start_time_seconds": ("gauge", "Start time of the process since unix epoch in seconds.", "seconds"),
}
