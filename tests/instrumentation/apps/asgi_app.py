"""A FastAPI application with everything that a request can do; uvicorn serves it."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, WebSocket
from opentelemetry import propagate
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

app = FastAPI()
released = asyncio.Event()
background_may_end = asyncio.Event()


@app.api_route("/items/{number}", methods=["GET", "HEAD", "POST"])
async def item(number: int) -> dict[str, int]:
    return {"number": number}


@app.get("/sync/{number}")
def sync_item(number: int) -> dict[str, int]:
    return {"number": number}


@app.get("/boom")
async def boom() -> None:
    raise RuntimeError("boom")


@app.get("/answers/{status}")
async def answer(status: int) -> None:
    raise HTTPException(status)


@app.get("/cancelled")
async def cancelled() -> None:
    raise asyncio.CancelledError


async def chunks(last: str) -> AsyncIterator[bytes]:
    yield b"one"
    await asyncio.sleep(0)
    if last == "raise":
        raise LookupError("half-way")
    if last == "wait":
        await released.wait()
    yield b"two"


@app.get("/stream/{last}")
async def stream(last: str) -> StreamingResponse:
    return StreamingResponse(chunks(last))


@app.get("/events")
async def events() -> StreamingResponse:
    return StreamingResponse(chunks("wait"), media_type="text/event-stream")


@app.get("/held")
async def held() -> str:
    await released.wait()
    return "released"


@app.get("/until-gone")
async def until_gone(request: Request) -> str:
    while not await request.is_disconnected():
        await asyncio.sleep(0.01)
    return "nobody reads this"


@app.get("/background")
async def background() -> PlainTextResponse:
    return PlainTextResponse("first", background=BackgroundTask(background_may_end.wait))


@app.get("/release")
async def release() -> str:
    background_may_end.set()
    return "released"


@app.get("/trace")
async def trace() -> dict[str, str]:
    headers: dict[str, str] = {}
    propagate.inject(headers)
    record = logging.getLogger("app").makeRecord("app", logging.INFO, "", 0, "", (), None)
    return {"traceparent": headers.get("traceparent", ""), "trace_id": record.trace_id, "span_id": record.span_id}  # type: ignore[attr-defined]


@app.websocket("/socket/{key}")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


router = APIRouter(prefix="/things")


@router.get("/{thing}")
async def thing(thing: str) -> str:
    return thing


outer = APIRouter(prefix="/api")
outer.include_router(router)
app.include_router(outer, prefix="/v1")

inner = FastAPI()


@inner.get("/s/{q}")
async def inner_route(q: str) -> str:
    return q


app.mount("/inner", inner)


async def tenant_route(request: Request) -> JSONResponse:
    return JSONResponse(dict(request.path_params))


app.mount("/tenants/{tenant}", Starlette(routes=[Mount("/deep", routes=[Route("/c/{d}", tenant_route)])]))

START: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": []}
BODY: dict[str, Any] = {"type": "http.response.body", "body": b"done"}


async def hostile(scope: Any, receive: Any, send: Any) -> None:
    """Do what no application should."""
    habit = scope["path"].rpartition("/")[2]
    if habit == "clears":
        for key in ("app", "http_version", "path", "route", "router", "root_path"):
            scope.pop(key, None)
    if habit == "silent":
        return
    await send(START)
    if habit == "twice":
        await send({**START, "status": 204})
    if habit == "half":
        await send({**BODY, "more_body": True})
        return
    await send(BODY)
    if habit == "late":
        raise RuntimeError("after the response")


app.mount("/hostile", hostile)
