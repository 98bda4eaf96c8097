"""Requests through the middlewares by themselves, without a server."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from seawall.instrumentation import AsgiMiddleware, HttpServerMetrics, WsgiMiddleware
from seawall.instrumentation.tracing import ServerTracer

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
END: dict[str, Any] = {"type": "http.response.body", "body": b""}
SCOPE: Mapping[str, Any] = {
    "type": "http",
    "method": "GET",
    "scheme": "http",
    "http_version": "1.1",
    "path": "/a",
    "headers": [],
}
ENVIRON = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1", "PATH_INFO": "/a"}


def run_asgi(
    app: Any, http: HttpServerMetrics, tracer: ServerTracer | None = None, scope: Any = None, send: Any = None
) -> None:
    """Send one request through the middleware."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def take(_: Any) -> None:
        pass

    asyncio.run(AsgiMiddleware(app, http, tracer)({**SCOPE} if scope is None else scope, receive, send or take))


def run_wsgi(app: Any, http: HttpServerMetrics, tracer: ServerTracer | None = None) -> list[bytes]:
    """Send one request through the middleware, as a server does."""
    body = WsgiMiddleware(app, http, tracer)(dict(ENVIRON), lambda *_: None)
    try:
        return list(body)
    finally:
        getattr(body, "close", lambda: None)()


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200."""
    await send(START)
    await send(END)


def wsgi_answer(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Answer 200."""
    start_response("200 OK", [])
    return iter([b"", b"a"])
