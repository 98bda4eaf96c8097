"""Django, behind WSGI and ASGI: the pattern that matched, under the prefixes of all its includes."""

import sys
from functools import lru_cache, wraps
from typing import Any, Final

from seawall.instrumentation import asgi, wsgi
from seawall.instrumentation.diagnostics import described, say_once
from seawall.instrumentation.wrapping import replace

from .hooking import Telemetry, mount_of, note_error, noted_route, observe_asgi, observe_wsgi
from .patterns import readable

_PATTERNS_KEPT: Final = 4096  # they stand in the code, so that these are all of them


def hook_wsgi(module: Any, telemetry: Telemetry) -> None:
    """Count what Django answers behind a WSGI server; a response that stands before it begins is not followed."""
    observe_wsgi(module.WSGIHandler, telemetry, noted_route)
    original = module.WSGIHandler.get_response

    @wraps(original)
    def get_response(self: Any, request: Any) -> Any:
        response = original(self, request)
        counted = request.META.get(wsgi.REQUEST_KEY)
        if counted is not None and getattr(response, "streaming", True) is False:
            counted.whole = (response, response)
        return response

    module.WSGIHandler.get_response = get_response


def hook_asgi(module: Any, telemetry: Telemetry) -> None:
    """Count what Django answers behind an ASGI server."""
    observe_asgi(module.ASGIHandler, telemetry)


def hook_resolver(module: Any, _: Telemetry) -> None:
    """Note the pattern as Django resolves it, and know the exception that it made a 500 of."""
    from django.core.signals import got_request_exception

    original = module.BaseHandler.resolve_request

    @wraps(original)
    def resolve_request(self: Any, request: Any) -> Any:
        match = original(self, request)
        try:
            _note_route(request, match.route)
        except Exception as problem:  # noqa: BLE001 - the application comes first
            say_once(f"Seawall could not read a route: {described(problem)}")
        return match

    replace(module.BaseHandler, "resolve_request", resolve_request)
    got_request_exception.connect(_note_error, weak=False, dispatch_uid="seawall")


def _note_route(request: Any, pattern: str | None) -> None:
    counted, carrier = _counted(request)
    if counted is not None and pattern is not None:
        counted.route = f"{mount_of(counted, carrier)}{_template(pattern)}"


def _counted(request: Any) -> tuple[Any, Any]:
    # What counts the request, and the scope or environ that it stands in.
    carrier = getattr(request, "scope", None) or request.META
    return carrier.get(asgi.REQUEST_KEY), carrier


_template: Final = lru_cache(_PATTERNS_KEPT)(readable)


def _note_error(*_: Any, request: Any = None, **__: Any) -> None:
    if request is not None:
        note_error(_counted(request)[0], sys.exc_info()[1])
