"""Which kinds have a collector: each module of this folder that declares a ``KIND``."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

from prometheus_client import Metric

from seawall.catalog import Probe, SeawallError

from .declaration import MetricInfo
from .own import OWN_METRICS


@dataclass(frozen=True)
class Target:
    """What to connect to: *url* holds the password, so it is never shown; *timeout* in seconds bounds each wait.

    *probe* is what a service of kind ``probe`` is asked.
    """

    url: str = field(repr=False)
    timeout: float
    probe: Probe | None = None


class FailedProbeError(SeawallError):
    """A probe that failed, and found *families* all the same, which say how."""

    def __init__(self, text: str, families: list[Metric]) -> None:
        super().__init__(text)
        self.families = families


class ServiceCollector(Protocol):
    """A collector of prometheus-client's that asks one service, over connections that it keeps between probes."""

    def collect(self) -> Iterable[Metric]:
        """Yield the families; raise what the client raises."""
        ...

    def close(self) -> None:
        """End its connections, also the one that another thread waits on."""
        ...


@runtime_checkable
class LastingCollector(ServiceCollector, Protocol):
    """One that outlives a probe which failed, for what it counted meanwhile."""

    def interrupt(self) -> None:
        """End the wait of whoever asks it, and the connection that it waits on."""
        ...


@dataclass(frozen=True)
class Kind:
    """A kind's entry. *up* says whether the probe succeeded; without *connect* the kind is not probed.

    *metrics* is all that can be exposed, *up* first.
    """

    name: str
    up: MetricInfo
    metrics: tuple[MetricInfo, ...]
    connect: Callable[[Target], ServiceCollector] | None = None


@cache
def kinds() -> dict[str, Kind]:
    """Return every kind that has a collector, by name."""
    folder = Path(__file__).parent
    names = sorted(module.name for module in pkgutil.iter_modules([str(folder)]))
    entries = (getattr(importlib.import_module(f"{__package__}.{name}"), "KIND", None) for name in names)
    return {entry.name: entry for entry in entries if isinstance(entry, Kind)}


def inventory() -> dict[str, tuple[MetricInfo, ...]]:
    """Return what each kind's collector can expose; ``seawall`` is the exporter itself."""
    return {"seawall": OWN_METRICS} | {name: kind.metrics for name, kind in kinds().items()}
