"""Seawall: one service catalog in; a monitored, alerted, run-booked and rehearsed system out."""

from os import PathLike
from typing import TypeVar

_App = TypeVar("_App")


def instrument(app: _App, *, service: str | PathLike[str] | None = None) -> _App:
    """Count and trace the requests of one application, and of no other; return what is to be served.

    An object of FastAPI, Starlette, Litestar, Django, Flask, Falcon or aiohttp is returned itself; of any other ASGI
    or WSGI application, a callable that wraps it. *service* is the path of the service's rendered file, as
    ``SEAWALL_SERVICE`` is. Calling it again changes nothing, nor does it after ``import seawall.auto``, which counts
    every application. It never raises: what fails is one line of the log.
    """
    from seawall.instrumentation.applications import instrument as wrap

    return wrap(app, service)  # type: ignore[no-any-return]


def uninstrument(app: _App) -> _App:
    """Undo ``instrument``; *app* is what it returned. Return the application as it was. Never raises."""
    from seawall.instrumentation.applications import uninstrument as unwrap

    return unwrap(app)  # type: ignore[no-any-return]
