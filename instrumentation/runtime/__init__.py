"""What the process and its runtime do: garbage collection, event loops, workers that are busy, memory, files."""

from collections.abc import Iterable

from seawall.instrumentation.aggregation import Family

from .eventloop import EventLoopMetrics
from .garbage import GarbageMetrics
from .process import ProcessMetrics
from .workers import WorkerPools

__all__ = ["RuntimeMetrics"]


class RuntimeMetrics:
    """Hold the metrics of this process' runtime; *active* counts the requests that are open."""

    def __init__(self, active: Family) -> None:
        self._garbage = GarbageMetrics()
        self._loops = EventLoopMetrics()
        self._pools = WorkerPools(active)

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose."""
        return (
            *self._garbage.families,
            *self._loops.families,
            *self._pools.families,
            *ProcessMetrics().families,
        )

    def hook(self) -> None:
        """Watch from now on."""
        self._garbage.hook()
        self._loops.hook()
        self._pools.hook()
