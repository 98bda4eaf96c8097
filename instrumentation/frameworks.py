"""Where the middleware goes into a framework, once the application has imported it.

A route is what the framework itself matched, noted as it hands the request over: matching again costs more with every
route, and a path would make a series of every address that a scanner tries.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from types import ModuleType
from typing import Any, Final

from wrapt import register_post_import_hook

from . import asgi, wsgi
from .diagnostics import guarded
from .http_server import HttpServerMetrics
from .tracing import ServerTracer

_NATIVE_KEY: Final = "fastapi.telemetry"
_DISPATCHERS_KEY: Final = "seawall.mounts"
_MARK: Final = "__seawall__"


class Frameworks:
    """Hook the middleware into the frameworks that the application imports."""

    def __init__(self, metrics: HttpServerMetrics, tracer: ServerTracer | None) -> None:
        self._metrics = metrics
        self._tracer = tracer

    def hook(self) -> None:
        """Wait for each framework's import; one that is imported already is hooked at once."""
        hooks: dict[str, Callable[[Any], object]] = {
            "starlette.applications": self._starlette,
            "fastapi.applications": self._fastapi,
            "flask.app": self._flask,
            **ROUTE_HOOKS,
        }
        for module, hook in hooks.items():
            register_post_import_hook(guarded(f"instrument {module}")(hook), module)

    def _starlette(self, module: ModuleType) -> None:
        self._wrap_asgi(module.Starlette)

    def _fastapi(self, module: ModuleType) -> None:
        self._wrap_asgi(module.FastAPI, stands_down=_native_stands_down)

    def _wrap_asgi(self, application: Any, stands_down: Callable[[Any, asgi.Scope], None] | None = None) -> None:
        original = application.__dict__["__call__"]
        metrics, tracer = self._metrics, self._tracer

        @wraps(original)
        async def __call__(self: Any, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:  # noqa: N807
            if scope["type"] == "http":
                if stands_down is not None:
                    stands_down(self, scope)
                if asgi.REQUEST_KEY not in scope:
                    await asgi.observe(original.__get__(self), metrics, tracer, scope, receive, send)
                    return
            await original(self, scope, receive, send)

        _replace(application, "__call__", __call__)

    def _flask(self, module: ModuleType) -> None:
        from flask.signals import got_request_exception

        original = module.Flask.__call__
        metrics, tracer = self._metrics, self._tracer

        @wraps(original)
        def __call__(self: Any, environ: wsgi.Environ, start: wsgi.StartResponse) -> Iterable[bytes]:  # noqa: N807
            if wsgi.REQUEST_KEY in environ:
                return original(self, environ, start)  # type: ignore[no-any-return]
            return wsgi.observe(original.__get__(self), metrics, tracer, flask_route, environ, start)

        _replace(module.Flask, "__call__", __call__)
        got_request_exception.connect(_note_flask_error)


def _replace(owner: Any, name: str, replacement: Any) -> None:
    if not hasattr(owner.__dict__[name], _MARK):
        setattr(replacement, _MARK, True)
        setattr(owner, name, replacement)


def _native_stands_down(app: Any, scope: asgi.Scope) -> None:
    # FastAPI 0.142 and newer count by themselves once a provider exists, unless this key is there. Providers of the
    # application's own are its own affair: what they count goes elsewhere.
    if _NATIVE_KEY not in scope:
        own = getattr(app, "_telemetry", None) or {}
        if own.get("meter_provider") is None and own.get("tracer_provider") is None:
            scope[_NATIVE_KEY] = None


def _hook_starlette_routes(module: ModuleType) -> None:
    _note_before(module.Route, _note_route)
    _note_before(module.Mount, _note_mount)


def _hook_fastapi_routes(module: ModuleType) -> None:
    if "handle" in module.APIRoute.__dict__:
        _note_before(module.APIRoute, _note_route)


def _note_before(route_class: Any, note: Callable[[Any, asgi.AsgiRequest, asgi.Scope], None]) -> None:
    original = route_class.__dict__["handle"]

    @wraps(original)
    def handle(self: Any, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> Awaitable[None]:
        request = scope.get(asgi.REQUEST_KEY)
        if request is not None:
            note(self, request, scope)
        return original(self, scope, receive, send)  # type: ignore[no-any-return]

    _replace(route_class, "handle", handle)


def _note_route(route: Any, request: asgi.AsgiRequest, scope: asgi.Scope) -> None:
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


def _note_flask_error(_: Any, *, exception: BaseException, **__: Any) -> None:
    from flask import request

    observed = request.environ.get(wsgi.REQUEST_KEY)
    if isinstance(observed, wsgi.WsgiRequest):
        observed.error = exception
        observed.note_route()


def flask_route(environ: wsgi.Environ) -> str:
    """Return the template of the rule that Flask matched, under the mount that dispatched to it; "" for none."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    if rule is None:
        return ""
    mounts = environ.get(_DISPATCHERS_KEY)
    return f"{_mount_of(environ, mounts)}{rule.rule}" if mounts else str(rule.rule)


def _mount_of(environ: wsgi.Environ, mounts: Iterable[str]) -> str:
    # Only what the application mounted: a proxy's prefix can be anything that a client sends.
    script = environ.get("SCRIPT_NAME", "")
    return next((mount for mount in sorted(mounts, key=len, reverse=True) if script.endswith(mount)), "")


def _hook_dispatcher(module: ModuleType) -> None:
    original = module.DispatcherMiddleware.__call__

    @wraps(original)
    def __call__(self: Any, environ: wsgi.Environ, start: wsgi.StartResponse) -> Iterable[bytes]:  # noqa: N807
        environ[_DISPATCHERS_KEY] = tuple(self.mounts)
        return original(self, environ, start)  # type: ignore[no-any-return]

    _replace(module.DispatcherMiddleware, "__call__", __call__)


ROUTE_HOOKS: Final[dict[str, Callable[[ModuleType], None]]] = {
    "starlette.routing": _hook_starlette_routes,
    "fastapi.routing": _hook_fastapi_routes,
    "werkzeug.middleware.dispatcher": _hook_dispatcher,
}
