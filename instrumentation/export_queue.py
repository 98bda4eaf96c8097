"""A bounded queue before an exporter: what comes while it is full is dropped and counted, and nobody ever waits.

The SDK's own batch processor logs a line for what it drops, from within the request; its end waits half a minute for a
dead collector; and a forked child of it goes on with its parent's connections.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry.instrumentation.utils import suppress_instrumentation

from .diagnostics import guarded, say_once
from .environment import BATCH_DELAYS, BATCH_SIZE, QUEUE_SIZE, is_whole
from .export_metrics import QUEUE_FULL, SHUT_DOWN
from .exporters import Exporting
from .native import Event, RLock, begin


def sleep_on() -> None:
    """Leave a daemon thread where it is at the process' end: it has nothing left to clear up that could fail."""
    Event().hold()


class Limits(NamedTuple):
    """How many items wait at most, how many leave at once, and after how many seconds they leave at the latest."""

    size: int = QUEUE_SIZE
    batch: int = BATCH_SIZE
    delay: float = 5.0


def read_limits(environ: Mapping[str, str], processor: str) -> Limits:
    """Return what ``OTEL_BSP_*`` or ``OTEL_BLRP_*`` say; *processor* is ``BSP`` or ``BLRP``."""

    def number(name: str, default: int) -> int:
        text = environ.get(f"OTEL_{processor}_{name}", "").strip()
        return int(text) if is_whole(text) else default

    size = number("MAX_QUEUE_SIZE", QUEUE_SIZE)
    batch = min(size, number("MAX_EXPORT_BATCH_SIZE", BATCH_SIZE))
    return Limits(size, batch, number("SCHEDULE_DELAY", BATCH_DELAYS[processor]) / 1000)


class ExportQueue:
    """Keep what is put, and export it from a daemon thread, which begins with the first item of the process."""

    def __init__(self, signal: str, exporting: Exporting, limits: Limits) -> None:
        self._signal = signal
        self._exporting = exporting
        self._metrics = exporting.metrics
        self._limits = limits
        self._closed = False
        self._ends = False
        self._empty()

    def put(self, item: Any) -> None:
        """Queue *item*, or drop it where the queue is full or at its end."""
        if self._closed:
            self._drop_late()
            return
        if not self._runs:
            self._begin()
        items = self._items
        if len(items) >= self._limits.size:
            self._metrics.count_processed(1, QUEUE_FULL)
            return
        items.append(item)
        if len(items) >= self._limits.batch and not self._wake.is_set():
            self._wake.set()

    def request(self) -> Event:
        """Export what waits now; what is returned is set once that is done."""
        done = Event()
        if not self._runs:
            done.set()
            return done
        self._waiting.append(done)
        self._wake.set()
        if self._ended.is_set():  # it may be gone without having seen it
            done.set()
        return done

    def stop(self, *, ends: bool = True) -> None:
        """Take no more, and export what is left; *ends* where the process does, and nobody needs to be told."""
        self._closed = True
        self._ends = self._ends or ends
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait for what is left, for *seconds* at most."""
        if self._runs:
            self._ended.wait(seconds)

    def forget(self) -> None:
        """Begin anew in a forked child: what waits is its parent's, and so are thread, locks and connections."""
        self._empty()
        self._exporting.forget()

    def _empty(self) -> None:
        self._items: deque[Any] = deque()
        self._waiting: deque[Event] = deque()
        self._wake = Event()
        self._ended = Event()
        self._lock = RLock()
        self._runs = False

    @guarded("begin to push")
    def _begin(self) -> None:
        with self._lock:
            if self._runs:
                return
            if self._exporting.exporter is None:
                self._closed = self._ends = True  # said already
                return
            self._metrics.begin()
            self._runs = True
            try:
                begin(self._run, f"seawall-push-{self._signal}")
            except RuntimeError:  # the interpreter ends, or the system has no more threads
                self._closed = self._ends = True
                self._ended.set()

    def _run(self) -> None:
        with suppress_instrumentation():
            while not self._closed:
                self._wake.hold(self._limits.delay)
                self._wake.clear()
                self._drain()
            self._drain()
            self._ended.set()
            self._tell(self._waiting)
        if self._ends:
            sleep_on()

    def _drain(self) -> None:
        waiting = deque(self._waiting.popleft() for _ in range(len(self._waiting)))
        items, most = self._items, self._limits.batch
        while items:
            batch = [items.popleft() for _ in range(min(len(items), most))]
            self._metrics.count_processed(len(batch), "")
            self._exporting.export(batch, len(batch))
        self._tell(waiting)

    @staticmethod
    def _tell(waiting: deque[Event]) -> None:
        while waiting:
            waiting.popleft().set()

    def _drop_late(self) -> None:
        self._metrics.count_processed(1, SHUT_DOWN)
        if not self._ends:
            say_once(f"The application shut OpenTelemetry down: Seawall pushes no more {self._signal}.")
