"""OpenTelemetry's own middleware, where an application has it beside Seawall: Seawall's takes its place.

Wherever it is put in, the request counts once: within a framework that is hooked, around one, or around an application
that only it knew of. What it was given providers of its own for, it still tells these.
"""

from collections.abc import Iterable
from functools import wraps
from typing import Any

from opentelemetry import trace

from seawall.instrumentation import asgi, wsgi
from seawall.instrumentation.providers import is_own_meter
from seawall.instrumentation.second_spans import is_second
from seawall.instrumentation.wrapping import replace

from .flask import flask_route
from .hooking import Telemetry, noted_route


def hook_asgi(module: Any, telemetry: Telemetry) -> None:
    """Count what OpenTelemetry's ASGI middleware would."""
    original = module.OpenTelemetryMiddleware.__call__

    async def call(self: Any, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] == "http" and asgi.REQUEST_KEY in scope and _tells_seawall(self):
            if callable(self.server_request_hook):
                self.server_request_hook(trace.get_current_span(), scope)
            await self.app(scope, receive, send)
        else:
            await original(self, scope, receive, send)

    # Where applications are chosen, what is around another one is none of them.
    counting = call if telemetry.chosen is not None else asgi.observing(call, telemetry.http, telemetry.tracer)
    replace(module.OpenTelemetryMiddleware, "__call__", wraps(original)(counting))


def hook_wsgi(module: Any, telemetry: Telemetry) -> None:
    """Count what OpenTelemetry's WSGI middleware would."""
    original = module.OpenTelemetryMiddleware.__call__

    def call(self: Any, environ: wsgi.Environ, start: wsgi.StartResponse) -> Iterable[bytes]:
        if wsgi.REQUEST_KEY not in environ or not _tells_seawall(self):
            return original(self, environ, start)  # type: ignore[no-any-return]
        if self.request_hook:
            self.request_hook(trace.get_current_span(), environ)
        return self.wsgi(environ, start)  # type: ignore[no-any-return]

    counting = call
    if telemetry.chosen is None:
        counting = wsgi.observing(call, telemetry.http, telemetry.tracer, any_route)
    replace(module.OpenTelemetryMiddleware, "__call__", wraps(original)(counting))


def any_route(environ: wsgi.Environ) -> str:
    """Return the route that a framework matched somewhere below what counts; "" for none."""
    return noted_route(environ) or flask_route(environ)


def _tells_seawall(middleware: Any) -> bool:
    return is_second(middleware.tracer) and is_own_meter(middleware.meter)
