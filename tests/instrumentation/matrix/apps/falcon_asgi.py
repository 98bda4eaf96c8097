"""Falcon behind ASGI."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from collections.abc import AsyncIterator

import falcon
import falcon.asgi

from gates import Gate

gate = Gate()


class Item:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, number: str, tenant: str = "") -> None:
        resp.text = str(number)

    on_head = on_get
    on_post = on_get


class Boom:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        raise RuntimeError("boom")


class Answer:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, status: int) -> None:
        raise falcon.HTTPError(status)


class Stream:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        resp.stream = self.chunks()

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"one"
        await gate.passed()
        yield b"two"


class Breaks(Stream):
    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"one"
        raise LookupError("half-way")


class Events:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        resp.sse = self.events()

    async def events(self) -> AsyncIterator[falcon.asgi.SSEvent]:
        yield falcon.asgi.SSEvent(data=b"one")
        await gate.passed()
        yield falcon.asgi.SSEvent(data=b"two")


class Slow:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        await gate.passed()
        resp.text = "slow"


class Background:
    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        resp.text = "first"
        resp.schedule(gate.passed)


class Socket:
    async def on_websocket(self, req: falcon.asgi.Request, ws: falcon.asgi.WebSocket) -> None:
        await ws.accept()
        await ws.send_text(await ws.receive_text())
        await ws.close()


app = falcon.asgi.App()
app.add_route("/items/{number:int}", Item())
app.add_route("/boom", Boom())
app.add_route("/answers/{status:int}", Answer())
app.add_route("/stream", Stream())
app.add_route("/breaks", Breaks())
app.add_route("/events", Events())
app.add_route("/slow", Slow())
app.add_route("/background", Background())
app.add_route("/socket", Socket())
app.add_route("/v1/api/things/{number}", Item())
app.add_route("/tenants/{tenant}/things/{number}", Item())
for each in range(200):
    app.add_route(f"/r{each}/{{number}}", Item())
