"""Block devices."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final

import psutil
from prometheus_client import Metric

from seawall.exporters.declaration import MetricInfo, counter, gauge

from .machine import Machine

# node_exporter's default: no RAM disks, loops, floppies, nor partitions of a disk that is counted itself.
EXCLUDED_DEVICES: Final = r"^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"


def _device(name: str, unit: str, meaning: str) -> MetricInfo:
    return counter(f"node_disk_{name}_total", unit, meaning, "device")


# psutil's field, and what one of its units is.
_COUNTERS: Final = {
    _device("reads_completed", "", "Reads completed."): ("read_count", 1.0),
    _device("writes_completed", "", "Writes completed."): ("write_count", 1.0),
    _device("reads_merged", "", "Reads merged with a neighbour."): ("read_merged_count", 1.0),
    _device("writes_merged", "", "Writes merged with a neighbour."): ("write_merged_count", 1.0),
    _device("read_bytes", "bytes", "Bytes read."): ("read_bytes", 1.0),
    _device("written_bytes", "bytes", "Bytes written."): ("write_bytes", 1.0),
    _device("read_time_seconds", "seconds", "Seconds spent by all reads."): ("read_time", 0.001),
    _device("write_time_seconds", "seconds", "Seconds spent by all writes."): ("write_time", 0.001),
    _device("io_time_seconds", "seconds", "Seconds in which at least one request was in flight."): ("busy_time", 0.001),
}
IO_NOW: Final = gauge("node_disk_io_now", "", "Requests in flight now.", "device")

# The rest: the field of /proc/diskstats, counted from zero after the device's name, and what one of its units is.
_FIELDS: Final = {
    IO_NOW: (8, 1.0),
    _device("io_time_weighted_seconds", "seconds", "Seconds in flight, summed over all requests."): (10, 0.001),
    _device("discards_completed", "", "Discards completed."): (11, 1.0),
    _device("discards_merged", "", "Discards merged with a neighbour."): (12, 1.0),
    _device("discarded_sectors", "", "Sectors discarded."): (13, 1.0),
    _device("discard_time_seconds", "seconds", "Seconds spent by all discards."): (14, 0.001),
    _device("flush_requests", "", "Flush requests completed."): (15, 1.0),
    _device("flush_requests_time_seconds", "seconds", "Seconds spent by all flush requests."): (16, 0.001),
}


def requests() -> Mapping[str, Any]:
    """Return psutil's counters by device; a reset shows, since Prometheus handles it itself."""
    return psutil.disk_io_counters(perdisk=True, nowrap=False) or {}


class DiskCollector:
    """Requests, bytes and time of each device; what psutil lacks comes from /proc/diskstats."""

    name: ClassVar = "diskstats"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (*_COUNTERS, *_FIELDS)

    def __init__(
        self,
        machine: Machine,
        io_counters: Callable[[], Mapping[str, Any]] = requests,
        excluded: str = EXCLUDED_DEVICES,
    ) -> None:
        self._diskstats = machine.proc / "diskstats"
        self._io_counters = io_counters
        self._excluded = re.compile(excluded)

    def collect(self) -> Iterator[Metric]:
        """Yield every family; a field that the kernel does not write is left out."""
        disks = {name: disk for name, disk in self._io_counters().items() if not self._excluded.search(name)}
        for info, (field, unit) in _COUNTERS.items():
            values = {name: getattr(disk, field, None) for name, disk in disks.items()}
            yield info.samples({(name,): None if value is None else value * unit for name, value in values.items()})
        rows = self._rows()
        for info, (column, unit) in _FIELDS.items():
            yield info.samples({(name,): float(row[column]) * unit for name, row in rows.items() if column < len(row)})

    def _rows(self) -> dict[str, list[str]]:
        try:
            lines = [line.split() for line in self._diskstats.read_text().splitlines()]
        except FileNotFoundError:
            return {}
        return {line[2]: line[3:] for line in lines if len(line) > 3 and not self._excluded.search(line[2])}
