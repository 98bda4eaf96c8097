"""Exceptions whose own words raise, never end, or are no text: each is counted, traced and passed on as it was raised."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from middlewares import answer, run_asgi, run_wsgi
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler
from opentelemetry.trace import ProxyTracerProvider

from seawall.instrumentation import HttpServerMetrics
from seawall.instrumentation.diagnostics import described, guarded, said
from seawall.instrumentation.log_text import LONGEST
from seawall.instrumentation.rpc_server import RpcCall, RpcServerMetrics
from seawall.instrumentation.tracing import ServerTracer
from seawall.instrumentation.worker import WorkerMetrics


class Mute(Exception):  # noqa: N818 - a name that reads in a label
    """One that cannot say what it is."""

    def __str__(self) -> str:
        raise LookupError("no words")


class Endless(Exception):  # noqa: N818
    """One that says more than anybody reads."""

    def __str__(self) -> str:
        return "no end, " * 1_000_000


class Forged(Exception):  # noqa: N818
    """One that says a line of the log, and what no encoding holds."""

    def __str__(self) -> str:
        return "first\r\n2026-01-01 ERROR second\x1b[2J\ud800"


class Broken(Sampler):
    """A sampler that raises what cannot be said."""

    def should_sample(self, *_: Any, **__: Any) -> Any:
        """Raise."""
        raise Mute

    def get_description(self) -> str:
        """Return its name."""
        return "Broken"


HOSTILE = [Mute, Endless, Forged]
Traced = tuple[TracerProvider, Callable[[], tuple[ReadableSpan, ...]]]


@pytest.fixture
def traced() -> Traced:
    """A provider, and what returns its finished spans."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter.get_finished_spans


def told(spans: Iterable[ReadableSpan]) -> tuple[str, str, int]:
    """Return what the only span says of its error: its name, the recorded class, and the length of the longest text."""
    [span] = spans
    [event] = span.events
    texts = [str(value) for value in (event.attributes or {}).values()]
    assert span.status.status_code is trace.StatusCode.ERROR
    return span.name, str((event.attributes or {})["exception.type"]).rpartition(".")[2], max(map(len, texts))


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("run", [run_asgi, run_wsgi])
def test_a_request_that_raises_it_is_counted_and_its_span_ends(traced: Traced, run: Any, kind: type[Exception]) -> None:
    """The server gets the exception itself, the page its class, and the trace what can be told of it."""
    provider, spans = traced

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        raise kind

    def wsgi(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise kind

    http = HttpServerMetrics()
    with pytest.raises(kind):
        run(asgi if run is run_asgi else wsgi, http, ServerTracer(provider))

    assert 1 == sum(sum(cells[:-1]) for labels, cells in http.duration.collect() if labels[2] == "500")
    name, recorded, longest = told(spans())
    assert ("GET", kind.__name__) == (name, recorded)
    assert longest <= LONGEST
    assert [0] == [cells[0] for _, cells in http.active.collect()]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_message_that_raises_it_is_counted_and_its_span_ends(
    traced: Traced, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    """What the worker's own code raised is what the worker gets."""
    provider, spans = traced
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    worker = WorkerMetrics()
    with pytest.raises(kind), worker.process_message("send", destination="mails"):
        raise kind

    name, recorded, longest = told(spans())
    assert ("send mails", kind.__name__) == (name, recorded)
    assert longest <= LONGEST
    assert 1 == sum(sum(cells[:-1]) for _, cells in worker.duration.collect())


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_call_that_raises_it_is_counted_and_its_span_ends(
    traced: Traced, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    """gRPC's too."""
    provider, spans = traced
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    metrics = RpcServerMetrics()
    RpcCall(metrics, "grpc", "shop/Buy", {}).end("UNKNOWN", kind())

    assert ("shop/Buy", kind.__name__) == told(spans())[:2]
    assert 1 == sum(sum(cells[:-1]) for _, cells in metrics.duration.collect())


def test_a_sampler_that_raises_it_costs_a_request_its_trace_alone() -> None:
    """The request is answered and counted, and one line says why nothing is traced."""
    provider = TracerProvider(sampler=Broken(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    http = HttpServerMetrics()
    for _ in range(2):
        run_asgi(answer, http, ServerTracer(provider))

    assert [2] == [count for _, cells in http.duration.collect() if (count := sum(cells[:-1]))]
    assert 1 == said().count("Seawall could not trace a request: Mute")


def test_a_sampler_that_raises_it_costs_a_message_its_trace_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message is processed."""
    assert isinstance(trace.get_tracer_provider(), ProxyTracerProvider)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(sampler=Broken(), shutdown_on_exit=False))
    worker = WorkerMetrics()
    with worker.process_message("send", destination="mails") as span:
        assert not span.is_recording()

    assert 1 == sum(sum(cells[:-1]) for _, cells in worker.duration.collect())
    assert "Seawall could not trace a message: Mute" in said()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("a\nb"), "ValueError: a b"),
        (ValueError(), "ValueError"),
        (Mute(), "Mute"),
        (Forged(), "Forged: first 2026-01-01 ERROR second�[2J�"),
        (Endless(), "Endless: " + ("no end, " * 40)[:299] + "…"),
        (SyntaxError("bad", ("f.py", 3, 1, "x y")), "SyntaxError: bad"),
    ],
)
def test_an_error_is_described_in_one_short_line(error: Exception, expected: str) -> None:
    """Whatever it says of itself."""
    assert expected == described(error)


def test_a_guarded_function_says_it_and_returns_nothing() -> None:
    """It never raises."""

    @guarded("ask a mute")
    def ask() -> None:
        raise Mute

    ask()
    assert "Seawall could not ask a mute: Mute" in said()
