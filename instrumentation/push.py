"""Push to an OTLP collector: spans, log records, what the SDK collected, and Seawall's own metrics beside it.

The SDK's periodic reader exports nothing where the application itself counts nothing, and the end of its processors
waits for a dead collector for many seconds. Here each signal has a daemon thread of its own, and the exit waits for all
of them together, a second at most.
"""

import atexit
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from time import monotonic
from typing import Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from wrapt import register_post_import_hook

from .aggregation import Family
from .diagnostics import described, guarded, say_once
from .environment import is_whole
from .export_metrics import SignalMetrics
from .export_queue import ExportQueue, read_limits, sleep_on
from .exporters import Exporting, make_exporter, transport_of
from .forks import after_fork, before_silent_end
from .log_export import LogExport
from .native import Event, begin
from .otlp_points import Points
from .processors import EXIT_SECONDS, QueuedSpans, logger_provider
from .providers import metric_reader
from .settings import Settings
from .tracing import SCOPE_NAME
from .wrapping import wrap

_INTERVAL: Final = "OTEL_METRIC_EXPORT_INTERVAL"
_DEFAULT_INTERVAL: Final = 60_000  # milliseconds, as OpenTelemetry says
_LAST: Final = -1000  # among multiprocessing's finalizers: after all of the application's own
_ONE_END: Final = 5.0  # seconds; a server's end and the interpreter's within these are one, and wait once


def read_interval(environ: Mapping[str, str]) -> float:
    """Return the seconds between two pushes of the metrics."""
    text = environ.get(_INTERVAL, "").strip()
    if text and not is_whole(text):
        say_once(f"{_INTERVAL}={text} is no number of milliseconds; {_DEFAULT_INTERVAL} it is.")
        text = ""
    return int(text or _DEFAULT_INTERVAL) / 1000


