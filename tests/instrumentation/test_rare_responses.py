"""Responses that are rare and allowed, and what strangers claim: counted once, traced throughout, passed on whole."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from middlewares import END, ENVIRON, SCOPE, answer, run_asgi, run_wsgi, wsgi_answer
from opentelemetry import propagate, trace
from opentelemetry.context import Context, get_current
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from seawall.instrumentation import HttpServerMetrics, WsgiMiddleware
from seawall.instrumentation.tracing import ServerTracer


class Ticket(TextMapPropagator):
    """A trace that a header of another name carries."""

    fields = {"x-ticket"}  # noqa: RUF012 - as the interface has it

    def extract(self, carrier: Any, context: Context | None = None, getter: Any = None) -> Context:
        """Return what is in the header."""
        [value] = getter.get(carrier, "x-ticket")
        span = NonRecordingSpan(SpanContext(int(value), 1, is_remote=True, trace_flags=TraceFlags(1)))
        return trace.set_span_in_context(span, context)

    def inject(self, *_: Any, **__: Any) -> None:
        """Do nothing."""


def counted(http: HttpServerMetrics) -> dict[str, float]:
    """Return the counts that are not zero, by status; no request may be open."""
    assert [0] * len(http.active.collect()) == [cells[0] for _, cells in http.active.collect()]
    found = {labels[2]: sum(cells[:-1]) for labels, cells in http.duration.collect()}
    return {status: count for status, count in found.items() if count}


def trace_id() -> int:
    """Return the current one."""
    return trace.get_current_span().get_span_context().trace_id


@pytest.mark.parametrize("exports", [True, False])
def test_a_body_is_made_in_the_requests_trace(exports: bool) -> None:
    """Most of an application may run after its call: every chunk and the close have its ids, and nobody else has."""
    seen: list[int] = []
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    if exports:
        provider.add_span_processor(SimpleSpanProcessor(exporter))

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        seen.append(trace_id())
        start_response("200 OK", [])
        try:
            yield b"a"
            seen.append(trace_id())
            yield b"b"
        finally:
            seen.append(trace_id())

    middleware = WsgiMiddleware(app, HttpServerMetrics(), ServerTracer(provider))
    bodies: list[Any] = [middleware(dict(ENVIRON), lambda *_: None) for _ in range(2)]
    for body in (*bodies, *bodies):
        next(body)
        assert {} == get_current()
    for body in bodies:
        body.close()

    assert {} == get_current()
    assert 0 not in seen
    assert [seen[:2]] * 2 == [seen[2:4], seen[4:]]
    assert seen[0] != seen[1]


def test_a_span_within_a_body_is_current_in_its_next_chunk_and_nowhere_else() -> None:
    """It is the request's child, and the thread's next request is no child of it."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("shop")

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        with tracer.start_as_current_span("rows"):
            yield b"a"
            with tracer.start_as_current_span("row"):
                yield b"b"

    http = HttpServerMetrics()
    body: Any = WsgiMiddleware(app, http, ServerTracer(provider))(dict(ENVIRON), lambda *_: None)
    assert b"a" == next(body)
    assert {} == get_current()
    assert [b"b"] == list(body)
    body.close()

    row, rows, request = exporter.get_finished_spans()
    assert ["row", "rows", "GET"] == [row.name, rows.name, request.name]
    assert rows.parent is not None
    assert row.parent is not None
    assert (request.context.span_id, rows.context.span_id) == (rows.parent.span_id, row.parent.span_id)


def test_the_trace_of_a_request_ends_with_a_body_that_raises() -> None:
    """In a chunk or in the close: what comes next in the thread has no trace."""

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"a"
            raise LookupError("chunk")

        def close(self) -> None:
            raise LookupError("close")

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Body()

    http = HttpServerMetrics()
    body: Any = WsgiMiddleware(app, http, ServerTracer(TracerProvider(shutdown_on_exit=False)))(
        dict(ENVIRON), lambda *_: None
    )
    with pytest.raises(LookupError, match="chunk"):
        list(body)
    with pytest.raises(LookupError, match="close"):
        body.close()

    assert {} == get_current()
    assert 1 == sum(counted(http).values())


def test_a_propagator_that_is_set_later_is_followed() -> None:
    """An application chooses its own after the import: its headers are read from then on, by both middlewares."""
    usual, seen = propagate.get_global_textmap(), []
    tracer = ServerTracer(TracerProvider(shutdown_on_exit=False))

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        seen.append(trace_id())
        await answer(scope, receive, send)

    def wsgi(environ: Any, start_response: Any) -> Iterable[bytes]:
        seen.append(trace_id())
        return wsgi_answer(environ, start_response)

    http = HttpServerMetrics()
    propagate.set_global_textmap(Ticket())
    try:
        run_asgi(asgi, http, tracer, scope={**SCOPE, "headers": [(b"x-ticket", b"77")]})
        tracer = ServerTracer(TracerProvider(shutdown_on_exit=False))
        propagate.set_global_textmap(usual)
        run_asgi(asgi, http, tracer, scope={**SCOPE, "headers": [(b"x-ticket", b"78")]})
        propagate.set_global_textmap(Ticket())
        list(WsgiMiddleware(wsgi, http, tracer)({**ENVIRON, "HTTP_X_TICKET": "79"}, lambda *_: None))
    finally:
        propagate.set_global_textmap(usual)

    assert (77, 79) == (seen[0], seen[2])
    assert 78 != seen[1]


