"""OpenTelemetry's providers: set up once, never in the place of one that is set already."""

import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

from opentelemetry import metrics, trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExporter, MetricReader
from opentelemetry.sdk.metrics.view import DropAggregation, View
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, Tracer

from .diagnostics import guarded
from .family_text import header, label_text
from .naming import label_name
from .native import RLock
from .second_spans import SecondCallTracer, SecondTracer
from .settings import Settings

# What the SDK tells of its own exporters and processors, Seawall tells of its own.
_COUNTED_ALREADY: Final = ("otel.sdk.exporter.*.exported", "otel.sdk.processor.*.processed")

_CONTRIB: Final = "opentelemetry.instrumentation"
# Whatever else sees the requests that Seawall counts, by the name that it gives OpenTelemetry as its own.
SERVERS: Final = frozenset(
    {
        *(f"{_CONTRIB}.{each}" for each in ("asgi", "wsgi", "fastapi", "starlette", "flask", "django", "falcon")),
        f"{_CONTRIB}.aiohttp_server",
        "fastapi",
        "starlette",
    }
)

# The same of gRPC's calls and Celery's tasks; these tell of a client's calls and a producer's messages too.
_CALLED: Final = frozenset({f"{_CONTRIB}.grpc", f"{_CONTRIB}.celery"})

# Names of metrics that the ones of these would count a second time. What any other library or the application itself
# tells under the same name is its own, and stays.
_COUNTED_BY: Final = (
    *(("http.server.*", scope) for scope in sorted(SERVERS)),
    ("rpc.server.*", f"{_CONTRIB}.grpc"),
    *(
        ("http.client.request.duration", f"{_CONTRIB}.{library}")
        for library in ("aiohttp_client", "httpx", "requests", "urllib", "urllib3")
    ),
    *(("db.client.operation.duration", f"{_CONTRIB}.{each}") for each in ("asyncpg", "psycopg", "redis", "sqlalchemy")),
    ("db.client.operation.duration", "redis-py"),
    ("db.client.connections.*", f"{_CONTRIB}.sqlalchemy"),
    ("process.*", f"{_CONTRIB}.system_metrics"),
    ("cpython.gc.*", f"{_CONTRIB}.system_metrics"),
)


_own: Final[list[MeterProvider]] = []


class SeawallTracerProvider(TracerProvider):
    """The SDK's, except that who sees a request beside Seawall makes no second span of it."""

    def get_tracer(self, instrumenting_module_name: str, *others: Any, **named: Any) -> Tracer:
        """Return the tracer of a library."""
        tracer = super().get_tracer(instrumenting_module_name, *others, **named)
        if instrumenting_module_name in _CALLED:
            return SecondCallTracer(tracer)
        return SecondTracer(tracer) if instrumenting_module_name in SERVERS else tracer


def build_resource(settings: Settings) -> Resource:
    """Return who this is: ``OTEL_*`` first, then the catalog."""
    said = OTELResourceDetector().detect().attributes
    return Resource.create({key: value for key, value in settings.attributes.items() if key not in said})


def set_tracer_provider(resource: Resource, processor: SpanProcessor | None = None) -> TracerProvider | None:
    """Set a tracer provider with *processor*; return it, or None where the application has set one."""
    if not isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        return None
    provider = SeawallTracerProvider(resource=resource, shutdown_on_exit=False)
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
    _own.append(provider)
    return provider


def is_own_meter(meter: Any) -> bool:
    """Whether what *meter* counts comes to Seawall's provider."""
    real = getattr(meter, "_real_meter", None) or meter  # what asked for it before there was a provider has a stand-in
    consumer = getattr(real, "_measurement_consumer", None)
    return consumer is not None and any(consumer is provider._measurement_consumer for provider in _own)


def is_own(provider: Any) -> bool:
    """Whether *provider*, of spans or of counts, is one that Seawall made."""
    return isinstance(provider, SeawallTracerProvider) or any(provider is each for each in _own)


def counted_views() -> list[View]:
    """Return the views that drop what Seawall counts itself."""
    views = [View(instrument_name=name, aggregation=DropAggregation()) for name in _COUNTED_ALREADY]
    for name, scope in _COUNTED_BY:
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


@guarded("give a forked child an instance of its own")
def rename_child() -> None:
    """Give a forked child a ``service.instance.id`` of its own, as the SDK does where Python tells it of the fork."""
    from opentelemetry import _logs  # a worker of uWSGI's alone comes here

    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()):
        handle = getattr(provider, "_handle_fork", None)
        if handle is not None:
            handle()


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
