"""Flask, and what werkzeug's dispatcher mounts: the template of the rule that matched."""

from collections.abc import Iterable
from functools import wraps
from typing import Any, Final

from seawall.instrumentation import wsgi
from seawall.instrumentation.wrapping import replace

from .hooking import MOUNTS_KEY, Telemetry, mount_of, note_error, observe_wsgi, set_mounts

_OK: Final = 200
_BODILESS: Final = frozenset({204, 304})


def hook_application(module: Any, telemetry: Telemetry) -> None:
    """Count what a Flask application answers, and know the exception that it made a 500 of."""
    from flask.signals import got_request_exception

    observe_wsgi(module.Flask, telemetry, flask_route)
    got_request_exception.connect(_note_error)


def hook_dispatcher(module: Any, _: Telemetry) -> None:
    """Know under which prefixes werkzeug's dispatcher mounts applications."""
    original = module.DispatcherMiddleware.__call__

    @wraps(original)
    def __call__(self: Any, environ: wsgi.Environ, start: wsgi.StartResponse) -> Iterable[bytes]:  # noqa: N807
        set_mounts(environ, self.mounts)
        return original(self, environ, start)  # type: ignore[no-any-return]

    replace(module.DispatcherMiddleware, "__call__", __call__)


def hook_responses(module: Any, _: Telemetry) -> None:
    """Know the bodies that stand whole: where nothing is to come, nothing needs to be followed to its last byte."""
    response = module.Response
    original, encoded = response.get_app_iter, response.iter_encoded

    @wraps(original)
    def get_app_iter(self: Any, environ: wsgi.Environ) -> Iterable[bytes]:
        body: Iterable[bytes] = original(self, environ)
        observed = environ.get(wsgi.REQUEST_KEY)
        if isinstance(observed, wsgi.WsgiRequest) and type(self).iter_encoded is encoded:
            chunks = self.response
            if isinstance(chunks, list | tuple) and not self.direct_passthrough:
                observed.standing = body
                observed.sent = 0 if _is_bodiless(environ, self.status_code) else _length(chunks)
        return body

    replace(response, "get_app_iter", get_app_iter)


def _is_bodiless(environ: wsgi.Environ, status: int) -> bool:
    return status in _BODILESS or status < _OK or environ["REQUEST_METHOD"] == "HEAD"


def _length(chunks: Iterable[Any]) -> int:
    return sum(len(chunk if isinstance(chunk, bytes) else chunk.encode()) for chunk in chunks)


def flask_route(environ: wsgi.Environ) -> str:
    """Return the template of the rule that Flask matched, under the mount that dispatched to it; "" for none."""
    request = environ.get("werkzeug.request")
    rule = getattr(request, "url_rule", None) or _rule_without_method(request)
    if rule is None:
        return ""
    return f"{mount_of(environ.get(wsgi.REQUEST_KEY), environ)}{rule.rule}" if MOUNTS_KEY in environ else rule.rule


def _rule_without_method(request: Any) -> Any:
    """Return the rule of a request whose method it lacks, which werkzeug forgets as it raises."""
    methods = getattr(getattr(request, "routing_exception", None), "valid_methods", None)
    if not methods:
        return None
    from flask import current_app

    adapter = current_app.create_url_adapter(request)
    return None if adapter is None else adapter.match(method=next(iter(methods)), return_rule=True)[0]


def _note_error(_: Any, *, exception: BaseException, **__: Any) -> None:
    from flask import request

    observed = request.environ.get(wsgi.REQUEST_KEY)
    if isinstance(observed, wsgi.WsgiRequest):
        note_error(observed, exception)
        observed.route = flask_route(request.environ)
