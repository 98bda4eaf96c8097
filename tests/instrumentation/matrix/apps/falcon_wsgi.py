"""Falcon behind WSGI."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from collections.abc import Iterator

import falcon

from gates import Gate

gate = Gate()


class Item:
    def on_get(self, req: falcon.Request, resp: falcon.Response, number: str, tenant: str = "") -> None:
        resp.text = str(number)

    on_head = on_get
    on_post = on_get


class Boom:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        raise RuntimeError("boom")


class Answer:
    def on_get(self, req: falcon.Request, resp: falcon.Response, status: int) -> None:
        raise falcon.HTTPError(status)


class Stream:
    def __init__(self, kind: str = falcon.MEDIA_TEXT) -> None:
        self._kind = kind

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = self._kind
        resp.stream = self.chunks()

    def chunks(self) -> Iterator[bytes]:
        yield b"one"
        gate.wait()
        yield b"two"


class Endless(Stream):
    def chunks(self) -> Iterator[bytes]:
        return (b"x" * 65536 for _ in iter(gate.is_open, True))


class Breaks(Stream):
    def chunks(self) -> Iterator[bytes]:
        yield b"one"
        raise LookupError("half-way")


class Slow:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        gate.wait()
        resp.text = "slow"


app = falcon.App()
app.add_route("/items/{number:int}", Item())
app.add_route("/boom", Boom())
app.add_route("/answers/{status:int}", Answer())
app.add_route("/stream", Stream())
app.add_route("/breaks", Breaks())
app.add_route("/endless", Endless())
app.add_route("/events", Stream(kind="text/event-stream"))
app.add_route("/slow", Slow())
app.add_route("/v1/api/things/{number}", Item())
app.add_route("/tenants/{tenant}/things/{number}", Item())
for each in range(200):
    app.add_route(f"/r{each}/{{number}}", Item())
