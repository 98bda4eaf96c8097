"""Falcon, behind WSGI and ASGI: the template of the resource that it found."""

from functools import wraps
from typing import Any

from seawall.instrumentation import asgi
from seawall.instrumentation.wrapping import replace

from .hooking import Telemetry, mount_of, note_error, noted_route, observe_asgi, observe_wsgi


def hook_wsgi(module: Any, telemetry: Telemetry) -> None:
    """Count what Falcon answers behind a WSGI server, and note the routes of both kinds."""
    observe_wsgi(module.App, telemetry, noted_route)
    _hook_routes(module.App)
    _hook_errors(module.App)


def hook_asgi(module: Any, telemetry: Telemetry) -> None:
    """Count what Falcon answers behind an ASGI server."""
    observe_asgi(module.App, telemetry)
    _hook_errors(module.App)


def _hook_routes(application: Any) -> None:
    original = application._get_responder

    @wraps(original)
    def _get_responder(self: Any, req: Any) -> Any:
        found = original(self, req)
        request, carrier = _counted(req)
        if request is not None and found[3]:
            request.route = f"{mount_of(request, carrier)}{found[3]}"
        return found

    replace(application, "_get_responder", _get_responder)


def _hook_errors(application: Any) -> None:
    original = application._handle_exception

    @wraps(original)
    def _handle_exception(self: Any, req: Any, resp: Any, ex: Any, *others: Any, **named: Any) -> Any:
        # Falcon's own exceptions carry the status that they ask for: they are answers.
        if not hasattr(ex, "status"):
            request, _ = _counted(req)
            if request is not None:
                note_error(request, ex)
        return original(self, req, resp, ex, *others, **named)

    replace(application, "_handle_exception", _handle_exception)


def _counted(req: Any) -> tuple[Any, Any]:
    # What counts the request, and the scope or environ that it stands in.
    carrier = getattr(req, "scope", None) or req.env
    return carrier.get(asgi.REQUEST_KEY), carrier
