"""OpenTelemetry's providers: set up once, never in the place of one that is set already."""

import os
from collections.abc import Iterable, Iterator
from threading import RLock
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExporter, MetricReader
from opentelemetry.sdk.metrics.view import DropAggregation, View
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider

from .diagnostics import guarded
from .family_text import header, label_text
from .naming import label_name
from .settings import Settings

# Seawall counts requests and exports itself. Whatever else does it through these providers (FastAPI's native telemetry,
# Starlette's middleware, contrib's, the SDK's own metrics) would count them a second time.
_COUNTED_ALREADY: Final = (
    "http.server.request.duration",
    "http.server.active_requests",
    "http.server.duration",
    "otel.sdk.exporter.*.exported",
    "otel.sdk.processor.*.processed",
)

# Nor do the calls of these libraries count twice, by contrib's instrumentations of them or by redis-py's own telemetry.
# What another library tells of its calls under the same name is its own, and stays.
_CALLED_ALREADY: Final = (
    *(
        ("http.client.request.duration", f"opentelemetry.instrumentation.{library}")
        for library in ("aiohttp_client", "httpx", "requests", "urllib", "urllib3")
    ),
    ("db.client.operation.duration", "redis-py"),
)


def build_resource(settings: Settings) -> Resource:
    """Return who this is: ``OTEL_*`` first, then the catalog."""
    said = OTELResourceDetector().detect().attributes
    return Resource.create({key: value for key, value in settings.attributes.items() if key not in said})


def set_tracer_provider(resource: Resource, processor: SpanProcessor | None = None) -> TracerProvider | None:
    """Set a tracer provider with *processor*; return it, or None where the application has set one."""
    if not isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        return None
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    if processor is not None:
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    return provider


def set_meter_provider(resource: Resource, readers: Iterable[MetricReader]) -> MeterProvider | None:
    """Set a meter provider with *readers*; return it, or None where the application has set one."""
    if _is_configured(metrics.get_meter_provider()):
        return None
    provider = MeterProvider(tuple(readers), resource=resource, views=counted_views(), shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    return provider


def counted_views() -> list[View]:
    """Return the views that drop what Seawall counts itself."""
    views = [View(instrument_name=name, aggregation=DropAggregation()) for name in _COUNTED_ALREADY]
    for name, scope in _CALLED_ALREADY:
        views.append(View(instrument_name=name, meter_name=scope, aggregation=DropAggregation()))
    return views


def metric_reader(exporter: MetricExporter | None = None) -> InMemoryMetricReader:
    """Return a reader whose metrics are collected when they are asked for, as *exporter* prefers them."""
    if exporter is None:
        return InMemoryMetricReader()
    # What the SDK's own periodic reader asks its exporter for.
    return InMemoryMetricReader(exporter._preferred_temporality, exporter._preferred_aggregation)


@guarded("begin the counts of a forked child at zero")
def forget_counts() -> bool:
    """Forget what the SDK has counted, as a forked child must, whose parent tells it; return whether it was anything.

    The SDK has no word for this: a child of it goes on with its parent's counts, and their sum counts these twice.
    """
    consumer = getattr(metrics.get_meter_provider(), "_measurement_consumer", None)
    counted = False
    for storage in getattr(consumer, "_reader_storages", {}).values():
        storage._lock = RLock()  # a thread that holds the old one is not here
        counted = counted or bool(storage._instrument_view_instrument_matches)
        storage._instrument_view_instrument_matches = {}
    return counted


def _is_configured(provider: metrics.MeterProvider) -> bool:
    # The API has no question for this; its own stand-in is the only provider that is made before one is set.
    return type(provider).__name__ != "_ProxyMeterProvider" and not isinstance(provider, NoOpMeterProvider)


def current_tracer_provider() -> trace.TracerProvider | None:
    """Return the tracer provider that is set, or None."""
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, ProxyTracerProvider | NoOpTracerProvider) else provider


class TargetInfo:
    """Expose the resource, as the specification says: one ``target_info`` whose labels are its attributes."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def lines(self, openmetrics: bool) -> Iterator[str]:
        """Return the one sample."""
        attributes = {label_name(key): str(value) for key, value in sorted(self._resource.attributes.items())}
        name = "target" if openmetrics else "target_info"
        yield from header(name, "info", "Target metadata", "", openmetrics)
        yield f"target_info{{{label_text(tuple(attributes), tuple(attributes.values()))}}} 1"


def default_stable_conventions() -> None:
    """Have contrib's instrumentations emit the stable HTTP names, unless the operator chose."""
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")
