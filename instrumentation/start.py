"""Start the instrumentation: what ``import seawall.auto`` does."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final

from . import providers
from .diagnostics import guarded, logger, say_once
from .exposition import Registry
from .frameworks import Frameworks
from .http_server import HttpServerMetrics
from .logs import add_trace_ids
from .points import SdkMetrics
from .process import ProcessMetrics
from .scrape import ScrapeServer
from .settings import Settings, read_settings
from .tracing import ServerTracer
from .worker import WorkerMetrics


@dataclass
class Instrumentation:
    """Hold what runs in this process."""

    settings: Settings
    registry: Registry
    http: HttpServerMetrics
    worker: WorkerMetrics
    server: ScrapeServer | None = None


_lock: Final = Lock()
_running: list[Instrumentation] = []


def start(environ: Mapping[str, str] | None = None) -> Instrumentation | None:
    """Instrument this process, once; later calls return what runs. Never raises: what fails is one log line.

    *environ* defaults to the process' environment. Returns None where ``OTEL_SDK_DISABLED`` is true.
    """
    with _lock:
        if not _running:
            _begin(read_settings(os.environ if environ is None else environ))
        return _running[0] if _running else None


def worker_metrics() -> WorkerMetrics:
    """Return the worker's metrics of this process, which are exposed where the instrumentation runs."""
    if not _running:
        start()
    return _running[0].worker if _running else _UNEXPOSED


_UNEXPOSED: Final = WorkerMetrics()


@guarded("start")
def _begin(settings: Settings) -> None:
    for problem in settings.problems:
        say_once(problem, level=logging.ERROR if settings.catalogued else logging.WARNING)
    if settings.disabled:
        return
    registry = Registry()
    http = HttpServerMetrics(settings.thresholds, settings.methods)
    instrumentation = Instrumentation(settings, registry, http, WorkerMetrics(settings.thresholds))
    registry.add(http.duration, http.active, *instrumentation.worker.families)
    _running.append(instrumentation)
    tracer = _set_providers(settings, registry)
    Frameworks(http, tracer).hook()
    add_trace_ids()
    if settings.serves:
        instrumentation.server = _serve(settings, registry)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=registry.reset)


@guarded("set up OpenTelemetry")
def _set_providers(settings: Settings, registry: Registry) -> ServerTracer | None:
    providers.default_stable_conventions()
    resource = providers.build_resource(settings)
    reader = providers.scrape_reader()
    registry.add_source(providers.TargetInfo(resource).lines)
    registry.add_source(ProcessMetrics().lines)
    if providers.set_meter_provider(resource, [reader]) is not None:
        registry.add_source(SdkMetrics(reader, lambda: [family.name for family in registry.families]).lines)
    else:
        say_once(
            "Seawall leaves the meter provider as the application set it: /metrics holds Seawall's own metrics alone."
        )
    providers.set_tracer_provider(resource)
    provider = providers.current_tracer_provider()
    return ServerTracer(provider) if provider is not None else None


@guarded("serve /metrics")
def _serve(settings: Settings, registry: Registry) -> ScrapeServer | None:
    try:
        return ScrapeServer(registry, settings.host, settings.port)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        if settings.catalogued:
            logger.error(
                "Seawall serves no /metrics: %s is taken (%s). A catalogued service keeps its port: free it, or set "
                "OTEL_EXPORTER_PROMETHEUS_PORT and the service's targets to another one.",
                place,
                error.strerror,
            )
            return None
        server = ScrapeServer(registry, settings.host, 0)
        logger.warning("%s is taken (%s): Seawall serves /metrics on port %d.", place, error.strerror, server.port)
        return server
