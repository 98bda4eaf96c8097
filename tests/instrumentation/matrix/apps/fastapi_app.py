"""FastAPI, with included routers, a sub-application and mounts."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from collections.abc import AsyncIterator

from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException, WebSocket
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gates import Gate

gate = Gate()
app = FastAPI()


@app.api_route("/items/{number}", methods=["GET", "HEAD", "POST"])
async def item(number: int) -> int:
    return number


@app.get("/sync/{number}")
def in_a_thread(number: int) -> int:
    return number


@app.get("/boom")
async def boom() -> None:
    raise RuntimeError("boom")


@app.get("/answers/{status}")
async def answer(status: int) -> None:
    raise HTTPException(status)


async def chunks() -> AsyncIterator[bytes]:
    yield b"one"
    await gate.passed()
    yield b"two"


@app.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(chunks())


async def broken() -> AsyncIterator[bytes]:
    yield b"one"
    raise LookupError("half-way")


@app.get("/breaks")
async def breaks() -> StreamingResponse:
    return StreamingResponse(broken())


@app.get("/events")
async def events() -> StreamingResponse:
    return StreamingResponse(chunks(), media_type="text/event-stream")


@app.get("/slow")
async def slow() -> str:
    await gate.passed()
    return "slow"


@app.get("/background")
async def background(tasks: BackgroundTasks) -> str:
    tasks.add_task(gate.passed)
    return "first"


@app.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


async def thing(number: str) -> str:
    return number


async def plain_thing(request: Request) -> Response:
    return PlainTextResponse(request.path_params["number"])


router = APIRouter(prefix="/things")
router.add_api_route("/{number}", thing)
outer = APIRouter(prefix="/api")
outer.include_router(router)
outer.add_route("/plain/{number}", plain_thing)
app.include_router(outer, prefix="/v1")
app.include_router(router, prefix="/tenants/{tenant}")
inner = FastAPI()
inner.include_router(router)
app.mount("/sub", inner)
app.mount("/orgs/{org}", Starlette(routes=[Route("/things/{number}", plain_thing)]))
for each in range(200):
    app.add_api_route(f"/r{each}/{{number}}", thing)
