"""A Starlette application whose bodies and times are known, for servers of several protocols."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

SECONDS = 0.2


async def echo(request: Request) -> Response:
    return Response(await request.body(), int(request.path_params["status"]))


async def slow(_: Request) -> Response:
    await asyncio.sleep(SECONDS)
    return Response(b"slow")


async def endless(_: Request) -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.01)

    return StreamingResponse(chunks())


app = Starlette(
    routes=[Route("/echo/{status}", echo, methods=["POST"]), Route("/slow", slow), Route("/endless", endless)]
)
