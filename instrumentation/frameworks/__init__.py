"""Where the middleware goes into a framework, once the application has imported it.

A route is what the framework itself matched, noted as it hands the request over: matching again costs more with every
route, and a path would make a series of every address that a scanner tries.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Final

from wrapt import register_post_import_hook

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.http_server import HttpServerMetrics
from seawall.instrumentation.rpc_server import RpcServerMetrics
from seawall.instrumentation.tracing import ServerTracer
from seawall.instrumentation.worker import WorkerMetrics

from .chosen import Chosen
from .hooking import Telemetry

__all__ = ["HOOKS", "Chosen", "Frameworks"]

# The framework's module, and the file and function of this room that hook into it once it is imported.
HOOKS: Final[dict[str, tuple[str, str]]] = {
    "starlette.applications": ("starlette", "hook_applications"),
    "starlette.routing": ("starlette", "hook_routes"),
    "fastapi.applications": ("fastapi", "hook_applications"),
    "fastapi.routing": ("fastapi", "hook_routes"),
    "flask.app": ("flask", "hook_application"),
    "werkzeug.middleware.dispatcher": ("flask", "hook_dispatcher"),
    "werkzeug.wrappers.response": ("flask", "hook_responses"),
    "django.core.handlers.wsgi": ("django", "hook_wsgi"),
    "django.core.handlers.asgi": ("django", "hook_asgi"),
    "django.core.handlers.base": ("django", "hook_resolver"),
    "litestar.app": ("litestar", "hook_application"),
    "litestar.routes.http": ("litestar", "hook_routes"),
    "litestar.routes.asgi": ("litestar", "hook_mounts"),
    "litestar._asgi.routing_trie.traversal": ("litestar", "hook_nodes"),
    "litestar.middleware._internal.exceptions.middleware": ("litestar", "hook_exceptions"),
    "falcon.app": ("falcon", "hook_wsgi"),
    "falcon.asgi.app": ("falcon", "hook_asgi"),
    "aiohttp.web_protocol": ("aiohttp", "hook_server"),
    "aiohttp.web_response": ("aiohttp", "hook_streams"),
    "aiohttp.web_ws": ("aiohttp", "hook_websockets"),
    "grpc": ("grpc", "hook_server"),
    "grpc.aio": ("grpc", "hook_aio"),
    "celery.signals": ("celery", "hook_signals"),
    "celery.worker.request": ("celery", "hook_requests"),
    "dramatiq.broker": ("dramatiq", "hook_brokers"),
    "rq.queue": ("rq", "hook_queues"),
    "rq.worker.base": ("rq", "hook_births"),
    "rq.worker.worker_classes": ("rq", "hook_workers"),
}
# The same of OpenTelemetry's own middleware, which is installed where somebody wants it.
CONTRIB_HOOKS: Final[dict[str, tuple[str, str]]] = {
    "opentelemetry.instrumentation.asgi": ("contrib", "hook_asgi"),
    "opentelemetry.instrumentation.wsgi": ("contrib", "hook_wsgi"),
}
_ALL: Final = {**HOOKS, **CONTRIB_HOOKS}

# Files whose hooks follow no application: where chosen ones alone count, these wait.
_OF_NO_APPLICATION: Final = frozenset({"celery", "dramatiq", "grpc", "rq"})


class Frameworks:
    """Hook the middleware into the frameworks that the application imports."""

    def __init__(
        self,
        metrics: HttpServerMetrics,
        tracer: ServerTracer | None,
        worker: WorkerMetrics | None = None,
        rpc: RpcServerMetrics | None = None,
        chosen: Chosen | None = None,
    ) -> None:
        self._chosen = chosen
        self._telemetry = Telemetry(metrics, tracer, worker or WorkerMetrics(), rpc or RpcServerMetrics(), chosen)

    def hook(self) -> None:
        """Wait for each framework's import; one that is imported already is hooked at once."""
        self._await(module for module in _ALL if self._chosen is None or not _follows_none(module))

    def choose_everything(self) -> None:
        """Count all applications from now on, where these were chosen ones."""
        if self._chosen is not None and not self._chosen.everything:
            self._chosen.everything = True
            self._await(filter(_follows_none, _ALL))

    def _await(self, modules: Iterable[str]) -> None:
        for module in modules:
            register_post_import_hook(guarded(f"instrument {module}")(self._hook_of(module)), module)

    def _hook_of(self, name: str) -> Callable[[Any], None]:
        # What is not imported is not paid for: an application has one framework of them all.
        file, function = _ALL[name]

        def hook(module: Any) -> None:
            getattr(import_module(f".{file}", __name__), function)(module, self._telemetry)

        return hook


def _follows_none(module: str) -> bool:
    return _ALL[module][0] in _OF_NO_APPLICATION
