"""Network interfaces."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final

import psutil
from prometheus_client import Metric

from seawall.exporters.declaration import MetricInfo, counter, gauge

from .machine import Machine, read_number

EXCLUDED_INTERFACES: Final = r"^lo$"


def _traffic(name: str, unit: str, meaning: str) -> MetricInfo:
    return counter(f"node_network_{name}_total", unit, meaning, "device")


_COUNTERS: Final = {
    "bytes_recv": _traffic("receive_bytes", "bytes", "Bytes received."),
    "bytes_sent": _traffic("transmit_bytes", "bytes", "Bytes sent."),
    "packets_recv": _traffic("receive_packets", "", "Packets received."),
    "packets_sent": _traffic("transmit_packets", "", "Packets sent."),
    "errin": _traffic("receive_errs", "", "Packets received broken."),
    "errout": _traffic("transmit_errs", "", "Packets that could not be sent."),
    "dropin": _traffic("receive_drop", "", "Packets received and dropped."),
    "dropout": _traffic("transmit_drop", "", "Packets dropped before they were sent."),
}

UP: Final = gauge("node_network_up", "", "1 if the interface's operational state is up, else 0.", "device")
SPEED: Final = gauge("node_network_speed_bytes", "bytes", "Speed of the link, in bytes per second.", "device")
CARRIER: Final = gauge("node_network_carrier", "", "1 if the link has a carrier, else 0.", "device")
CARRIER_CHANGES: Final = counter(
    "node_network_carrier_changes_total", "", "How often the carrier came or went.", "device"
)
MTU: Final = gauge("node_network_mtu_bytes", "bytes", "Largest packet that the interface sends.", "device")

_BYTES_PER_MEGABIT: Final = 1_000_000 / 8


def traffic() -> Mapping[str, Any]:
    """Return psutil's counters by interface; a reset shows, since Prometheus handles it itself."""
    return psutil.net_io_counters(pernic=True, nowrap=False)


class NetworkCollector:
    """Traffic, errors and drops of each interface."""

    name: ClassVar = "netdev"
    metrics: ClassVar[tuple[MetricInfo, ...]] = tuple(_COUNTERS.values())

    def __init__(
        self,
        io_counters: Callable[[], Mapping[str, Any]] = traffic,
        excluded: str = EXCLUDED_INTERFACES,
    ) -> None:
        self._io_counters = io_counters
        self._excluded = re.compile(excluded)

    def collect(self) -> Iterator[Metric]:
        """Yield every counter."""
        cards = {name: card for name, card in self._io_counters().items() if not self._excluded.search(name)}
        for field, info in _COUNTERS.items():
            yield info.samples({(name,): getattr(card, field) for name, card in cards.items()})


class InterfaceCollector:
    """State of each interface, from /sys/class/net."""

    name: ClassVar = "netclass"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (UP, SPEED, CARRIER, CARRIER_CHANGES, MTU)

    def __init__(self, machine: Machine) -> None:
        self._folder = machine.sys / "class/net"

    def collect(self) -> Iterator[Metric]:
        """Yield the states; a speed that the driver does not know is no sample."""
        cards = sorted(path.name for path in self._folder.iterdir() if path.is_dir())
        yield UP.samples({(card,): (self._folder / card / "operstate").read_text().strip() == "up" for card in cards})
        yield SPEED.samples({(card,): self._speed(card) for card in cards})
        for info, field in ((CARRIER, "carrier"), (CARRIER_CHANGES, "carrier_changes"), (MTU, "mtu")):
            yield info.samples({(card,): read_number(self._folder / card / field) for card in cards})

    def _speed(self, card: str) -> float | None:
        megabits = read_number(self._folder / card / "speed")
        return None if megabits is None or megabits < 0 else megabits * _BYTES_PER_MEGABIT
