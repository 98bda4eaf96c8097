"""WSGI without a framework, under the middleware: it has one route, which the middleware is told to read."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from collections.abc import Iterable, Iterator
from typing import Any

from gates import Gate

from seawall.instrumentation import WsgiMiddleware, start

gate = Gate()
STREAMS = {"/stream": "text/plain", "/events": "text/event-stream", "/breaks": "text/plain"}


def plain(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path, parts = environ["PATH_INFO"], environ["PATH_INFO"].split("/")
    if path == "/boom":
        raise RuntimeError("boom")
    if path == "/slow":
        gate.wait()
    known = parts[1] in ("items", "slow") or path in STREAMS
    status = int(parts[2]) if parts[1] == "answers" else 200 if known else 404
    start_response(f"{status} Said", [("Content-Type", STREAMS.get(path, "text/plain"))])
    return chunks(path) if path in STREAMS else [b"two"]


def chunks(path: str) -> Iterator[bytes]:
    yield b"one"
    if path == "/breaks":
        raise LookupError("half-way")
    gate.wait()
    yield b"two"


def route(environ: dict[str, Any]) -> str:
    return "/items/{number}" if environ["PATH_INFO"].startswith("/items/") else ""


app = WsgiMiddleware(plain, start().http, route_of=route)  # type: ignore[union-attr]
