"""The middlewares by themselves: what no real server does on demand."""

import asyncio
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from middlewares import END, ENVIRON, SCOPE, START, answer, run_asgi, run_wsgi, wsgi_answer
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler, SamplingResult

from seawall.instrumentation import AsgiMiddleware, HttpServerMetrics, WsgiMiddleware
from seawall.instrumentation.tracing import ServerTracer


def counted(http: HttpServerMetrics) -> dict[tuple[str, str], float]:
    """Return the counts that are not zero, by status and error; no request may be open."""
    assert [0] * len(http.active.collect()) == [cells[0] for _, cells in http.active.collect()]
    found = {(labels[2], labels[3]): sum(cells[:-1]) for labels, cells in http.duration.collect()}
    return {key: count for key, count in found.items() if count}


class BrokenSampler(Sampler):
    """Raise."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        raise RuntimeError("sampler")

    def get_description(self) -> str:
        return "broken"


class BrokenPropagator(TextMapPropagator):
    """Raise."""

    fields = {"accept"}  # noqa: RUF012 - as the interface has it

    def extract(self, *_: Any, **__: Any) -> Context:
        raise RuntimeError("propagator")

    def inject(self, *_: Any, **__: Any) -> None:
        """Do nothing."""


def test_a_sampler_that_raises_costs_the_span_and_not_the_count() -> None:
    """The request is answered, counted, and no longer open."""
    http = HttpServerMetrics()
    tracer = ServerTracer(TracerProvider(sampler=BrokenSampler(), shutdown_on_exit=False))
    run_asgi(answer, http, tracer)
    assert [b"", b"a"] == run_wsgi(wsgi_answer, http, tracer)

    assert {("200", ""): 2} == counted(http)


def test_a_propagator_that_raises_costs_the_span_and_not_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of what reads the caller's headers."""
    monkeypatch.setattr(propagate, "propagator", BrokenPropagator())
    http = HttpServerMetrics()
    tracer = ServerTracer(TracerProvider(shutdown_on_exit=False))
    run_asgi(answer, http, tracer, {**SCOPE, "headers": [(b"accept", b"*/*")]})

    assert {("200", ""): 1} == counted(http)


def test_a_scope_that_cannot_be_written_is_passed_on() -> None:
    """The application runs; nothing is counted, and nothing stays open."""
    ran = []

    async def app(scope: Any, *_: Any) -> None:
        ran.append(scope)

    http = HttpServerMetrics()
    run_asgi(app, http, scope=MappingProxyType(dict(SCOPE)))

    assert (1, {}) == (len(ran), counted(http))


def failing(error: BaseException, *, after: int = 0) -> Callable[..., Any]:
    """Return an application that raises *error* after so many messages."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in (START, {**END, "more_body": True}, END)[:after]:
            await send(message)
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "after", "expected"),
    [
        (RuntimeError("x"), 0, ("500", "RuntimeError")),
        (RuntimeError("x"), 1, ("", "RuntimeError")),
        (RuntimeError("x"), 2, ("", "RuntimeError")),
        (RuntimeError("x"), 3, ("200", "")),
        (asyncio.CancelledError(), 0, ("499", "")),
        (asyncio.CancelledError(), 2, ("499", "")),
        (SystemExit("x"), 0, ("500", "SystemExit")),
        (KeyboardInterrupt(), 2, ("", "KeyboardInterrupt")),
    ],
)
def test_an_exception_passes_on_and_counts_by_what_the_client_got(
    error: BaseException, after: int, expected: tuple[str, str]
) -> None:
    """Nothing: 500; a part: no status; all: a success. A cancellation is the client's own, the end of the process is not."""
    http = HttpServerMetrics()
    for _ in range(2):
        counted(http)  # a scrape: from now on the error has its own series
        with pytest.raises(type(error)):
            run_asgi(failing(error, after=after), http)

    assert expected in counted(http)
    assert 2 == sum(counted(http).values())


