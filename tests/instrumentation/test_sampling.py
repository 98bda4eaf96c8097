"""Requests that begin a trace: drawn as the sampler decides, and given ids when somebody asks."""

import gc
import os
from threading import Barrier, Thread
from typing import Any

import pytest
from middlewares import ENVIRON, SCOPE, answer, run_asgi, run_wsgi, wsgi_answer
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import SpanContext

from seawall.instrumentation import HttpServerMetrics, WsgiMiddleware
from seawall.instrumentation.asgi import AsgiRequest
from seawall.instrumentation.sampling import HALF, Roots, Unrecorded
from seawall.instrumentation.tracing import ServerTracer
from seawall.instrumentation.wsgi import WsgiRequest

CALLER = "0af7651916cd43dd8448eb211c80319c"


class Sixth(RandomIdGenerator):
    """Ids that carry a mark, as those that tell a cloud of the time."""

    def generate_trace_id(self) -> int:
        """Return one that ends in 66."""
        return super().generate_trace_id() & ~0xFF | 0x66


class Broken(Sampler):
    """Raise."""

    def should_sample(self, *_: Any, **__: Any) -> SamplingResult:
        """Raise."""
        raise RuntimeError("sampler")

    def get_description(self) -> str:
        """Return a word."""
        return "broken"


def provider(sampler: Sampler = DEFAULT_ON, **more: Any) -> TracerProvider:
    """Return a provider that nobody need close."""
    return TracerProvider(sampler=sampler, shutdown_on_exit=False, span_limits=SpanLimits(), **more)


def exporting(made: TracerProvider) -> InMemorySpanExporter:
    """Return where the spans of *made* go."""
    exporter = InMemorySpanExporter()
    made.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def ask(made: TracerProvider, times: int = 1, traceparent: str = "") -> list[SpanContext]:
    """Send so many requests; return the ids that the application saw in each."""
    seen: list[SpanContext] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(trace.get_current_span().get_span_context())
        await answer(scope, receive, send)

    headers = [(b"traceparent", traceparent.encode())] if traceparent else []
    http, tracer = HttpServerMetrics(), ServerTracer(made)
    for _ in range(times):
        run_asgi(app, http, tracer, {**SCOPE, "headers": headers})
    return seen


@pytest.mark.parametrize(
    ("sampler", "bound"),
    [
        (ALWAYS_ON, 2**64),
        (ALWAYS_OFF, 0),
        (DEFAULT_ON, 2**64),
        (DEFAULT_OFF, 0),
        (TraceIdRatioBased(0.25), 2**62),
        (ParentBasedTraceIdRatio(0.5), 2**63),
        (ParentBased(TraceIdRatioBased(0)), 0),
        (Broken(), None),
        (ParentBased(Broken()), None),
    ],
)
def test_the_usual_samplers_are_known(sampler: Sampler, bound: int | None) -> None:
    """The halves below the bound are sampled; what another sampler decides, it alone knows."""
    assert bound == Roots(provider(sampler)).bound


@pytest.mark.parametrize("sampler", [TraceIdRatioBased(0.25), ParentBasedTraceIdRatio(0.25)])
def test_a_share_of_the_requests_is_recorded(sampler: Sampler) -> None:
    """A quarter, and the services behind, which ask the same of the id, come to the same decision."""
    made = provider(sampler)
    exporter = exporting(made)
    seen = ask(made, 2000)
    spans = exporter.get_finished_spans()

    assert 380 < len(spans) < 620  # six standard deviations
    assert {span.context.trace_id for span in spans} == {ids.trace_id for ids in seen if ids.trace_flags.sampled}
    for ids in seen:
        decided = TraceIdRatioBased(0.25).should_sample(None, ids.trace_id, "GET").decision
        assert ids.trace_flags.sampled == decided.is_sampled()
    assert 2000 == len({ids.trace_id for ids in seen})


@pytest.mark.parametrize("sampler", [DEFAULT_ON, DEFAULT_OFF, TraceIdRatioBased(0.5)])
def test_ids_have_the_flags_that_the_sdks_own_would(sampler: Sampler) -> None:
    """Whether it is sampled, and that the id is random, as the headers of the calls onwards tell."""
    for ids in ask(provider(sampler), 20):
        decided = sampler.should_sample(None, ids.trace_id, "GET").decision.is_sampled()
        own = provider(ALWAYS_ON if decided else ALWAYS_OFF).get_tracer("x").start_span("x").get_span_context()

        assert (own.trace_flags, True) == (ids.trace_flags, ids.is_valid)


def test_ids_of_another_make_stay() -> None:
    """What a generator of the application's puts into its ids is in those of the requests that are recorded."""
    made = provider(TraceIdRatioBased(0.5), id_generator=Sixth())
    exporter = exporting(made)
    ask(made, 50)
    spans = exporter.get_finished_spans()

    assert spans
    assert {0x66} == {span.context.trace_id & 0xFF for span in spans}


@pytest.mark.parametrize("exports", [True, False])
def test_a_caller_that_does_not_sample_is_followed(exports: bool) -> None:
    """No span is made, and the caller's ids go on."""
    made = provider(DEFAULT_ON)
    exporter = exporting(made) if exports else InMemorySpanExporter()
    [ids] = ask(made, traceparent=f"00-{CALLER}-b7ad6b7169203331-00")

    assert (CALLER, False) == (f"{ids.trace_id:032x}", ids.trace_flags.sampled)
    assert () == exporter.get_finished_spans()


