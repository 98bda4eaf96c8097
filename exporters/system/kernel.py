"""What the kernel counts of itself."""

import os
from collections.abc import Callable, Iterator
from typing import ClassVar, Final

from prometheus_client import Metric

from seawall.exporters.declaration import MetricInfo, counter, gauge, untyped

from .machine import Machine, read_number, read_table

_STAT: Final = {
    "btime": gauge("node_boot_time_seconds", "seconds", "When the machine started, since 1970."),
    "ctxt": counter("node_context_switches_total", "", "Context switches."),
    "intr": counter("node_intr_total", "", "Interrupts serviced."),
    "processes": counter("node_forks_total", "", "Processes and threads created."),
    "procs_running": gauge("node_procs_running", "", "Processes that run or wait for a CPU."),
    "procs_blocked": gauge("node_procs_blocked", "", "Processes that wait for I/O."),
}
_VMSTAT: Final = {
    "oom_kill": untyped("node_vmstat_oom_kill", "", "Processes that the kernel killed for want of memory."),
    "pgfault": untyped("node_vmstat_pgfault", "", "Page faults."),
    "pgmajfault": untyped("node_vmstat_pgmajfault", "", "Page faults that had to read from disk."),
    "pgpgin": untyped("node_vmstat_pgpgin", "", "Kibibytes paged in from disk."),
    "pgpgout": untyped("node_vmstat_pgpgout", "", "Kibibytes paged out to disk."),
    "pswpin": untyped("node_vmstat_pswpin", "", "Pages swapped in."),
    "pswpout": untyped("node_vmstat_pswpout", "", "Pages swapped out."),
}
CONNTRACK_ENTRIES: Final = gauge("node_nf_conntrack_entries", "", "Connections that the firewall tracks.")
CONNTRACK_LIMIT: Final = gauge("node_nf_conntrack_entries_limit", "", "Connections that the firewall can track.")
FILES_ALLOCATED: Final = gauge("node_filefd_allocated", "", "Files open on the whole machine.")
FILES_MAXIMUM: Final = gauge("node_filefd_maximum", "", "Files that can be open on the whole machine.")
ENTROPY: Final = gauge("node_entropy_available_bits", "", "Bits of entropy at hand.")
ENTROPY_POOL: Final = gauge("node_entropy_pool_size_bits", "", "Bits of entropy that the pool can hold.")
UNAME: Final = gauge(
    "node_uname_info",
    "",
    "What uname says; always 1.",
    "sysname",
    "release",
    "version",
    "machine",
    "nodename",
    "domainname",
)


class StatCollector:
    """Boot time, switches, interrupts, forks and processes, from /proc/stat."""

    name: ClassVar = "stat"
    metrics: ClassVar[tuple[MetricInfo, ...]] = tuple(_STAT.values())

    def __init__(self, machine: Machine) -> None:
        self._stat = machine.proc / "stat"

    def collect(self) -> Iterator[Metric]:
        """Yield the counters; raise OSError."""
        table = read_table(self._stat)
        for key, info in _STAT.items():
            yield info.value(table.get(key))


class VmstatCollector:
    """Paging, swapping and the killer, from /proc/vmstat."""

    name: ClassVar = "vmstat"
    metrics: ClassVar[tuple[MetricInfo, ...]] = tuple(_VMSTAT.values())

    def __init__(self, machine: Machine) -> None:
        self._vmstat = machine.proc / "vmstat"

    def collect(self) -> Iterator[Metric]:
        """Yield the counters; raise OSError."""
        table = read_table(self._vmstat)
        for key, info in _VMSTAT.items():
            yield info.value(table.get(key))


class ConntrackCollector:
    """How full the firewall's table of connections is; absent where the module is not loaded."""

    name: ClassVar = "conntrack"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (CONNTRACK_ENTRIES, CONNTRACK_LIMIT)

    def __init__(self, machine: Machine) -> None:
        self._folder = machine.proc / "sys/net/netfilter"

    def collect(self) -> Iterator[Metric]:
        """Yield both numbers."""
        yield CONNTRACK_ENTRIES.value(read_number(self._folder / "nf_conntrack_count"))
        yield CONNTRACK_LIMIT.value(read_number(self._folder / "nf_conntrack_max"))


class FileDescriptorCollector:
    """How near the machine is to its limit of open files."""

    name: ClassVar = "filefd"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (FILES_ALLOCATED, FILES_MAXIMUM)

    def __init__(self, machine: Machine) -> None:
        self._file_nr = machine.proc / "sys/fs/file-nr"

    def collect(self) -> Iterator[Metric]:
        """Yield both numbers; raise OSError."""
        allocated, _, maximum = self._file_nr.read_text().split()
        yield FILES_ALLOCATED.value(float(allocated))
        yield FILES_MAXIMUM.value(float(maximum))


class EntropyCollector:
    """What the random number generator has at hand."""

    name: ClassVar = "entropy"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (ENTROPY, ENTROPY_POOL)

    def __init__(self, machine: Machine) -> None:
        self._folder = machine.proc / "sys/kernel/random"

    def collect(self) -> Iterator[Metric]:
        """Yield both numbers."""
        yield ENTROPY.value(read_number(self._folder / "entropy_avail"))
        yield ENTROPY_POOL.value(read_number(self._folder / "poolsize"))


class UnameCollector:
    """Which kernel runs, on what, under which name."""

    name: ClassVar = "uname"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (UNAME,)

    def __init__(self, machine: Machine, uname: Callable[[], os.uname_result] = os.uname) -> None:
        self._domainname = machine.proc / "sys/kernel/domainname"
        self._uname = uname

    def collect(self) -> Iterator[Metric]:
        """Yield the one sample."""
        name = self._uname()
        try:
            domain = self._domainname.read_text().strip()
        except OSError:
            domain = ""
        yield UNAME.samples({(name.sysname, name.release, name.version, name.machine, name.nodename, domain): 1})
