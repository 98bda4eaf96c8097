"""Start the instrumentation: what ``import seawall.auto`` does."""

import atexit
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.resources import Resource

from . import environment, providers
from .caches import watch_caches
from .clients import Clients
from .diagnostics import guarded, say_once
from .exposition import Registry
from .forks import after_fork, is_preloading
from .frameworks import Frameworks
from .groups import group_folder
from .http_server import HttpServerMetrics
from .logs import add_trace_ids
from .memory import Memory
from .points import SdkMetrics
from .pools import watch_pools
from .rpc_server import RpcServerMetrics
from .runtime import RuntimeMetrics
from .scrape import ScrapeServer
from .serving import Endpoint
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
    endpoint: Endpoint | None = None

    @property
    def server(self) -> ScrapeServer | None:
        """What serves /metrics in this process; None where nothing does, or a sibling."""
        return self.endpoint.server if self.endpoint else None


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
    if settings.writes_json and not settings.disabled:
        _write_json(settings)
    for problem in (*environment.PROBLEMS, *settings.problems):
        say_once(problem, level=logging.ERROR if settings.catalogued else logging.WARNING)
    if settings.disabled:
        return
    registry = Registry(Memory(_group(settings)))
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
    if settings.serves and not is_preloading():
        _serve(running)
    after_fork(lambda: _forget_parent(running))
    atexit.register(_tell_siblings, registry)


def _group(settings: Settings) -> Callable[[], Path] | None:
    # Who pushes tells of itself alone; and without /proc nobody knows who belongs together.
    if not settings.serves or not Path("/proc/self/stat").exists():
        return None
    return lambda: group_folder(settings.shared_memory)


def _serve(running: Instrumentation) -> None:
    running.endpoint = Endpoint(running.settings, running.registry)
    running.endpoint.begin()


def _forget_parent(running: Instrumentation) -> None:
    endpoint, running.endpoint = running.endpoint, None
    if endpoint is not None:
        endpoint.forget()
    running.registry.reset(lambda: _serve_child(running))
    if providers.forget_counts():
        _serve_child(running)


def _serve_child(running: Instrumentation) -> None:
    """Serve what a forked child counts, once it counts: most children do not, a preloaded application's workers do."""
    if running.settings.serves and running.endpoint is None:
        _serve(running)


@guarded("write down the last counts")
def _tell_siblings(registry: Registry) -> None:
    if registry.memory.has_siblings():
        registry.sample()


@guarded("write the log as JSON")
def _write_json(settings: Settings) -> None:
    from .json_logs import write_json

    write_json(str(providers.build_resource(settings).attributes.get("service.name", "")))


@guarded("set up OpenTelemetry")
def _set_providers(settings: Settings, registry: Registry, environ: Mapping[str, str]) -> ServerTracer | None:
    providers.default_stable_conventions()
    resource = providers.build_resource(settings)
    scraped = providers.metric_reader()
    registry.add_source(providers.TargetInfo(resource).lines, ("target_info", "target"))
    push = _set_push(settings, registry, resource, environ)
    readers = [scraped, *([push.reader] if push and push.reader else [])]
    if providers.set_meter_provider(resource, readers) is not None:
        counted = SdkMetrics(scraped, registry.memory, registry.names)
        registry.add_mirror(counted)
        registry.add_source(counted.lines)
    else:
        say_once(
            "Seawall leaves the meter provider as the application set it: /metrics holds Seawall's own metrics alone."
        )
    own = providers.set_tracer_provider(resource, push.span_processor if push else None)
    if push is not None:
        push.begin(own)
    provider = providers.current_tracer_provider()
    return ServerTracer(provider) if provider is not None else None


@guarded("push by OTLP")
def _set_push(settings: Settings, registry: Registry, resource: Resource, environ: Mapping[str, str]) -> "Push | None":
    if not (settings.pushes_metrics or settings.pushes_traces or settings.pushes_logs):
        return None
    from .push import Push  # only who pushes pays for the exporters' imports

    push = Push(settings, resource, lambda: registry.families, environ)
    registry.add(*push.families)
    return push