def test_a_sampler_that_does_not_follow_is_asked() -> None:
    """Who samples whatever the caller says records the request under the caller's trace."""
    made = provider(ALWAYS_ON)
    exporter = exporting(made)
    ask(made, traceparent=f"00-{CALLER}-b7ad6b7169203331-00")

    assert [CALLER] == [f"{span.context.trace_id:032x}" for span in exporter.get_finished_spans()]


def test_a_request_inside_a_trace_belongs_to_it() -> None:
    """Where something outside has begun a span, the request's is its child, recorded or not."""
    made = provider(ALWAYS_ON)
    outer = made.get_tracer("x").start_span("outer")
    with trace.use_span(outer):
        [unrecorded] = ask(made)
        exporter = exporting(made)
        ask(made)

    assert outer.get_span_context() == unrecorded
    assert [outer.get_span_context()] == [span.parent for span in exporter.get_finished_spans()]


def test_baggage_without_a_trace_goes_on() -> None:
    """The caller's baggage, and ids of the request's own."""
    carried: dict[str, str] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        propagate.inject(carried)
        await answer(scope, receive, send)

    run_asgi(app, HttpServerMetrics(), ServerTracer(provider()), {**SCOPE, "headers": [(b"baggage", b"shop=7")]})

    assert ("shop=7", True) == (carried["baggage"], carried["traceparent"].startswith("00-"))


def test_whoever_asks_gets_the_same_ids() -> None:
    """In whatever thread, at the same time."""
    roots, ready = Roots(provider()), Barrier(8)
    for _ in range(50):
        found: list[SpanContext] = []
        span = Unrecorded(roots, roots.draw(HALF))

        def look(span: Unrecorded = span, found: list[SpanContext] = found) -> None:
            ready.wait(10)
            found.append(span.get_span_context())

        threads = [Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found.append(span.get_span_context())

        assert [found[0]] * 9 == found
        assert repr(span.get_span_context()) in repr(span)


def test_a_sampler_that_raises_when_a_log_line_asks_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """The line has its ids, and the request is taken for one that is not sampled."""
    [ids] = ask(provider(Broken()))

    assert (True, False) == (ids.is_valid, ids.trace_flags.sampled)
    assert ["Seawall could not ask the sampler: RuntimeError: sampler"] == caplog.messages


def test_a_forked_child_draws_ids_of_its_own() -> None:
    """Two workers of a preloaded application never begin the same trace."""
    roots = Roots(provider())
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, roots.draw(HALF).to_bytes(8, "big"))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = int.from_bytes(os.read(reading, 8), "big")
    os.close(reading)
    os.close(writing)

    assert theirs != roots.draw(HALF)


@pytest.mark.parametrize("kind", [AsgiRequest, WsgiRequest])
def test_a_request_leaves_nothing_to_the_garbage_collector(kind: type) -> None:
    """What follows it lets go of the scope or the environ that holds it: no cycle waits for a collection."""
    http, tracer = HttpServerMetrics(), ServerTracer(provider())
    gc.collect()
    gc.disable()
    before = [each for each in gc.get_objects() if type(each) is kind]  # an exception of another test may hold one
    try:
        run_asgi(answer, http, tracer)
        run_wsgi(wsgi_answer, http, tracer)
        known = {*map(id, before)}
        left = [each for each in gc.get_objects() if type(each) is kind and id(each) not in known]
    finally:
        gc.enable()

    assert [] == left


@pytest.mark.parametrize(
    ("sent", "carried"),
    [
        ({"traceparent": f"00-{CALLER}-b7ad6b7169203331-01"}, True),
        ({"traceparent": f"00-{CALLER}-b7ad6b7169203331-01", "tracestate": "shop=1"}, True),
        ({"traceparent": f"00-{CALLER}-b7ad6b7169203331-01", "baggage": "shop=7"}, True),
        ({"traceparent": "00-nonsense-01"}, False),
        ({"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"}, False),
        ({"tracestate": "shop=1"}, False),
    ],
)
@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_what_a_caller_sends_goes_on_though_nobody_exports(kind: str, sent: dict[str, str], carried: bool) -> None:
    """It is read when a call onwards asks; where it is no trace, the request has ids of its own."""
    onwards: dict[str, str] = {}
    http, tracer = HttpServerMetrics(), ServerTracer(provider())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        propagate.inject(onwards)
        await answer(scope, receive, send)

    def wsgi_app(environ: Any, start_response: Any) -> Any:
        propagate.inject(onwards)
        return wsgi_answer(environ, start_response)

    if kind == "asgi":
        headers = [(name.encode(), value.encode()) for name, value in sent.items()]
        run_asgi(app, http, tracer, {**SCOPE, "headers": headers})
    else:
        environ = {**ENVIRON, **{f"HTTP_{name.upper()}": value for name, value in sent.items()}}
        list(WsgiMiddleware(wsgi_app, http, tracer)(environ, lambda *_: None))

    assert (onwards == sent) is carried
    assert onwards["traceparent"].startswith(f"00-{CALLER}-") is carried


def test_a_trace_that_cannot_be_read_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever asks gets ids all the same."""

    def raises() -> Context:
        raise LookupError("headers")

    roots = Roots(provider())

    assert Unrecorded(roots, roots.draw(HALF), raises).get_span_context().is_valid
    assert ["Seawall could not read a caller's trace: LookupError: headers"] == caplog.messages
