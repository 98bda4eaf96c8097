"""TCP, UDP, sockets and the packets' way through the kernel."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from prometheus_client import Metric

from seawall.exporters.declaration import MetricInfo, counter, gauge, untyped

from .machine import Machine

_NETSTAT_MEANINGS: Final = {
    "Tcp_ActiveOpens": "TCP connections opened from here.",
    "Tcp_PassiveOpens": "TCP connections accepted here.",
    "Tcp_CurrEstab": "TCP connections established now.",
    "Tcp_InSegs": "TCP segments received.",
    "Tcp_OutSegs": "TCP segments sent.",
    "Tcp_RetransSegs": "TCP segments sent again.",
    "Tcp_InErrs": "TCP segments received broken.",
    "Tcp_OutRsts": "TCP resets sent.",
    "TcpExt_ListenOverflows": "Connections refused because a program's accept queue was full.",
    "TcpExt_ListenDrops": "Connections dropped before a program could accept them.",
    "TcpExt_SyncookiesSent": "SYN cookies sent, because a queue of half-open connections was full.",
    "TcpExt_SyncookiesRecv": "SYN cookies that came back.",
    "TcpExt_SyncookiesFailed": "SYN cookies that came back wrong.",
    "TcpExt_TCPSynRetrans": "SYN segments sent again.",
    "TcpExt_TCPTimeouts": "TCP retransmission timeouts.",
    "Udp_InDatagrams": "UDP datagrams received.",
    "Udp_OutDatagrams": "UDP datagrams sent.",
    "Udp_InErrors": "UDP datagrams that could not be delivered.",
    "Udp_NoPorts": "UDP datagrams to a port where nothing listens.",
    "Udp_RcvbufErrors": "UDP datagrams dropped because a receive buffer was full.",
    "Udp_SndbufErrors": "UDP datagrams dropped because a send buffer was full.",
}
_NETSTAT: Final = {key: untyped(f"node_netstat_{key}", "", text) for key, text in _NETSTAT_MEANINGS.items()}

_SOCKET_MEANINGS: Final = {
    "sockets_used": "Sockets in use.",
    "TCP_alloc": "TCP sockets that hold memory.",
    "TCP_inuse": "TCP sockets in use.",
    "TCP_mem": "Pages of memory that TCP holds.",
    "TCP_orphan": "TCP sockets that no program owns.",
    "TCP_tw": "TCP sockets in TIME_WAIT.",
    "UDP_inuse": "UDP sockets in use.",
    "UDP_mem": "Pages of memory that UDP holds.",
}
_SOCKETS: Final = {key: gauge(f"node_sockstat_{key}", "", text) for key, text in _SOCKET_MEANINGS.items()}

# In the order of the columns of /proc/net/softnet_stat.
_SOFTNET: Final = (
    counter("node_softnet_processed_total", "", "Packets processed.", "cpu"),
    counter("node_softnet_dropped_total", "", "Packets dropped because the CPU's queue was full.", "cpu"),
    counter("node_softnet_times_squeezed_total", "", "Times the CPU ran out of its share with packets left.", "cpu"),
)
_CPU_COLUMN: Final = 12


class NetstatCollector:
    """The protocols' counters, from /proc/net/netstat and /proc/net/snmp."""

    name: ClassVar = "netstat"
    metrics: ClassVar[tuple[MetricInfo, ...]] = tuple(_NETSTAT.values())

    def __init__(self, machine: Machine) -> None:
        self._folder = machine.proc / "net"

    def collect(self) -> Iterator[Metric]:
        """Yield the counters; raise OSError."""
        table = _named_columns(self._folder / "netstat") | _named_columns(self._folder / "snmp")
        for key, info in _NETSTAT.items():
            yield info.value(table.get(key))


class SocketCollector:
    """Sockets by protocol, from /proc/net/sockstat."""

    name: ClassVar = "sockstat"
    metrics: ClassVar[tuple[MetricInfo, ...]] = tuple(_SOCKETS.values())

    def __init__(self, machine: Machine) -> None:
        self._sockstat = machine.proc / "net/sockstat"

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers; raise OSError."""
        table: dict[str, float] = {}
        for line in self._sockstat.read_text().splitlines():
            protocol, _, rest = line.partition(":")
            words = rest.split()
            table |= {f"{protocol}_{key}": float(number) for key, number in zip(words[::2], words[1::2], strict=True)}
        for key, info in _SOCKETS.items():
            yield info.value(table.get(key))


class SoftnetCollector:
    """Packets handled by each CPU, from /proc/net/softnet_stat."""

    name: ClassVar = "softnet"
    metrics: ClassVar[tuple[MetricInfo, ...]] = _SOFTNET

    def __init__(self, machine: Machine) -> None:
        self._softnet_stat = machine.proc / "net/softnet_stat"

    def collect(self) -> Iterator[Metric]:
        """Yield the counters of each CPU; raise OSError."""
        rows = [line.split() for line in self._softnet_stat.read_text().splitlines()]
        # Before Linux 5.14 a row does not say whose it is; then it is the n-th.
        cpus = [int(row[_CPU_COLUMN], 16) if len(row) > _CPU_COLUMN else index for index, row in enumerate(rows)]
        for column, info in enumerate(_SOFTNET):
            yield info.samples({(str(cpu),): int(row[column], 16) for cpu, row in zip(cpus, rows, strict=True)})


def _named_columns(path: Path) -> dict[str, float]:
    """Return the numbers of a file that has pairs of lines: names, then numbers, both after the protocol."""
    lines = path.read_text().splitlines()
    table: dict[str, float] = {}
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        protocol, *keys = names.split()
        table |= {
            f"{protocol[:-1]}_{key}": float(number) for key, number in zip(keys, numbers.split()[1:], strict=True)
        }
    return table
