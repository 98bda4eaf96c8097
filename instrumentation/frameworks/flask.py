"""Flask, and what werkzeug's dispatcher mounts: the template of the rule that matched."""

from collections.abc import Iterable
from functools import wraps
from typing import Any

from seawall.instrumentation import wsgi
from seawall.instrumentation.wrapping import replace
from seawall.instrumentation.wsgi import REQUEST_KEY

from .hooking import MOUNTS_KEY, Telemetry, mount_of, note_error, observe_wsgi, set_mounts


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
    """Know the responses of werkzeug's whose body stands before they begin: nothing of it has to be followed."""
    original = module.Response.get_app_iter

    @wraps(original)
    def get_app_iter(self: Any, environ: wsgi.Environ) -> Any:
        body = original(self, environ)
        request = environ.get(REQUEST_KEY)
        if request is not None:
            chunks = self.response
            # What is to be called in the end belongs to the request's trace.
            if type(chunks) is list and not getattr(self, "_on_close", True):
                request.whole, request.chunks = body, chunks
        return body

    replace(module.Response, "get_app_iter", get_app_iter)


def flask_route(environ: wsgi.Environ) -> str:
    """Return the template of the rule that Flask matched, under the mount that dispatched to it; "" for none."""
    request = environ.get("werkzeug.request")
    rule = getattr(request, "url_rule", None) or _rule_without_method(request)
    if rule is None:
        return ""
    return f"{mount_of(environ.get(REQUEST_KEY), environ)}{rule.rule}" if MOUNTS_KEY in environ else rule.rule


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

    observed = request.environ.get(REQUEST_KEY)
    if isinstance(observed, wsgi.WsgiRequest):
        note_error(observed, exception)
        observed.route = flask_route(request.environ)
