"""Push to an OTLP collector: the spans, what the SDK collected, and Seawall's own metrics beside it.

The SDK's periodic reader exports nothing where the application itself counts nothing, and its exit waits for a dead
collector for many seconds. One daemon thread does both better: it pushes each interval, and once more at the exit,
which waits a second for it at most.
"""

import atexit
import os
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from threading import Event, Thread
from time import time_ns
from typing import Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from .aggregation import Family
from .diagnostics import say_once
from .otlp_points import metric_of
from .providers import metric_reader
from .settings import Settings
from .tracing import SCOPE_NAME

EXIT_SECONDS: Final = 1.0
_INTERVAL: Final = "OTEL_METRIC_EXPORT_INTERVAL"
_DEFAULT_INTERVAL: Final = 60_000  # milliseconds, as OpenTelemetry says
_PACKAGES: Final = {"http/protobuf": "http", "grpc": "grpc"}
_CLASSES: Final = {
    "METRICS": ("metric_exporter", "OTLPMetricExporter"),
    "TRACES": ("trace_exporter", "OTLPSpanExporter"),
}


def make_exporter(signal: str, environ: Mapping[str, str]) -> Any | None:
    """Return OpenTelemetry's own exporter of *signal*; None, and one log line, where its package is missing."""
    variables = (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = next((environ[name].strip() for name in variables if environ.get(name)), "http/protobuf")
    if protocol not in _PACKAGES:
        say_once(f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol}: Seawall knows http/protobuf and grpc; http/protobuf it is.")
    transport = _PACKAGES.get(protocol, "http")
    module, name = _CLASSES[signal]
    try:
        return getattr(import_module(f"opentelemetry.exporter.otlp.proto.{transport}.{module}"), name)()
    except ImportError as error:
        extra = "otlp" if transport == "http" else "otlp-grpc"
        say_once(f'Seawall pushes no {signal.lower()} by OTLP ({error}): pip install "seawall[{extra}]"')
    except Exception as error:  # noqa: BLE001 - a wrong certificate, compression, header: the application comes first
        say_once(f"Seawall pushes no {signal.lower()} by OTLP: {type(error).__name__}: {error}")
    return None


def read_interval(environ: Mapping[str, str]) -> float:
    """Return the seconds between two pushes of the metrics."""
    text = environ.get(_INTERVAL, "").strip()
    if text and not (text.isdecimal() and int(text) > 0):
        say_once(f"{_INTERVAL}={text} is no number of milliseconds; {_DEFAULT_INTERVAL} it is.")
        text = ""
    return int(text or _DEFAULT_INTERVAL) / 1000


class Push:
    """Hold the exporters, and push what *families* holds of *resource* and what ``reader`` collects."""

    def __init__(
        self,
        settings: Settings,
        resource: Resource,
        families: Callable[[], Iterable[Family]],
        environ: Mapping[str, str],
    ) -> None:
        self._metrics: Any = make_exporter("METRICS", environ) if settings.pushes_metrics else None
        self.spans = make_exporter("TRACES", environ) if settings.pushes_traces else None
        self.reader = metric_reader(self._metrics) if self._metrics is not None else None
        self._resource = resource
        self._families = families
        self._interval = read_interval(environ)
        self._started = time_ns()

    def begin(self, spans: TracerProvider | None) -> None:
        """Push from now on; *spans* is the provider whose last spans are sent at the exit."""
        last = [spans.shutdown] if spans is not None and self.spans is not None else []
        if self.reader is not None or last:
            Pusher(self.push if self.reader is not None else None, last, self._interval)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._count_anew)

    def push(self) -> None:
        """Export the metrics once."""
        if self.reader is None:
            return
        now = time_ns()
        own = [metric_of(family, self._started, now) for family in self._families()]
        scopes = [ScopeMetrics(InstrumentationScope(SCOPE_NAME), [metric for metric in own if metric], "")]
        collected = self.reader.get_metrics_data()
        for resource in collected.resource_metrics if collected else ():
            scopes += resource.scope_metrics
        # One entry for the resource: of two that are equal, the exporter sends the last alone.
        self._metrics.export(MetricsData([ResourceMetrics(self._resource, scopes, "")]))

    def _count_anew(self) -> None:
        self._started = time_ns()


class Pusher:
    """Call *push* each *interval* seconds from a daemon thread; at the exit, once more after each of *last*."""

    def __init__(self, push: Callable[[], None] | None, last: Iterable[Callable[[], object]], interval: float) -> None:
        self._push = push
        self._last = [*last]
        self._interval = interval if push else None
        self._start()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start)

    def close(self) -> None:
        """Push what is left, for a second at most."""
        self._stop.set()
        self._thread.join(EXIT_SECONDS)

    def _start(self) -> None:
        self._stop = Event()
        self._thread = Thread(target=self._run, args=(self._stop,), name="seawall-push", daemon=True)
        self._thread.start()

    def _run(self, stop: Event) -> None:
        with suppress_instrumentation():
            while not stop.wait(self._interval):
                self._call(self._push)
            for call in (self._push, *self._last):
                self._call(call)

    @staticmethod
    def _call(call: Callable[[], object] | None) -> None:
        try:
            if call is not None:
                call()
        except Exception as error:  # noqa: BLE001 - the next push may succeed
            say_once(f"Seawall could not push by OTLP: {type(error).__name__}: {error}")
