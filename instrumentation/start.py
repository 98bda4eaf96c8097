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
from .entry_points import activate_installed
from .exposition import Registry
from .forks import after_fork, after_uwsgi_forks, end_with_last_thread, is_preloading
from .frameworks import Chosen, Frameworks
from .groups import group_folder
from .http_server import HttpServerMetrics
from .logs import add_trace_ids
from .memory import Memory
from .points import SdkMetrics
from .pools import watch_pools
from .reloaders import before_reloaders
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
    tracer: ServerTracer | None = None
    frameworks: Frameworks | None = None
    chosen: Chosen | None = None

    @property
    def server(self) -> ScrapeServer | None:
        """What serves /metrics in this process; None where nothing does, or a sibling."""
        return self.endpoint.server if self.endpoint else None


_lock: Final = RLock()  # re-entrant: what is imported while it is held may itself import seawall.auto
_begun: Final[list[bool]] = []
_running: Final[list[Instrumentation]] = []


def start(environ: Mapping[str, str] | None = None) -> Instrumentation | None:
    """Instrument this process, once; later calls return what runs. Never raises: what fails is one log line.

    *environ* defaults to the process' environment. Returns None where ``OTEL_SDK_DISABLED`` is true. Where chosen
    applications alone were counted until now, all are from now on.
    """
    with _lock:
        begun = _begin_once(os.environ if environ is None else environ, None)
        if begun is not None and begun.frameworks is not None:
            begun.frameworks.choose_everything()
        return begun


def start_for_chosen(environ: Mapping[str, str]) -> Instrumentation | None:
    """Instrument this process as ``start`` does, except that no request counts but those of chosen applications."""
    with _lock:
        return _begin_once(environ, Chosen())


def running() -> Instrumentation | None:
    """Return what runs in this process already."""
    return _running[0] if _running else None


def worker_metrics() -> WorkerMetrics:
    """Return the worker's metrics of this process, which are exposed where the instrumentation runs."""
    begun = running() or start()
    return begun.worker if begun else _UNEXPOSED


_UNEXPOSED: Final = WorkerMetrics()


def _begin_once(environ: Mapping[str, str], chosen: Chosen | None) -> Instrumentation | None:
    if not _begun:
        _begun.append(True)
        _begin(environ, chosen)
    return running()


@guarded("start")
def _begin(environ: Mapping[str, str], chosen: Chosen | None) -> None:
    settings = read_settings(environ)
    if settings.writes_json and not settings.disabled:
        _write_json(settings)
    for problem in (*environment.PROBLEMS, *settings.problems):
        say_once(problem, level=logging.ERROR if settings.catalogued else logging.WARNING)
    if settings.disabled:
        return
    registry = Registry(Memory(_group(settings)))
    http = HttpServerMetrics(settings.thresholds, settings.methods, exemplars=settings.exemplars)
    begun = Instrumentation(settings, registry, http, WorkerMetrics(settings.thresholds), chosen=chosen)
    rpc = RpcServerMetrics(settings.thresholds)
    clients = Clients(settings.methods)
    registry.add(*http.families, *begun.worker.families, rpc.duration, *clients.families)
    runtime = RuntimeMetrics(http.active)
    registry.add(*runtime.families)
    runtime.hook()
    _running.append(begun)
    begun.tracer = _set_providers(settings, registry, environ, chosen)
    begun.frameworks = Frameworks(http, begun.tracer, begun.worker, rpc, chosen)
    begun.frameworks.hook()
    clients.hook()
    watch_pools(registry)
    watch_caches(registry)
    add_trace_ids()
    activate_installed(environ)
    if settings.serves and not is_preloading():
        _serve(begun)
    before_reloaders(lambda: _leave(begun))
    after_fork(lambda: _forget_parent(begun))
    after_fork(end_with_last_thread)
    after_uwsgi_forks(providers.rename_child)
    atexit.register(_tell_siblings, registry)


def _group(settings: Settings) -> Callable[[], Path] | None:
    # Who pushes tells of itself alone; and without /proc nobody knows who belongs together.
    if not settings.serves or not Path("/proc/self/stat").exists():
        return None
    return lambda: group_folder(settings.shared_memory)


def _serve(begun: Instrumentation) -> None:
    begun.endpoint = Endpoint(begun.settings, begun.registry)
    begun.endpoint.begin()


def _leave(begun: Instrumentation) -> None:
    if begun.endpoint is not None:
        begun.endpoint.close()


def _forget_parent(begun: Instrumentation) -> None:
    endpoint, begun.endpoint = begun.endpoint, None
    if endpoint is not None:
        endpoint.forget()
    begun.registry.reset(lambda: _serve_child(begun))
    if providers.forget_counts():
        _serve_child(begun)


def _serve_child(begun: Instrumentation) -> None:
    """Serve what a forked child counts, once it counts: most children do not, a preloaded application's workers do."""
    if begun.settings.serves and begun.endpoint is None:
        _serve(begun)


@guarded("write down the last counts")
def _tell_siblings(registry: Registry) -> None:
    if registry.memory.has_siblings():
        registry.sample()


@guarded("write the log as JSON")
def _write_json(settings: Settings) -> None:
    from .json_logs import write_json

    write_json(str(providers.build_resource(settings).attributes.get("service.name", "")))


@guarded("set up OpenTelemetry")
def _set_providers(
    settings: Settings, registry: Registry, environ: Mapping[str, str], chosen: Chosen | None
) -> ServerTracer | None:
    providers.default_stable_conventions()
    resource = providers.build_resource(settings)
    scraped = providers.metric_reader()
    registry.add_source(providers.TargetInfo(resource).lines, ("target_info", "target"))
    push = _set_push(settings, registry, resource, environ)
    readers = [scraped, *([push.reader] if push and push.reader else [])]
    if providers.set_meter_provider(resource, readers) is not None:
        counted = SdkMetrics(scraped, registry.memory, registry.kinds)
        registry.add_mirror(counted)
        registry.add_source(counted.lines)
    else:
        say_once(
            "Seawall leaves the meter provider as the application set it: /metrics holds Seawall's own metrics alone."
        )
    own = providers.set_tracer_provider(resource, push.span_processor if push else None)
    if push is not None:
        push.begin(own)
    if chosen is not None:
        chosen.quiets_others = own is not None
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