def test_a_send_that_fails_says_that_the_client_is_gone() -> None:
    """Servers of ASGI 2.4 raise OSError from send: a 499, whatever the framework makes of it."""

    async def gone(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise BrokenPipeError

    http = HttpServerMetrics()
    with pytest.raises(BrokenPipeError):
        run_asgi(answer, http, send=gone)

    assert {("499", ""): 1} == counted(http)


def test_a_message_that_is_malformed_is_the_servers_affair() -> None:
    """It is handed on as it is and raises nothing; only the measurement is given up."""
    messages = [{"no": "type"}, {**START, "status": None, "headers": [("text", "not bytes")]}, END]
    reached: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    async def server(message: Any) -> None:
        reached.append(message)

    run_asgi(app, HttpServerMetrics(), send=server)

    assert messages == reached


def test_a_file_that_the_server_sends_by_itself_ends_the_response() -> None:
    """The extensions http.response.pathsend and zerocopysend are bodies."""

    async def sends(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({"type": scope["kind"]})

    http = HttpServerMetrics()
    for kind in ("http.response.pathsend", "http.response.zerocopysend"):
        run_asgi(sends, http, scope={**SCOPE, "kind": kind})

    assert {("200", ""): 2} == counted(http)


def test_a_request_counts_once_however_often_it_is_wrapped() -> None:
    """The outermost middleware counts."""
    http = HttpServerMetrics()
    run_asgi(AsgiMiddleware(AsgiMiddleware(answer, http), http), http)
    run_wsgi(WsgiMiddleware(WsgiMiddleware(wsgi_answer, http), http), http)

    assert {("200", ""): 2} == counted(http)


def test_a_wsgi_body_that_stands_is_passed_on_as_it_is() -> None:
    """A list keeps its length for the server, and a file wrapper its class, so that the server can use sendfile."""

    class Wrapper(list[bytes]):
        """A server's wsgi.file_wrapper."""

    http = HttpServerMetrics()
    for body in ([b"a"], Wrapper([b"b"])):

        def app(environ: Any, start_response: Any, body: list[bytes] = body) -> Any:
            start_response("200 OK", [])
            return body

        assert body is WsgiMiddleware(app, http)({**ENVIRON, "wsgi.file_wrapper": Wrapper}, lambda *_: None)
    assert {("200", ""): 2} == counted(http)


def test_a_wsgi_body_that_is_closed_early_is_a_499() -> None:
    """The server closes a body whose client is gone; the application's own close runs."""
    closed = []

    class Body:
        def __iter__(self) -> Any:
            return iter([b"a", b"b"])

        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Body()

    http = HttpServerMetrics()
    body: Any = WsgiMiddleware(app, http)(dict(ENVIRON), lambda *_: None)
    next(body)
    body.close()

    assert ([True], {("499", ""): 1}) == (closed, counted(http))


@pytest.mark.parametrize("exports", [True, False])
def test_a_span_is_made_only_for_who_exports_it(exports: bool) -> None:
    """One span a request, with its error; without an exporter none, and no sampler's decision is lost."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    if exports:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.raises(RuntimeError):
        run_asgi(
            failing(RuntimeError("x")),
            HttpServerMetrics(),
            ServerTracer(provider),
            {**SCOPE, "method": "BREW", "client": ("10.0.0.1", 1)},
        )
    spans = exporter.get_finished_spans()

    assert (1 if exports else 0) == len(spans)
    for span in spans:
        assert "HTTP" == span.name
        assert ["exception"] == [event.name for event in span.events]
        expected = {"http.request.method": "_OTHER", "http.request.method_original": "BREW", "error.type": "RuntimeError",
                    "http.response.status_code": 500, "client.address": "10.0.0.1", "url.path": "/a"}  # fmt: skip
        assert expected.items() <= dict(span.attributes or {}).items()


def test_the_samplers_decision_is_carried_on() -> None:
    """Where nothing is exported the flag that the services behind see is still the sampler's."""
    carried: dict[str, str] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        propagate.inject(carried)
        await answer(scope, receive, send)

    run_asgi(app, HttpServerMetrics(), ServerTracer(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)))
    assert "0" == bin(int(carried["traceparent"][-2:], 16))[-1]
    run_asgi(app, HttpServerMetrics(), ServerTracer(TracerProvider(shutdown_on_exit=False)))
    assert "1" == bin(int(carried["traceparent"][-2:], 16))[-1]


def test_a_wsgi_span_is_one_a_request_too() -> None:
    """Under the caller's trace, with the conventions' attributes."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer, trace = ServerTracer(provider), "0af7651916cd43dd8448eb211c80319c"
    environ = {**ENVIRON, "REMOTE_ADDR": "10.0.0.1", "HTTP_TRACEPARENT": f"00-{trace}-b7ad6b7169203331-01"}
    list(WsgiMiddleware(wsgi_answer, HttpServerMetrics(), tracer, lambda _: "/<a>")(environ, lambda *_: None))
    [span] = exporter.get_finished_spans()

    assert ("GET /<a>", trace) == (span.name, f"{span.context.trace_id:032x}")
    expected = {"http.route": "/<a>", "http.response.status_code": 200, "client.address": "10.0.0.1",
                "network.protocol.version": "1.1", "url.path": "/a", "url.scheme": "http"}  # fmt: skip
    assert expected.items() <= dict(span.attributes or {}).items()


def test_what_cannot_be_observed_is_answered_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """A method that is no word, and a route that cannot be read: one log line each, and the application's answer."""
    http = HttpServerMetrics()

    def raises(_: Any) -> str:
        raise LookupError("route")

    for environ, route_of in (({**ENVIRON, "REQUEST_METHOD": []}, lambda _: ""), (dict(ENVIRON), raises)):
        middleware = WsgiMiddleware(wsgi_answer, http, route_of=route_of)
        assert [b"", b"a"] == list(middleware(environ, lambda *_: None))
    run_asgi(answer, http, scope={**SCOPE, "method": []})

    assert {("200", ""): 1} == counted(http)
    assert [
        "Seawall could not observe a request: TypeError: unhashable type: 'list'",
        "Seawall could not read a route: LookupError: route",
    ] == caplog.messages


def test_a_route_of_the_applications_own_is_read_with_care() -> None:
    """A router that is none of the known ones may leave its route in the scope, and it may be anything."""

    class Route:
        @property
        def path(self) -> str:
            raise RuntimeError

    http = HttpServerMetrics()
    known = type("Route", (), {"path": "/{a}"})()
    for route in (known, Route(), None, 7):
        run_asgi(answer, http, scope={**SCOPE, "route": route})

    found = {(labels[1], labels[2]): sum(cells[:-1]) for labels, cells in http.duration.collect()}
    assert {("/{a}", "200"): 1, ("", "200"): 3} == {key: count for key, count in found.items() if count}