class Push:
    """Hold a queue for spans and one for log records, and push what *families* holds and ``reader`` collects."""

    def __init__(
        self,
        settings: Settings,
        resource: Resource,
        families: Callable[[], Iterable[Family]],
        environ: Mapping[str, str],
    ) -> None:
        self.families: list[Family] = []
        self._metrics = self._exporting("METRICS", environ) if settings.pushes_metrics else None
        self.spans = self._queue("TRACES", "BSP", environ) if settings.pushes_traces else None
        self.logs = self._queue("LOGS", "BLRP", environ) if settings.pushes_logs else None
        self.reader = metric_reader(self._metrics.exporter) if self._metrics is not None else None
        self._resource: Callable[[], Resource] = lambda: resource
        self._families = families
        self._interval = read_interval(environ)
        self._points = Points(self._metrics.exporter if self._metrics is not None else None)
        self._waited = (float("-inf"), 0.0)
        self._parts: list[Pusher | ExportQueue] = [queue for queue in (self.spans, self.logs) if queue]

    def begin(self, spans: TracerProvider | None) -> None:
        """Push from now on, until the exit; *spans* is Seawall's own provider of them."""
        if spans is not None:
            self._resource = lambda: spans.resource  # the SDK gives each forked worker an instance of its own
        if self.logs is not None:
            LogExport(logger_provider(self._resource(), self.logs)).hook()
        if self.reader is not None:
            self._parts.append(Pusher(self.push, self._interval))
        atexit.register(self.close)
        after_fork(self._forget)
        before_silent_end(self.close)
        register_post_import_hook(guarded("hook into uvicorn's end")(self._hook_uvicorn), "uvicorn.server")
        register_post_import_hook(guarded("hook into processes' ends")(self._hook_processes), "multiprocessing.util")
        register_post_import_hook(guarded("hook into RQ's ends")(self._hook_rq), "rq.worker.base")
        register_post_import_hook(guarded("hook into Celery's ends")(self._hook_celery), "celery.signals")

    @property
    def span_processor(self) -> QueuedSpans | None:
        """What a tracer provider hands its spans to."""
        return QueuedSpans(self.spans) if self.spans is not None else None

    def push(self) -> None:
        """Export the metrics once."""
        if self.reader is None or self._metrics is None:
            return
        scopes = [ScopeMetrics(InstrumentationScope(SCOPE_NAME), self._points.of(self._families()), "")]
        collected = self.reader.get_metrics_data()
        for resource in collected.resource_metrics if collected else ():
            scopes += resource.scope_metrics
        points = sum(len(metric.data.data_points) for scope in scopes for metric in scope.metrics)
        # One entry for the resource: of two that are equal, the exporter sends the last alone.
        if self._metrics.export(MetricsData([ResourceMetrics(self._resource(), scopes, "")]), points):
            self._points.keep()

    def close(self) -> None:
        """Push what is left: all signals at once, for a second at most."""
        for part in self._parts:
            part.stop()
        self._wait(part.join for part in self._parts)

    def flush(self) -> None:
        """Push what waits now, for a second at most: at a server's end, which may not be the interpreter's."""
        self._wait([part.request().wait for part in self._parts])

    def _wait(self, waits: Iterable[Callable[[float], object]]) -> None:
        at, spent = self._waited
        began = monotonic()
        left = EXIT_SECONDS - (spent if began - at < _ONE_END else 0.0)
        for wait in waits:
            wait(max(0.0, began + left - monotonic()))
        self._waited = (began, EXIT_SECONDS - left + monotonic() - began)

    def _exporting(self, signal: str, environ: Mapping[str, str]) -> Exporting | None:
        transport = transport_of(signal, environ)
        metrics = SignalMetrics(signal.lower(), transport)
        found = Exporting(signal.lower(), lambda: make_exporter(signal, transport), metrics)
        if found.exporter is None:
            return None
        self.families += metrics.families
        return found

    def _queue(self, signal: str, processor: str, environ: Mapping[str, str]) -> ExportQueue | None:
        exporting = self._exporting(signal, environ)
        return ExportQueue(signal.lower(), exporting, read_limits(environ, processor)) if exporting else None

    def _hook_uvicorn(self, module: Any) -> None:
        """Push as uvicorn's server ends: it raises the signal again, and a SIGTERM ends the process on the spot."""

        def around(original: Callable[..., Any]) -> Callable[..., Any]:
            async def shutdown(server: Any, *args: Any, **kwargs: Any) -> Any:
                try:
                    return await original(server, *args, **kwargs)
                finally:
                    if getattr(server, "_captured_signals", None):
                        self.flush()

            return shutdown

        wrap(module.Server, "shutdown", around)

    def _hook_processes(self, module: Any) -> None:
        """Push as a process of ``multiprocessing`` ends: one that is forked never comes to the interpreter's end."""

        def register(push: Push) -> None:
            module.Finalize(None, push.close, exitpriority=_LAST)

        register(self)
        module.register_after_fork(self, register)

    def _hook_rq(self, module: Any) -> None:
        """Push as a work-horse ends, which leaves by ``os._exit``."""

        def around(original: Callable[..., Any]) -> Callable[..., Any]:
            def perform_job(worker: Any, *args: Any, **kwargs: Any) -> Any:
                try:
                    return original(worker, *args, **kwargs)
                finally:
                    if worker.is_horse:
                        self.flush()

            return perform_job

        wrap(module.BaseWorker, "perform_job", around, "__seawall_push__")

    def _hook_celery(self, module: Any) -> None:
        """Push as a process of Celery's pool ends, which leaves by ``os._exit`` too."""

        def flush(**_: Any) -> None:
            self.flush()

        module.worker_process_shutdown.connect(flush, weak=False, dispatch_uid="seawall.push")

    @guarded("push from a forked child")
    def _forget(self) -> None:
        self._points.begin()
        self._waited = (float("-inf"), 0.0)
        if self._metrics is not None:
            self._metrics.forget()
        for part in self._parts:
            part.forget()


class Pusher:
    """Call *push* each *interval* seconds from a daemon thread, and once more at the end."""

    def __init__(self, push: Callable[[], object], interval: float) -> None:
        self._push = push
        self._interval = interval
        self._ends = False
        self.forget()

    def stop(self) -> None:
        """Push once more, and no more."""
        self._ends = True
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait for the last push, for *seconds* at most."""
        self._ended.wait(seconds)

    def request(self) -> Event:
        """Push now; what is returned is set once that is done."""
        done = Event()
        self._waiting.append(done)
        self._wake.set()
        return done

    def forget(self) -> None:
        """Begin anew in a forked child, which has no thread of its parent's."""
        self._waiting: list[Event] = []
        self._wake = Event()
        self._ended = Event()
        begin(partial(self._run, self._wake, self._ended), "seawall-push-metrics")

    def _run(self, wake: Event, ended: Event) -> None:
        with suppress_instrumentation():
            ends = False
            while not ends:
                wake.hold(self._interval)
                wake.clear()
                ends = self._ends
                waiting, self._waiting = self._waiting, []
                self._call()
                for done in waiting:
                    done.set()
            ended.set()
        sleep_on()

    def _call(self) -> None:
        try:
            self._push()
        except Exception as error:  # noqa: BLE001 - the next push may succeed
            say_once(f"Seawall could not push by OTLP: {described(error)}")
