"""Sizes of bodies, as both middlewares see them."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from middlewares import SCOPE, START, answer, run_asgi, run_wsgi

from seawall.instrumentation import AsgiMiddleware, HttpServerMetrics, WsgiMiddleware


def sizes(http: HttpServerMetrics) -> list[tuple[float, str]]:
    """Return the bytes of all responses of a kind, and how they were encoded."""
    return [(cells[-1], labels[-1]) for labels, cells in http.sent.collect()]


def test_bodies_are_measured_as_they_go_over_the_wire() -> None:
    """Of both interfaces: in chunks, in lists, encoded as the response says; a request without a body has none."""

    async def compressed(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({**START, "headers": [(b"content-encoding", b"gzip")]})
        await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        await send({"type": "http.response.body", "body": b"678"})

    def chunks(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Encoding", "gzip")])
        return iter([b"12345", b"678"])

    def whole(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Encoding", "made-up")])
        return [b"12345", b"678"]

    asgi, wsgi = HttpServerMetrics(), HttpServerMetrics()
    run_asgi(compressed, asgi)
    run_wsgi(chunks, wsgi)
    run_wsgi(whole, wsgi)

    assert [(8.0, "gzip")] == sizes(asgi)
    assert [(8.0, "gzip"), (8.0, "_OTHER")] == sizes(wsgi)
    assert [] == asgi.received.collect() == wsgi.received.collect()


def test_headers_that_are_none_do_not_stop_a_response() -> None:
    """What an application passes on is the server's to judge."""

    def odd(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [(1, None)])
        return [b"12345"]

    http = HttpServerMetrics()
    assert [b"12345"] == run_wsgi(odd, http)
    assert [(5.0, "")] == sizes(http)


def test_the_body_of_a_request_is_measured() -> None:
    """As many bytes as the application read, or the client said."""

    async def reads(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await answer(scope, receive, send)

    http = HttpServerMetrics()

    async def post() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"abc"}

        async def take(_: Any) -> None:
            pass

        await AsgiMiddleware(reads, http, None)({**SCOPE}, receive, take)

    asyncio.run(post())
    assert [3.0] == [cells[-1] for _, cells in http.received.collect()]


@pytest.mark.parametrize(
    ("path", "method", "size"),
    [
        ("/text", "GET", 3),
        ("/text", "HEAD", 0),
        ("/umlaut", "GET", 2),
        ("/nothing", "GET", 0),
        ("/unchanged", "GET", 0),
        ("/shouted", "GET", 4),
        ("/streamed", "GET", 6),
    ],
)
def test_a_flask_body_is_counted_as_the_client_gets_it(path: str, method: str, size: int) -> None:
    """Whether it stands whole or comes in parts, is text or bytes, and has none because of its method or status."""
    flask = pytest.importorskip("flask")
    app, http = flask.Flask("bodies"), HttpServerMetrics()

    class Shouted(flask.Response):  # type: ignore[misc, name-defined]
        """A response with an encoding of its own."""

        def iter_encoded(self) -> Iterator[bytes]:
            for chunk in super().iter_encoded():
                yield chunk + b"!"

    answers = {
        "/text": lambda: "abc",
        "/umlaut": lambda: flask.Response(["\u00e4"]),
        "/nothing": lambda: ("gone", 204),
        "/unchanged": lambda: ("same", 304),
        "/shouted": lambda: Shouted("abc"),
        "/streamed": lambda: flask.Response(iter([b"abc", b"def"])),
    }
    for route, view in answers.items():
        app.add_url_rule(route, route, view)
    app.wsgi_app = WsgiMiddleware(app.wsgi_app, http)
    response = app.test_client().open(path, method=method)
    assert size == len(response.data)

    assert [size] == [cells[-1] for _, cells in http.sent.collect()]
    assert [1] == [sum(cells[:-1]) for _, cells in http.sent.collect()]
