"""Django, behind WSGI and ASGI: the pattern that matched, under the prefixes of all its includes."""

import sys
from functools import lru_cache, wraps
from typing import Any, Final

from seawall.instrumentation.diagnostics import described, say_once
from seawall.instrumentation.wsgi import REQUEST_KEY

from .hooking import Telemetry, mount_of, note_error, observe_asgi, observe_wsgi
from .patterns import readable

_PATTERNS_KEPT: Final = 4096  # they stand in the code, so that these are all of them


def hook_wsgi(module: Any, telemetry: Telemetry) -> None:
    """Count what Django answers behind a WSGI server, and note the pattern that matched.

    A response that stands before it begins is not followed.
    """
    observe_wsgi(module.WSGIHandler, telemetry, None)
    original = module.WSGIHandler.get_response

    @wraps(original)
    def get_response(self: Any, request: Any) -> Any:
        environ = request.META
        counted = environ.get(REQUEST_KEY)
        if counted is None:
            return original(self, request)
        try:
            response = original(self, request)
        finally:  # once for the whole request: Django keeps what it resolved
            _note_route(counted, environ, request)
        if getattr(response, "streaming", True) is False:
            counted.whole = counted.chunks = response
        return response

    module.WSGIHandler.get_response = get_response


def hook_asgi(module: Any, telemetry: Telemetry) -> None:
    """Count what Django answers behind an ASGI server, and note the pattern as Django resolves it."""
    observe_asgi(module.ASGIHandler, telemetry)
    original = module.ASGIHandler.resolve_request

    @wraps(original)
    def resolve_request(self: Any, request: Any) -> Any:
        match = original(self, request)
        _note_route(*_counted(request), request)
        return match

    module.ASGIHandler.resolve_request = resolve_request


def hook_errors(_: Any, __: Telemetry) -> None:
    """Know the exception that Django made a 500 of."""
    from django.core.signals import got_request_exception

    got_request_exception.connect(_note_error, weak=False, dispatch_uid="seawall")


def _note_route(counted: Any, carrier: Any, request: Any) -> None:
    try:
        match = request.resolver_match
        if counted is not None and match is not None and (pattern := match.route) is not None:
            route = _template(pattern)
            counted.route = f"{mount_of(counted, carrier)}{route}"
    except Exception as problem:  # noqa: BLE001 - the application comes first
        say_once(f"Seawall could not read a route: {described(problem)}")


def _counted(request: Any) -> tuple[Any, Any]:
    # What counts the request, and the scope or environ that it stands in.
    carrier = getattr(request, "scope", None) or request.META
    return carrier.get(REQUEST_KEY), carrier


_template: Final = lru_cache(_PATTERNS_KEPT)(readable)


def _note_error(*_: Any, request: Any = None, **__: Any) -> None:
    if request is not None:
        note_error(_counted(request)[0], sys.exc_info()[1])
