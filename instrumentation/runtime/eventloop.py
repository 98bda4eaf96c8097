"""How late an event loop is: what a callback that is due waits until the loop gets to it.

One timer a second for each loop that runs, so an idle process stays idle. What it finds is a sample of what any request
would have met at that moment: a loop that is blocked for a fifth of the time is late in a fifth of the samples.
"""

from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter
from types import ModuleType
from typing import Any, Final

from wrapt import register_post_import_hook

from seawall.instrumentation.aggregation import Family, Histogram
from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.memory import Labels
from seawall.instrumentation.wrapping import wrap

_BOUNDARIES: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_INTERVAL: Final = 1.0
_LOOPS: Final = {"asyncio.base_events": ("BaseEventLoop", "asyncio"), "uvloop": ("Loop", "uvloop")}


class LoopWatch:
    """Watch one loop while it runs; the loop alone holds this, and lets go of it when it stops."""

    __slots__ = ("_due", "_handle", "_loop", "_record")

    def __init__(self, loop: Any, record: Callable[[float], object]) -> None:
        self._loop = loop
        self._record = record
        self._handle: Any = None
        self._due = 0.0

    @guarded("watch an event loop")
    def start(self) -> None:
        """Ask to be called in a second; a timer keeps no loop alive."""
        self._due = perf_counter() + _INTERVAL
        self._handle = self._loop.call_later(_INTERVAL, self._tick)

    @guarded("watch an event loop")
    def stop(self) -> None:
        """Forget the timer: a loop that is run again later was not late meanwhile."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    @guarded("measure an event loop")
    def _tick(self) -> None:
        self._record(max(0.0, perf_counter() - self._due))
        self.start()


class EventLoopMetrics:
    """Measure every loop of asyncio and of uvloop, whoever makes it and however often."""

    def __init__(self) -> None:
        self.lag = Histogram(
            "seawall.eventloop.lag",
            "How late a callback of the event loop ran, measured once a second.",
            ("seawall.eventloop.type",),
            boundaries=_BOUNDARIES,
        )

    @property
    def families(self) -> Iterable[Family]:
        """Everything to expose."""
        return (self.lag,)

    def hook(self) -> None:
        """Wait for the import of each kind of loop."""
        for module, (name, kind) in _LOOPS.items():
            register_post_import_hook(guarded(f"watch {module}")(self._watch(name, kind)), module)

    def _watch(self, name: str, kind: str) -> Callable[[ModuleType], None]:
        def hook(module: ModuleType) -> None:
            loop = getattr(module, name)
            # uvloop's class in Python has no method of its own yet: it inherits them from the one in C.
            if "run_forever" not in loop.__dict__:
                loop.run_forever = _inherited(loop, "run_forever")
            wrap(loop, "run_forever", self._around((kind,)))

        return hook

    def _around(self, labels: Labels) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        record = partial(self.lag.record, labels)

        def around(run_forever: Callable[..., Any]) -> Callable[..., Any]:
            def run(loop: Any) -> Any:
                watch = LoopWatch(loop, record)
                watch.start()
                try:
                    return run_forever(loop)
                finally:
                    watch.stop()

            return run

        return around


def _inherited(owner: type, name: str) -> Callable[..., Any]:
    def call(self: Any) -> Any:
        return getattr(super(owner, self), name)()

    return call
