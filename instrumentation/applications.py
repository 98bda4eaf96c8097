"""One application of a process: ``seawall.instrument(app)``, and back."""

import os
import sys
from collections.abc import Iterable
from inspect import Parameter, iscoroutinefunction, signature
from typing import Any, Final

from .asgi import AsgiMiddleware, Receive, Scope, Send
from .diagnostics import guarded, say_once
from .frameworks import Chosen
from .frameworks.contrib import any_route
from .kinds import FRAMEWORKS
from .settings import SERVICE_VARIABLE
from .start import Instrumentation, running, start_for_chosen
from .wsgi import Environ, StartResponse, WsgiMiddleware

_ASGI_PARAMETERS: Final = 3
_WSGI_PARAMETERS: Final = 2


class _Wrapped:
    """What is served in the place of a plain callable. Whatever else it is asked for, the application answers."""

    app: Any
    counts = True

    def __getattr__(self, name: str) -> Any:
        if name == "app":  # it is not there yet: somebody copies this
            raise AttributeError(name)
        return getattr(self.app, name)


class WrappedAsgi(_Wrapped, AsgiMiddleware):
    """An ASGI application whose requests count."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.counts:
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class WrappedWsgi(_Wrapped, WsgiMiddleware):
    """A WSGI application whose requests count."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if self.counts:
            return super().__call__(environ, start_response)
        return self.app(environ, start_response)  # type: ignore[no-any-return]


def instrument(app: Any, service: str | os.PathLike[str] | None = None) -> Any:
    """Count and trace the requests of *app*; return what is to be served in its place. Never raises."""
    begun = _begin(service)
    if begun is None:
        return app
    observed = _observe(app, begun)
    return app if observed is None else observed


def uninstrument(app: Any) -> Any:
    """Undo what ``instrument`` did to *app*, or to what it made of it; return the application. Never raises."""
    if isinstance(app, _Wrapped):
        app.counts = False
        return app.app
    _forget(app)
    return app


@guarded("start")
def _begin(service: str | os.PathLike[str] | None) -> Instrumentation | None:
    named = {} if service is None else {SERVICE_VARIABLE: os.fspath(service)}
    earlier = running()
    if earlier is not None and named and earlier.settings.service != named[SERVICE_VARIABLE]:
        said = f"{SERVICE_VARIABLE}={earlier.settings.service}" if earlier.settings.service else "no service"
        say_once(
            f"Seawall runs with {said} already: service={named[SERVICE_VARIABLE]} comes too late, and is left out."
        )
    return start_for_chosen({**os.environ, **named})


@guarded("instrument an application")
def _observe(app: Any, begun: Instrumentation) -> Any:
    if isinstance(app, _Wrapped):
        app.counts = True
        return app
    if isinstance(app, AsgiMiddleware | WsgiMiddleware):
        return app
    if is_framework(app):
        if begun.chosen is not None and app not in begun.chosen:
            _choose(app, begun.chosen)
        return app
    kind = kind_of(app)
    if kind is None:
        say_once(f"Seawall cannot instrument {_described(app)}: {_hint(app)}")
        return app
    if kind == "asgi":
        return WrappedAsgi(app, begun.http, begun.tracer)
    return WrappedWsgi(app, begun.http, begun.tracer, any_route)


def _choose(app: Any, chosen: Chosen) -> None:
    chosen.add(app)
    if isinstance(app, _class("litestar.app", "Litestar")):
        from .frameworks.litestar import reroute

        reroute(app)


@guarded("leave an application as it was")
def _forget(app: Any) -> None:
    begun = running()
    if begun is None or not is_framework(app):
        return
    if begun.chosen is None or begun.chosen.everything:
        say_once(
            "Seawall counts every application of this process (import seawall.auto, or seawall run): "
            f"seawall.uninstrument leaves {_described(app)} as it is."
        )
    else:
        begun.chosen.discard(app)


def is_framework(app: Any) -> bool:
    """Whether *app* is an object of a framework that has hooks of its own."""
    return any(isinstance(app, _class(module, name)) for module, name in FRAMEWORKS)


def _class(module: str, name: str) -> Any:
    # What is not imported has no application.
    return getattr(sys.modules.get(module), name, ())


def kind_of(app: Any) -> str | None:
    """Return ``asgi`` or ``wsgi``, as *app* can be called; None where it is no application."""
    if not callable(app) or isinstance(app, type):
        return None
    is_async = iscoroutinefunction(app) or iscoroutinefunction(type(app).__call__)
    try:
        least, most = _positional(app)
    except (TypeError, ValueError):  # what is written in C may not tell
        return "asgi" if is_async else None
    if is_async:
        return "asgi" if least <= _ASGI_PARAMETERS <= most else None
    if least == 0 and most == sys.maxsize:
        return None  # it takes anything
    if least <= _WSGI_PARAMETERS <= most:
        return "wsgi"
    return "asgi" if least <= _ASGI_PARAMETERS <= most else None


def _positional(app: Any) -> tuple[int, float]:
    """Return how many positional arguments *app* takes, at least and at most."""
    parameters = signature(app).parameters.values()
    plain = [each for each in parameters if each.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    least = sum(each.default is Parameter.empty for each in plain)
    takes_more = any(each.kind is Parameter.VAR_POSITIONAL for each in parameters)
    return least, sys.maxsize if takes_more else len(plain)


def _described(app: Any) -> str:
    kind = app if isinstance(app, type) else type(app)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return f"the class {name}" if isinstance(app, type) else f"an object of {name}"


def _hint(app: Any) -> str:
    if isinstance(app, type):
        return "it wants an application, not its class; make one first."
    if iscoroutinefunction(app) or callable(app):
        return (
            "it can be called neither as ASGI (scope, receive, send) nor as WSGI (environ, start_response). Give the "
            "application itself, or what a factory returns."
        )
    return "it wants the application object, or any ASGI or WSGI callable."
