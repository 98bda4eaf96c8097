"""ASGI without a framework, under the middleware: it has one route, which it says itself."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from typing import Any

from gates import Gate

from seawall.instrumentation import AsgiMiddleware, start

gate = Gate()
STREAMS = {"/stream": b"text/plain", "/events": b"text/event-stream", "/breaks": b"text/plain"}


async def plain(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await talk(receive, send)
    if scope["type"] != "http":
        return
    path, parts = scope["path"], scope["path"].split("/")
    if path == "/boom":
        raise RuntimeError("boom")
    if path == "/slow":
        await gate.passed()
    if parts[1] == "items":
        scope["seawall.request"].route = "/items/{number}"
    known = parts[1] in ("items", "slow", "background") or path in STREAMS
    status = int(parts[2]) if parts[1] == "answers" else 200 if known else 404
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", STREAMS.get(path, b"text/plain"))],
        }
    )
    if path in STREAMS:
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        if path == "/breaks":
            raise LookupError("half-way")
        await gate.passed()
    await send({"type": "http.response.body", "body": b"two"})
    if path == "/background":
        await gate.passed()


async def talk(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": (await receive())["text"]})
    await send({"type": "websocket.close"})


app = AsgiMiddleware(plain, start().http)  # type: ignore[union-attr]
