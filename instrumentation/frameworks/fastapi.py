"""FastAPI: Starlette's routes, included routers, and the telemetry of its own that stands down."""

from typing import Any, Final

from seawall.instrumentation import asgi

from .hooking import Telemetry, note_before, observe_asgi
from .starlette import note_route

_NATIVE_KEY: Final = "fastapi.telemetry"


def hook_applications(module: Any, telemetry: Telemetry) -> None:
    """Count what a FastAPI application answers, once."""
    observe_asgi(module.FastAPI, telemetry, before=_native_stands_down)


def hook_routes(module: Any, _: Telemetry) -> None:
    """Note the route that a request is handed to, where FastAPI's own differs from Starlette's."""
    if "handle" in module.APIRoute.__dict__:
        note_before(module.APIRoute, note_route)


def _native_stands_down(app: Any, scope: asgi.Scope) -> None:
    # FastAPI 0.142 and newer count by themselves once a provider exists, unless this key is there. Providers of the
    # application's own are its own affair: what they count goes elsewhere.
    if _NATIVE_KEY not in scope:
        own = getattr(app, "_telemetry", None) or {}
        if own.get("meter_provider") is None and own.get("tracer_provider") is None:
            scope[_NATIVE_KEY] = None
