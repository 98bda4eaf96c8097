"""An ASGI application that the tests' clients call: plain answers, redirects, a slow one, a stream, and an echo."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]

released = asyncio.Event()
asked: Counter[str] = Counter()


async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    """Answer by the path alone."""
    if scope["type"] != "http":
        return
    path = scope["path"]
    asked[path] += 1
    if path == "/slow":
        while (await receive())["type"] != "http.disconnect":
            pass
    elif path == "/stream":
        released.clear()
        await answer(send, 200, b"first", more=True)
        await released.wait()
        await send({"type": "http.response.body", "body": b"last"})
    elif path == "/release":
        released.set()
        await answer(send, 200, b"")
    elif path == "/slows":
        await answer(send, 200, str(asked["/slow"]).encode())
    elif path == "/redirect":
        await answer(send, 302, b"", (b"location", b"/ok"))
    elif path == "/flaky":
        await answer(send, 503 if asked[path] % 3 else 200, b"")
    else:
        headers = dict(scope["headers"])
        status = {"/missing": 404, "/boom": 503}.get(path, 200)
        await answer(send, status, headers.get(b"traceparent", b"-"))


async def answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes], more: bool = False) -> None:
    """Send a response of one piece; of several, where *more* come."""
    length = () if more else ((b"content-length", str(len(body)).encode()),)
    await send({"type": "http.response.start", "status": status, "headers": [*length, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": more})
