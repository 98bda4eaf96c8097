"""Starlette, and all that is built on its routes: the template of a route under those of its mounts."""

from typing import Any

from seawall.instrumentation import asgi

from .hooking import Telemetry, note_before, observe_asgi


def hook_applications(module: Any, telemetry: Telemetry) -> None:
    """Count what a Starlette application answers."""
    observe_asgi(module.Starlette, telemetry)


def hook_routes(module: Any, _: Telemetry) -> None:
    """Note the route that a request is handed to, and each mount on its way there."""
    note_before(module.Route, note_route)
    note_before(module.Mount, _note_mount)


def note_route(route: Any, request: asgi.AsgiRequest, scope: asgi.Scope) -> None:
    """Note the template of *route*, with the prefix of what it was included in."""
    # FastAPI 0.137 and newer keep the prefix of an included router beside the route.
    included = scope.get("fastapi")
    if included:
        effective = included.get("effective_route_context")
        if effective is not None and effective.original_route is route:
            request.route = f"{request.mount}{effective.path}"
            return
    request.route = f"{request.mount}{route.path}" if request.mount else route.path


def _note_mount(mount: Any, request: asgi.AsgiRequest, _: asgi.Scope) -> None:
    request.mount += mount.path
    # What is mounted may match nothing: newer versions leave the mount itself in the scope as the route.
    request.route = f"{request.mount}/{{path}}" if request.mount else None
