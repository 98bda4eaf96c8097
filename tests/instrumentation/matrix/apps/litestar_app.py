"""Litestar, with routers, a controller and a mounted application."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from collections.abc import AsyncIterator
from typing import Any

from litestar import Controller, HttpMethod, Litestar, Router, WebSocket, asgi, get, route, websocket
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Response, ServerSentEvent, Stream
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gates import Gate

gate = Gate()


@route("/items/{number:int}", http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.HEAD], status_code=200)
async def item(number: FromPath[int]) -> None:
    return None


@get("/boom")
async def boom() -> None:
    raise RuntimeError("boom")


@get("/answers/{status:int}")
async def answer(status: FromPath[int]) -> None:
    raise HTTPException(status_code=status)


async def chunks() -> AsyncIterator[bytes]:
    yield b"one"
    await gate.passed()
    yield b"two"


@get("/stream")
async def stream() -> Stream:
    return Stream(chunks())


async def broken() -> AsyncIterator[bytes]:
    yield b"one"
    raise LookupError("half-way")


@get("/breaks")
async def breaks() -> Stream:
    return Stream(broken())


@get("/events")
async def events() -> ServerSentEvent:
    return ServerSentEvent(chunks())


@get("/slow")
async def slow() -> str:
    await gate.passed()
    return "slow"


@get("/background")
async def background() -> Response[str]:
    return Response("first", background=BackgroundTask(gate.passed))


@websocket("/socket")
async def talk(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


class Things(Controller):
    path = "/things"

    @get("/{number:str}")
    async def thing(self, number: FromPath[str]) -> str:
        return number


class TenantThings(Controller):
    path = "/things"

    @get("/{number:str}")
    async def thing_of_a_tenant(self, tenant: FromPath[str], number: FromPath[str]) -> str:
        return number


async def plain_thing(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.path_params["number"])


mounted = Starlette(routes=[Route("/things/{number}/", plain_thing)])


@asgi("/sub", is_mount=True, copy_scope=True)
async def sub(scope: Any, receive: Any, send: Any) -> None:
    await mounted(scope, receive, send)


async def echo(number: FromPath[str]) -> str:
    return number


app = Litestar(
    [
        item,
        boom,
        answer,
        stream,
        breaks,
        events,
        slow,
        background,
        talk,
        sub,
        Router("/v1", route_handlers=[Router("/api", route_handlers=[Things])]),
        Router("/tenants/{tenant:str}", route_handlers=[TenantThings]),
        *(get(f"/r{each}/{{number:str}}", name=f"r{each}")(echo) for each in range(200)),
    ],
    logging_config=None,
    openapi_config=None,
)
