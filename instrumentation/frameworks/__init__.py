"""Where the middleware goes into a framework, once the application has imported it.

A route is what the framework itself matched, noted as it hands the request over: matching again costs more with every
route, and a path would make a series of every address that a scanner tries.
"""

from collections.abc import Callable
from typing import Final

from seawall.instrumentation.hook_table import HookTable
from seawall.instrumentation.http_server import HttpServerMetrics
from seawall.instrumentation.rpc_server import RpcServerMetrics
from seawall.instrumentation.tracing import ServerTracer
from seawall.instrumentation.worker import WorkerMetrics

from .chosen import Chosen
from .hooking import Telemetry

__all__ = ["HOOKS", "OF_NO_APPLICATION", "Chosen", "Frameworks"]

_DOING: Final = "instrument"
HOOKS: Final = HookTable(
    __name__,
    _DOING,
    {
        "starlette.applications": ("starlette", "hook_applications"),
        "starlette.routing": ("starlette", "hook_routes"),
        "fastapi.applications": ("fastapi", "hook_applications"),
        "fastapi.routing": ("fastapi", "hook_routes"),
        "flask.app": ("flask", "hook_application"),
        "werkzeug.middleware.dispatcher": ("flask", "hook_dispatcher"),
        "werkzeug.wrappers.response": ("flask", "hook_responses"),
        "django.core.handlers.wsgi": ("django", "hook_wsgi"),
        "django.core.handlers.asgi": ("django", "hook_asgi"),
        "django.core.handlers.base": ("django", "hook_errors"),
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
        "grpc._server": ("grpc", "hook_server"),
        "grpc.aio._server": ("grpc", "hook_aio"),
        "celery.signals": ("celery", "hook_signals"),
        "celery.worker.request": ("celery", "hook_requests"),
        "dramatiq.broker": ("dramatiq", "hook_brokers"),
        "arq.connections": ("arq", "hook_producers"),
        "arq.worker": ("arq", "hook_workers"),
        "rq.queue": ("rq", "hook_queues"),
        "rq.worker.base": ("rq", "hook_births"),
        "rq.worker.worker_classes": ("rq", "hook_workers"),
    },
)
# OpenTelemetry's own middleware, which is installed where somebody wants it.
_CONTRIB_HOOKS: Final = HookTable(
    __name__,
    _DOING,
    {
        "opentelemetry.instrumentation.asgi": ("contrib", "hook_asgi"),
        "opentelemetry.instrumentation.wsgi": ("contrib", "hook_wsgi"),
    },
)

# Files whose hooks follow no application: where chosen ones alone count, these wait.
OF_NO_APPLICATION: Final = frozenset({"arq", "celery", "dramatiq", "grpc", "rq"})


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
        self._await(lambda file: self._chosen is None or file not in OF_NO_APPLICATION)

    def choose_everything(self) -> None:
        """Count all applications from now on, where these were chosen ones."""
        if self._chosen is not None and not self._chosen.everything:
            self._chosen.everything = True
            self._await(OF_NO_APPLICATION.__contains__)

    def _await(self, is_wanted: Callable[[str], bool]) -> None:
        for table in (HOOKS, _CONTRIB_HOOKS):
            table.hook(self._telemetry, [module for module, (file, _) in table.items() if is_wanted(file)])
