"""aiohttp's own server, with sub-applications."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from aiohttp import web

from gates import Gate

gate = Gate()


async def item(request: web.Request) -> web.Response:
    return web.Response(text=request.match_info["number"])


async def boom(request: web.Request) -> web.Response:
    raise RuntimeError("boom")


async def answer(request: web.Request) -> web.Response:
    return web.Response(status=int(request.match_info["status"]))


async def refuse(request: web.Request) -> web.Response:
    raise web.HTTPServiceUnavailable


async def send_two(request: web.Request, kind: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": kind})
    await response.prepare(request)
    await response.write(b"one")
    await gate.passed()
    await response.write(b"two")
    return response


async def stream(request: web.Request) -> web.StreamResponse:
    return await send_two(request, "text/plain")


async def events(request: web.Request) -> web.StreamResponse:
    return await send_two(request, "text/event-stream")


async def breaks(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"one")
    raise LookupError("half-way")


async def slow(request: web.Request) -> web.Response:
    await gate.passed()
    return web.Response(text="slow")


async def socket(request: web.Request) -> web.WebSocketResponse:
    response = web.WebSocketResponse()
    await response.prepare(request)
    await response.send_str(await response.receive_str())
    await response.close()
    return response


def with_things(application: web.Application) -> web.Application:
    application.router.add_get("/things/{number}", item)
    return application


app = web.Application()
app.router.add_get("/items/{number:\\d+}", item)
app.router.add_post("/items/{number:\\d+}", item)
app.router.add_get("/boom", boom)
app.router.add_get("/answers/{status}", answer)
app.router.add_get("/refuses", refuse)
app.router.add_get("/stream", stream)
app.router.add_get("/breaks", breaks)
app.router.add_get("/events", events)
app.router.add_get("/slow", slow)
app.router.add_get("/socket", socket)
app.router.add_get("/tenants/{tenant}/things/{number}", item)
app.router.add_static("/static", ".")
api = web.Application()
api.add_subapp("/api", with_things(web.Application()))
app.add_subapp("/v1", api)
app.add_subapp("/sub", with_things(web.Application()))
for each in range(200):
    app.router.add_get(f"/r{each}/{{number}}", item)
