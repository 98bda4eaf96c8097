"""Memory, as /proc/meminfo accounts for it."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final

import psutil
from prometheus_client import Metric

from seawall.exporters.declaration import MetricInfo, gauge

from .machine import Machine, read_table

_MEANINGS: Final = {
    "MemTotal": "Memory that the kernel manages.",
    "MemFree": "Memory that nothing uses.",
    "MemAvailable": "Memory that programs can still get without swapping.",
    "Buffers": "Memory in buffers of block devices.",
    "Cached": "Memory in the page cache.",
    "SwapCached": "Memory that also has a copy in swap.",
    "SwapTotal": "Swap space.",
    "SwapFree": "Swap space that nothing uses.",
    "Active": "Memory used of late.",
    "Inactive": "Memory not used of late.",
    "Active_anon": "Anonymous memory used of late.",
    "Inactive_anon": "Anonymous memory not used of late.",
    "Active_file": "Page cache used of late.",
    "Inactive_file": "Page cache not used of late.",
    "Unevictable": "Memory that cannot be reclaimed.",
    "Mlocked": "Memory locked by mlock.",
    "Dirty": "Memory waiting to be written to disk.",
    "Writeback": "Memory being written to disk.",
    "AnonPages": "Anonymous memory mapped by programs.",
    "AnonHugePages": "Anonymous memory in transparent huge pages.",
    "Mapped": "Files mapped by programs.",
    "Shmem": "Shared memory and tmpfs.",
    "Slab": "Memory of the kernel's own structures.",
    "SReclaimable": "Part of the slab that can be reclaimed.",
    "SUnreclaim": "Part of the slab that cannot be reclaimed.",
    "KernelStack": "Stacks of the kernel's threads.",
    "PageTables": "Page tables.",
    "Percpu": "Memory of per-CPU allocations.",
    "CommitLimit": "Memory that may be promised under strict overcommit.",
    "Committed_AS": "Memory that is promised to programs.",
    "Hugepagesize": "Size of a huge page.",
}
_COUNTS: Final = {
    "HugePages_Total": "Huge pages in the pool.",
    "HugePages_Free": "Huge pages that nothing uses.",
    "HugePages_Rsvd": "Huge pages promised, not yet used.",
    "HugePages_Surp": "Huge pages beyond the pool's size.",
}
_BYTES_INFOS: Final = {key: gauge(f"node_memory_{key}_bytes", "bytes", text) for key, text in _MEANINGS.items()}
_COUNT_INFOS: Final = {key: gauge(f"node_memory_{key}", "", text) for key, text in _COUNTS.items()}


class MemoryCollector:
    """Bytes of each use; where there is no /proc/meminfo, what psutil knows of any system."""

    name: ClassVar = "meminfo"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (*_BYTES_INFOS.values(), *_COUNT_INFOS.values())

    def __init__(
        self,
        machine: Machine,
        virtual_memory: Callable[[], Any] = psutil.virtual_memory,
        swap_memory: Callable[[], Any] = psutil.swap_memory,
    ) -> None:
        self._meminfo = machine.proc / "meminfo"
        self._virtual_memory = virtual_memory
        self._swap_memory = swap_memory

    def collect(self) -> Iterator[Metric]:
        """Yield every field that is declared and present."""
        table = self._table()
        for key, info in _BYTES_INFOS.items():
            yield info.value(table[key] * 1024 if key in table else None)
        for key, info in _COUNT_INFOS.items():
            yield info.value(table.get(key))

    def _table(self) -> dict[str, float]:
        # Not psutil where there is a meminfo: its `cached` adds the reclaimable slab, node_exporter's does not.
        try:
            table = read_table(self._meminfo)
        except FileNotFoundError:
            return self._portable()
        return {key.replace("(", "_").rstrip(")"): value for key, value in table.items()}

    def _portable(self) -> dict[str, float]:
        memory, swap = self._virtual_memory(), self._swap_memory()
        sizes = {"MemTotal": memory.total, "MemFree": memory.free, "MemAvailable": memory.available}
        sizes |= {"SwapTotal": swap.total, "SwapFree": swap.free}
        return {key: value / 1024 for key, value in sizes.items()}
