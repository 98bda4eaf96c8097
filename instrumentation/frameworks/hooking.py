"""What every framework's hook is made of: where the middleware goes in, and how a request is told its route."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

from seawall.instrumentation import asgi, wsgi
from seawall.instrumentation.http_server import HttpServerMetrics
from seawall.instrumentation.rpc_server import RpcServerMetrics
from seawall.instrumentation.tracing import ServerTracer
from seawall.instrumentation.worker import WorkerMetrics
from seawall.instrumentation.wrapping import replace

from .chosen import Chosen, chosen_asgi, chosen_wsgi

# Is given a route, the request that it is handed, and the scope.
Note = Callable[[Any, asgi.AsgiRequest, asgi.Scope], None]

MOUNTS_KEY: Final = "seawall.mounts"


@dataclass(frozen=True)
class Telemetry:
    """Hold what the hooks count and trace with."""

    http: HttpServerMetrics
    tracer: ServerTracer | None
    worker: WorkerMetrics
    rpc: RpcServerMetrics
    chosen: Chosen | None = None  # None: every application counts


def observe_asgi(application: Any, telemetry: Telemetry, before: Any = None) -> None:
    """Count the requests of the ASGI class *application*; *before* is given the instance and the scope of each."""
    original = application.__dict__["__call__"]
    counting = wraps(original)(asgi.observing(original, telemetry.http, telemetry.tracer, before))
    replace(application, "__call__", chosen_asgi(telemetry.chosen, original, counting, before))


def observe_wsgi(application: Any, telemetry: Telemetry, route_of: wsgi.RouteOf | None) -> None:
    """Count the requests of the WSGI class *application*; *route_of* reads the matched template from the environ.

    It is None where a hook notes the template itself.
    """
    original = application.__dict__["__call__"]
    counting = wraps(original)(wsgi.observing(original, telemetry.http, telemetry.tracer, route_of))
    replace(application, "__call__", chosen_wsgi(telemetry.chosen, original, counting))


def note_before(route_class: Any, note: Note) -> None:
    """Call *note* whenever a route of *route_class* is handed a request that is counted."""
    original = route_class.__dict__["handle"]

    @wraps(original)
    def handle(self: Any, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> Awaitable[None]:
        request = scope.get(asgi.REQUEST_KEY)
        if request is not None:
            note(self, request, scope)
        return original(self, scope, receive, send)  # type: ignore[no-any-return]

    replace(route_class, "handle", handle)


def noted_route(environ: wsgi.Environ) -> str:
    """Return the route that the framework noted as it matched it; "" for none."""
    return getattr(environ.get(wsgi.REQUEST_KEY), "route", None) or ""


def note_error(request: Any, error: BaseException | None) -> None:
    """Remember the exception that a framework answers a request's 500 for."""
    if error is not None and hasattr(type(request), "error"):
        request.error = error


def set_mounts(environ: wsgi.Environ, mounts: Iterable[str]) -> None:
    """Remember the prefixes under which a dispatcher mounts other applications."""
    environ[MOUNTS_KEY] = tuple(mounts)


def mount_of(request: Any, environ: wsgi.Environ) -> str:
    """Return the prefix under which the application mounted the one that *environ* came to."""
    if isinstance(request, asgi.AsgiRequest):
        return request.mount
    mounts = environ.get(MOUNTS_KEY)
    if not mounts:
        return ""
    # Only what the application mounted: a proxy's prefix can be anything that a client sends.
    script = environ.get("SCRIPT_NAME", "")
    return next((mount for mount in sorted(mounts, key=len, reverse=True) if script.endswith(mount)), "")
