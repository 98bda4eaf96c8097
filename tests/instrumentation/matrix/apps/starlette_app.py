"""Starlette, with mounts of three kinds."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket

from gates import Gate

gate = Gate()


async def item(request: Request) -> Response:
    return PlainTextResponse(request.path_params["number"])


async def boom(request: Request) -> Response:
    raise RuntimeError("boom")


async def answer(request: Request) -> Response:
    raise HTTPException(int(request.path_params["status"]))


async def chunks() -> AsyncIterator[bytes]:
    yield b"one"
    await gate.passed()
    yield b"two"


async def stream(request: Request) -> Response:
    return StreamingResponse(chunks())


async def broken() -> AsyncIterator[bytes]:
    yield b"one"
    raise LookupError("half-way")


async def breaks(request: Request) -> Response:
    return StreamingResponse(broken())


async def events(request: Request) -> Response:
    return StreamingResponse(chunks(), media_type="text/event-stream")


async def slow(request: Request) -> Response:
    await gate.passed()
    return PlainTextResponse("slow")


async def background(request: Request) -> Response:
    return PlainTextResponse("first", background=BackgroundTask(gate.passed))


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


things = [Route("/things/{number}", item)]
app = Starlette(
    routes=[
        Route("/items/{number}", item, methods=["GET", "POST"]),
        Route("/boom", boom),
        Route("/answers/{status}", answer),
        Route("/stream", stream),
        Route("/breaks", breaks),
        Route("/events", events),
        Route("/slow", slow),
        Route("/background", background),
        WebSocketRoute("/socket", socket),
        Mount("/v1", routes=[Mount("/api", routes=things)]),
        Mount("/tenants/{tenant}", app=Router(things)),
        Mount("/sub", app=Starlette(routes=[*things, Mount("/deep", app=Starlette(routes=things))])),
        *(Route(f"/r{number}/{{number}}", item) for number in range(200)),
    ]
)