@pytest.mark.parametrize("digits", [5000, 4000, 300, 16])
def test_a_length_that_cannot_be_true_is_none(digits: int) -> None:
    """It neither keeps a request from being counted nor spoils the sum of all the others."""

    async def claims(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9" * digits)]})
        await send(END)

    wsgi, asgi = HttpServerMetrics(), HttpServerMetrics()
    list(WsgiMiddleware(wsgi_answer, wsgi)({**ENVIRON, "CONTENT_LENGTH": "9" * digits}, lambda *_: None))
    run_asgi(claims, asgi)

    assert ({"200": 1}, {"200": 1}) == (counted(wsgi), counted(asgi))
    assert [] == wsgi.received.collect()
    assert [0.0] == [cells[-1] for _, cells in asgi.sent.collect()]


@pytest.mark.parametrize("headers", [None, [(b"content-encoding", "gzip")], [(b"a", b"b", b"c")]])
def test_headers_that_cannot_be_read_do_not_keep_a_request_from_being_counted(headers: Any) -> None:
    """A server that takes them has answered; none stays open for ever."""

    async def odd(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send(END)

    http = HttpServerMetrics()
    run_asgi(odd, http)
    assert {"200": 1} == counted(http)


def test_headers_that_can_be_read_once_are_the_servers_to_read() -> None:
    """It may read them with the first chunk."""
    given: list[Any] = []

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", iter([("X-Shop", "1")]))
        return [b""]

    WsgiMiddleware(app, HttpServerMetrics())(dict(ENVIRON), lambda _, headers: given.append(headers))
    assert [("X-Shop", "1")] == list(given[0])


def test_an_error_in_the_place_of_a_response_has_headers_of_its_own() -> None:
    """What the first ones said of the body is no longer so: neither its encoding nor that it is a stream of events."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Encoding", "gzip"), ("Content-Type", "text/event-stream")])
        try:
            raise LookupError("late")
        except LookupError:
            start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
        return iter([b"o", b"ops"])

    http = HttpServerMetrics()
    run_wsgi(app, http)
    assert [("", 4.0)] == [(labels[-1], cells[-1]) for labels, cells in http.sent.collect()]


def test_a_response_may_be_begun_by_keywords() -> None:
    """By the names that servers give them; the server gets it in the order that it takes from all of them."""
    given: list[tuple[Any, ...]] = []
    headers = [("Content-Encoding", "gzip")]

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(headers=headers, status="201 Made", exc_info=None)
        return [b"abc"]

    http = HttpServerMetrics()
    list(WsgiMiddleware(app, http)(dict(ENVIRON), lambda *args: given.append(args)))
    assert [("201 Made", headers)] == given
    assert ["201"] == [labels[2] for labels, cells in http.duration.collect() if sum(cells[:-1])]
    assert [("gzip", 3.0)] == [(labels[-1], cells[-1]) for labels, cells in http.sent.collect()]


@pytest.mark.parametrize("body", [[b"c", b"de"], iter([b"c", b"de"]), []])
def test_bytes_that_are_written_count_as_the_bodys(body: Any) -> None:
    """Old applications write by what ``start_response`` returns: the server gets these bytes, before the body's own."""
    taken: list[bytes] = []

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        write(b"a" * 40)
        write(b"b" * 60)
        return body  # type: ignore[no-any-return]

    http = HttpServerMetrics()
    answered = WsgiMiddleware(app, http)(dict(ENVIRON), lambda *_: taken.append)
    own = b"".join(answered)

    assert [b"a" * 40, b"b" * 60] == taken
    assert [100.0 + len(own)] == [cells[-1] for _, cells in http.sent.collect()]


def test_a_body_of_one_chunk_says_so() -> None:
    """waitress tells the length of such a one beforehand; it is made chunk by chunk all the same."""

    class One:
        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Iterator[bytes]:
            yield b"abc"

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return One()

    http = HttpServerMetrics()
    body: Any = WsgiMiddleware(app, http)(dict(ENVIRON), lambda *_: None)

    assert (1, [b"abc"]) == (len(body), [*body])
    assert [3.0] == [cells[-1] for _, cells in http.sent.collect()]
    assert not hasattr(WsgiMiddleware(wsgi_answer, http)(dict(ENVIRON), lambda *_: None), "__len__")


def test_a_body_that_is_bytes_itself_is_the_servers() -> None:
    """uWSGI sends it whole, though the specification wants a sequence of them."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return b"abc"  # type: ignore[return-value]

    http = HttpServerMetrics()
    assert b"abc" == WsgiMiddleware(app, http)(dict(ENVIRON), lambda *_: None)
    assert [3.0] == [cells[-1] for _, cells in http.sent.collect()]


def test_an_application_that_raises_after_its_first_byte_was_written_is_broken_off() -> None:
    """The server can answer no 500 any more."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"a")
        raise LookupError("late")

    http = HttpServerMetrics()
    for expected in ({"500": 1}, {"500": 1, "": 1}):  # a route's first failure goes to the series that stands at zero
        with pytest.raises(LookupError):
            WsgiMiddleware(app, http)(dict(ENVIRON), lambda *_: lambda _: None)
        assert expected == counted(http)


@pytest.mark.parametrize(
    ("method", "status", "counts"),
    [
        ("HEAD", "200 OK", "200"),
        ("GET", "304 Not Modified", "304"),
        ("GET", "204 None", "204"),
        ("GET", "200 OK", "499"),
    ],
)
def test_a_body_that_nobody_wants_is_not_broken_off(method: str, status: str, counts: str) -> None:
    """A server or a middleware closes it unread: only where a body belongs to the answer is the client gone."""

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(status, [])
        return iter([b"a"])

    http = HttpServerMetrics()
    body: Any = WsgiMiddleware(app, http)({**ENVIRON, "REQUEST_METHOD": method}, lambda *_: None)
    body.close()
    assert {counts: 1} == counted(http)
