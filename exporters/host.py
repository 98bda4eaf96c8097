"""The host: node_exporter's collectors under its names, from psutil, /proc, /sys and statvfs."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from prometheus_client import Metric
from prometheus_client.registry import Collector

from . import system
from .declaration import DeclaredCollector, Labels, MetricInfo, gauge
from .kinds import Kind

_log: Final = logging.getLogger(__name__)

DURATION: Final = gauge("node_scrape_collector_duration_seconds", "seconds", "How long a collector took.", "collector")
SUCCESS: Final = gauge("node_scrape_collector_success", "", "1 if a collector had its data, else 0.", "collector")


def collectors(machine: system.Machine, textfiles: Path | None = None) -> tuple[DeclaredCollector, ...]:
    """Return the collectors of *machine*, one for each of node_exporter's that is covered.

    *textfiles* is a folder of text files, or None.
    """
    parts: tuple[DeclaredCollector, ...] = (
        system.ClockCollector(),
        system.ConntrackCollector(machine),
        system.CpuCollector(machine),
        system.DiskCollector(machine),
        system.EntropyCollector(machine),
        system.FileDescriptorCollector(machine),
        system.FilesystemCollector(machine, system.MountTable(machine), system.PatientStatvfs()),
        system.InterfaceCollector(machine),
        system.LoadCollector(),
        system.MemoryCollector(machine),
        system.NetstatCollector(machine),
        system.NetworkCollector(),
        system.PressureCollector(machine),
        system.SocketCollector(machine),
        system.SoftnetCollector(machine),
        system.StatCollector(machine),
        system.TimexCollector(),
        system.UnameCollector(machine),
        system.VmstatCollector(machine),
    )
    if textfiles is None:
        return parts
    taken = (info.name for part in parts for info in (*part.metrics, SUCCESS, DURATION))
    return (*parts, system.TextfileCollector(textfiles, taken))


class HostCollector(Collector):
    """All collectors of a machine; one that fails is reported and leaves the others alone."""

    def __init__(self, parts: Sequence[DeclaredCollector], clock: Callable[[], float] = time.perf_counter) -> None:
        self._parts = parts
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has a sample, then how each collector fared."""
        durations: dict[Labels, float] = {}
        success: dict[Labels, float] = {}
        for part in self._parts:
            start = self._clock()
            families = self._families(part)
            durations[part.name,] = self._clock() - start
            success[part.name,] = bool(families)
            yield from families
        yield DURATION.samples(durations)
        yield SUCCESS.samples(success)

    def _families(self, part: DeclaredCollector) -> list[Metric]:
        try:
            return [family for family in part.collect() if family.samples]
        except FileNotFoundError as error:  # this kernel does not have it
            _log.debug("collector %s has no data: %s", part.name, error)
        except Exception as error:  # noqa: BLE001  # whatever one file holds, the other collectors go on
            _log.warning("collector %s failed: %s: %s", part.name, type(error).__name__, error)
        return []


def _declared() -> tuple[MetricInfo, ...]:
    infos = [info for part in collectors(system.Machine(), Path()) for info in part.metrics]
    return (SUCCESS, DURATION, *sorted(infos, key=lambda info: info.name))


KIND: Final = Kind(name="host", up=SUCCESS, metrics=_declared())
