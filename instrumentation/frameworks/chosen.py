"""The applications whose requests count, where these are not all of the process."""

from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Any
from weakref import ref

from seawall.instrumentation import asgi, wsgi
from seawall.instrumentation.diagnostics import guarded

AsgiCall = Callable[..., Awaitable[None]]
WsgiCall = Callable[..., Iterable[bytes]]


class Chosen:
    """Know the applications that were chosen, by what they are: an application may be equal to no other, or to all."""

    def __init__(self) -> None:
        self.everything = False
        # Once Seawall has set OpenTelemetry's providers, frameworks begin to tell of every application by themselves.
        self.quiets_others = False
        self._kept: dict[int, Any] = {}

    def __contains__(self, app: object) -> bool:
        return self.everything or id(app) in self._kept

    def add(self, app: Any) -> None:
        """Count the requests of *app* from now on, for as long as it lives."""
        key = id(app)
        try:
            self._kept[key] = ref(app, lambda _: self._kept.pop(key, None))
        except TypeError:  # nothing can refer to it weakly: it stays
            self._kept[key] = app

    def discard(self, app: Any) -> None:
        """Count them no longer."""
        self._kept.pop(id(app), None)


def chosen_asgi(chosen: Chosen | None, original: AsgiCall, counting: AsgiCall, before: Any = None) -> AsgiCall:
    """Return the ``__call__`` of an ASGI class that is *counting* for chosen instances, and the *original* for others.

    *before* is given an instance that is not chosen, and the scope, where Seawall's providers make it tell of itself.
    """
    if chosen is None:
        return counting
    quiet = guarded("keep a framework's own telemetry quiet")(before) if before is not None else None

    @wraps(original)
    async def __call__(self: Any, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:  # noqa: N807
        if self in chosen:
            await counting(self, scope, receive, send)
            return
        if quiet is not None and chosen.quiets_others and scope["type"] == "http":
            quiet(self, scope)
        await original(self, scope, receive, send)

    return __call__


def chosen_wsgi(chosen: Chosen | None, original: WsgiCall, counting: WsgiCall) -> WsgiCall:
    """Return the ``__call__`` of a WSGI class: *counting* for chosen instances, and the *original* for others."""
    if chosen is None:
        return counting

    @wraps(original)
    def __call__(self: Any, environ: wsgi.Environ, start: wsgi.StartResponse) -> Iterable[bytes]:  # noqa: N807
        return (counting if self in chosen else original)(self, environ, start)

    return __call__
