"""Start the instrumentation: what ``import seawall.auto`` does."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.resources import Resource

from . import providers
from .caches import watch_caches
from .clients import Clients
from .diagnostics import guarded, logger, say_once
from .exposition import Registry
from .frameworks import Frameworks
from .http_server import HttpServerMetrics
from .logs import add_trace_ids
from .points import SdkMetrics
from .pools import watch_pools
from .rpc_server import RpcServerMetrics
from .runtime import RuntimeMetrics
from .scrape import ScrapeServer
from .settings import Settings, read_settings
from .tracing import ServerTracer
from .worker import WorkerMetrics

if TYPE_CHECKING:
    from .push import Push


@dataclass
class Instrumentation:
    """Hold what runs in this process."""

    settings: Settings
    registry: Registry
    http: HttpServerMetrics
    worker: WorkerMetrics
    server: ScrapeServer | None = None
    serves_child: bool = False


_lock: Final = RLock()  # re-entrant: what is imported while it is held may itself import seawall.auto
_begun: Final[list[bool]] = []
_running: Final[list[Instrumentation]] = []


def start(environ: Mapping[str, str] | None = None) -> Instrumentation | None:
    """Instrument this process, once; later calls return what runs. Never raises: what fails is one log line.

    *environ* defaults to the process' environment. Returns None where ``OTEL_SDK_DISABLED`` is true.
    """
    with _lock:
        if not _begun:
            _begun.append(True)
            _begin(os.environ if environ is None else environ)
        return _running[0] if _running else None


def worker_metrics() -> WorkerMetrics:
    """Return the worker's metrics of this process, which are exposed where the instrumentation runs."""
    running = start()
    return running.worker if running else _UNEXPOSED


_UNEXPOSED: Final = WorkerMetrics()


@guarded("start")
def _begin(environ: Mapping[str, str]) -> None:
    settings = read_settings(environ)
    for problem in settings.problems:
        say_once(problem, level=logging.ERROR if settings.catalogued else logging.WARNING)
    if settings.disabled:
        return
    registry = Registry()
    http = HttpServerMetrics(settings.thresholds, settings.methods)
    running = Instrumentation(settings, registry, http, WorkerMetrics(settings.thresholds))
    rpc = RpcServerMetrics(settings.thresholds)
    clients = Clients(settings.methods)
    registry.add(*http.families, *running.worker.families, rpc.duration, *clients.families)
    runtime = RuntimeMetrics(http.active)
    registry.add(*runtime.families)
    runtime.hook()
    _running.append(running)
    tracer = _set_providers(settings, registry, environ)
    Frameworks(http, tracer, running.worker, rpc).hook()
    clients.hook()
    watch_pools(registry)
    watch_caches(registry)
    add_trace_ids()
    if settings.serves:
        running.server = _serve(settings, registry)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _forget_parent(running))


def _forget_parent(running: Instrumentation) -> None:
    running.serves_child = False  # a child may fork again
    running.registry.reset(lambda: _serve_child(running))
    server, running.server = running.server, None
    if server is not None:
        server.forget()


def _serve_child(running: Instrumentation) -> None:
    """Serve what a forked child counts, once it counts: most children do not, a preloaded application's workers do."""
    if running.settings.serves and not running.serves_child:
        running.serves_child = True
        running.server = _serve(running.settings, running.registry)


@guarded("set up OpenTelemetry")
def _set_providers(settings: Settings, registry: Registry, environ: Mapping[str, str]) -> ServerTracer | None:
    providers.default_stable_conventions()
    resource = providers.build_resource(settings)
    scraped = providers.metric_reader()
    registry.add_source(providers.TargetInfo(resource).lines, ("target_info", "target"))
    push = _set_push(settings, registry, resource, environ)
    readers = [scraped, *([push.reader] if push and push.reader else [])]
    if providers.set_meter_provider(resource, readers) is not None:
        registry.add_source(SdkMetrics(scraped, registry.names).lines)
    else:
        say_once(
            "Seawall leaves the meter provider as the application set it: /metrics holds Seawall's own metrics alone."
        )
    own = providers.set_tracer_provider(resource, push.spans if push else None)
    if push is not None:
        push.begin(own)
    provider = providers.current_tracer_provider()
    return ServerTracer(provider) if provider is not None else None


@guarded("push by OTLP")
def _set_push(settings: Settings, registry: Registry, resource: Resource, environ: Mapping[str, str]) -> "Push | None":
    if not settings.pushes_metrics and not settings.pushes_traces:
        return None
    from .push import Push  # only who pushes pays for the exporters' imports

    return Push(settings, resource, lambda: registry.families, environ)


@guarded("serve /metrics")
def _serve(settings: Settings, registry: Registry) -> ScrapeServer | None:
    try:
        return ScrapeServer(registry, settings.host, settings.port)
    except OSError as error:
        matter = f"Seawall cannot serve /metrics on {settings.host}:{settings.port} ({error.strerror})"
    if settings.catalogued:
        logger.error(
            "%s. A catalogued service keeps its port: free it, or set OTEL_EXPORTER_PROMETHEUS_PORT and the service's "
            "targets to another one.",
            matter,
        )
        return None
    server = ScrapeServer(registry, settings.host, 0)
    logger.warning("%s; it does on port %d.", matter, server.port)
    return server
