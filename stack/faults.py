"""The example's switchable faults: one small file that its services look at."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .layout import write_atomically

HEALED: Final[Mapping[str, float | bool]] = {
    "errors": 0.0,
    "latency": 0.0,
    "load": 1.0,
    "dependency_down": False,
    "leaked_connections": False,
    "stopped_mailer": False,
    "scattered_pages": False,
}


@dataclass(frozen=True)
class Fault:
    """One switch: the keys that it sets, and what a person will see."""

    sets: Mapping[str, float | bool]
    happens: str


FAULTS: Final[Mapping[str, Fault]] = {
    "errors": Fault(
        {"errors": 0.5}, "Half of the shop's requests now fail. Within three minutes its availability page fires."
    ),
    "latency": Fault(
        {"latency": 1.0}, "Every request of the shop now takes a second longer. Its latency alerts follow."
    ),
    "dependency": Fault(
        {"dependency_down": True},
        "The checkout now behaves as if its payment provider were down. Its page names the cause.",
    ),
    "load": Fault(
        {"load": 3.0}, "The load generator now sends three times as many requests. Saturation alerts follow."
    ),
    "connections": Fault(
        {"leaked_connections": True},
        "The checkout now opens a connection with each order and forgets it. The shop's PostgreSQL, where there is "
        "one, is soon full.",
    ),
    "consumers": Fault(
        {"stopped_mailer": True},
        "The mailer now leaves its queue alone. In five minutes the shop's RabbitMQ, where there is one, pages.",
    ),
    "eviction": Fault(
        {"scattered_pages": True},
        "The storefront now caches each page for every visitor. The shop's Redis, where there is one, soon evicts.",
    ),
    "heal": Fault(
        HEALED, "All faults are off. The alerts resolve by themselves, and the inbox shows how long each took."
    ),
}


def read(path: Path) -> dict[str, Any]:
    """Return the faults that are switched on in the file at *path*; all off where it cannot be read."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    return {**HEALED, **(known if isinstance(known, dict) else {})}


def switch(path: Path, name: str) -> dict[str, Any]:
    """Switch the fault *name* on beside those that are on already, or all off; return what is on now."""
    faults = {**read(path), **FAULTS[name].sets}
    write_atomically(path, json.dumps(faults, indent=1) + "\n")
    return faults
