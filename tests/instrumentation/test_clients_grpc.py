"""gRPC calls that the application makes, against a real server: each counts once, and carries its trace on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import grpc
import grpc._channel
import grpc.aio
import grpc.aio._channel
import pytest
from opentelemetry.context import attach, detach
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.semconv._incubating.metrics import rpc_metrics
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from servers import eventually

from seawall.instrumentation.clients import Clients
from seawall.instrumentation.clients import grpc as hooks
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.rpc_client import RpcClientMetrics, _address

KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
TRACE = 0x0AF7651916CD43DD8448EB211C80319C
CURRENT = f"00-{TRACE:032x}-{7:016x}-01"
OWN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
Count = Callable[[], Counter[str]]


def _answer(request: bytes, context: Any) -> bytes:
    if request == b"missing":
        context.abort(grpc.StatusCode.NOT_FOUND, "none")
    if request == b"slow":
        gone = Event()
        if context.add_callback(gone.set):
            gone.wait(20)
    sent = context.invocation_metadata()
    traces, own = ([value for key, value in sent if key == name] for name in ("traceparent", "own"))
    return f"{','.join(traces)} {','.join(own)}".encode()


def _handler(kind: str) -> Any:
    def call(request: Any, context: Any) -> Any:
        return _answer(request if kind.startswith("unary") else next(request), context)

    def stream(request: Any, context: Any) -> Iterator[bytes]:
        yield call(request, context)

    return getattr(grpc, f"{kind}_rpc_method_handler")(stream if kind.endswith("stream") else call)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server with a method of each kind."""
    server = grpc.server(ThreadPoolExecutor(4))
    methods = {kind: _handler(kind) for kind in KINDS}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Stock", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Hook in for one test; return what asks for the counts by method, code and error."""
    clients, registry = Clients(), Registry()
    registry.add(*clients.rpc.families)
    for module in (grpc._channel, grpc.aio._channel):
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__name__.endswith("MultiCallable"):
                for name in {"__call__", "with_call", "future"} & set(vars(kind)):
                    monkeypatch.setattr(kind, name, vars(kind)[name])
    hooks.hook_channel(grpc._channel, clients)
    hooks.hook_aio(grpc.aio._channel, clients)

    def ask() -> Counter[str]:
        found: Counter[str] = Counter()
        for line in registry.render().decode().splitlines():
            if line.startswith("rpc_client_call_duration_seconds_count"):
                labels = dict(pair.split("=", 1) for pair in line[line.index("{") + 1 : line.index("}")].split(","))
                name = " ".join(
                    labels[each].strip('"') or "-" for each in ("rpc_method", "rpc_response_status_code", "error_type")
                )
                found[name] += int(float(line.rpartition(" ")[2]))
        return +found

    return ask


@contextmanager
def _trace() -> Iterator[None]:
    """Make a trace the current one."""
    token = attach(set_span_in_context(NonRecordingSpan(SpanContext(TRACE, 7, False, TraceFlags(1)))))
    try:
        yield
    finally:
        detach(token)


def _call(channel: grpc.Channel, kind: str, request: bytes, **options: Any) -> bytes:
    made = getattr(channel, kind)(f"/shop.Stock/{kind}")
    answer = made(
        request if kind.startswith("unary") else iter((request,)), timeout=options.pop("timeout", 20), **options
    )
    return b"".join(answer) if kind.endswith("stream") else bytes(answer)


async def _call_aio(port: int, kind: str, request: bytes, **options: Any) -> bytes:
    async def requests() -> AsyncIterator[bytes]:
        yield request

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        made = getattr(channel, kind)(f"/shop.Stock/{kind}")
        call = made(request if kind.startswith("unary") else requests(), timeout=options.pop("timeout", 20), **options)
        return b"".join([each async for each in call]) if kind.endswith("stream") else bytes(await call)


def _any_call(port: int, aio: bool, kind: str, request: bytes, **options: Any) -> bytes:
    if aio:
        return asyncio.run(_call_aio(port, kind, request, **options))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        return _call(channel, kind, request, **options)


def test_the_name_is_the_conventions_own() -> None:
    """rpc.client.call.duration, in seconds."""
    duration = RpcClientMetrics().duration

    assert (rpc_metrics.RPC_CLIENT_CALL_DURATION, "s") == (duration.metric, duration.unit)


@pytest.mark.parametrize("aio", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_counts_once_and_carries_the_trace(port: int, counts: Count, kind: str, aio: bool) -> None:
    """The user's own metadata stays beside the trace."""
    with _trace():
        answer = _any_call(port, aio, kind, b"seven", metadata=(("own", "kept"),))
    eventually(lambda: bool(counts()))

    assert f"{CURRENT} kept".encode() == answer
    assert {f"shop.Stock/{kind} OK -": 1} == counts()


@pytest.mark.parametrize("aio", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("request_", "timeout", "code"), [(b"missing", 20, "NOT_FOUND"), (b"slow", 0.2, "DEADLINE_EXCEEDED")]
)
def test_a_failure_counts_by_its_code(
    port: int, counts: Count, kind: str, aio: bool, request_: bytes, timeout: float, code: str
) -> None:
    """The exception is the library's own."""
    with pytest.raises(grpc.RpcError) as caught:
        _any_call(port, aio, kind, request_, timeout=timeout)
    eventually(lambda: bool(counts()))

    assert code == caught.value.code().name
    assert {f"shop.Stock/{kind} {code} {code}": 1} == counts()


def test_a_cancelled_future_counts_once(port: int, counts: Count) -> None:
    """It ends when it is cancelled."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        future = channel.unary_unary("/shop.Stock/unary_unary").future(b"slow", timeout=20)
        future.cancel()
        eventually(lambda: bool(counts()))

    assert {"shop.Stock/unary_unary CANCELLED CANCELLED": 1} == counts()


def _metadata(kind: str, *pairs: tuple[str, str]) -> Any:
    made = {"tuple": tuple, "list": list, "iterator": iter, "Metadata": lambda given: grpc.aio.Metadata(*given)}
    return made[kind](pairs)


METADATA = [(False, "tuple"), (False, "list"), (True, "tuple"), (True, "list"), (True, "Metadata")]


@pytest.mark.parametrize(("aio", "made"), METADATA)
def test_metadata_of_every_kind_carries_the_trace(port: int, counts: Count, aio: bool, made: str) -> None:
    """And is itself as it was: the caller may send it again."""
    metadata = _metadata(made, ("own", "kept"))
    with _trace():
        answer = _any_call(port, aio, "unary_unary", b"seven", metadata=metadata)

    assert (f"{CURRENT} kept".encode(), [("own", "kept")]) == (answer, list(metadata))


@pytest.mark.parametrize(("aio", "made"), METADATA)
def test_a_trace_that_the_metadata_carries_stays(port: int, counts: Count, aio: bool, made: str) -> None:
    """It is the caller's word, and no second one stands beside it; the call counts."""
    with _trace():
        answer = _any_call(port, aio, "unary_unary", b"seven", metadata=_metadata(made, ("traceparent", OWN)))
    eventually(lambda: bool(counts()))

    assert (f"{OWN} ".encode(), {"shop.Stock/unary_unary OK -": 1}) == (answer, counts())


def test_metadata_that_can_be_read_once_is_left_alone(port: int, counts: Count) -> None:
    """It goes out as it is, without the trace."""
    with _trace():
        answer = _any_call(port, False, "unary_unary", b"seven", metadata=_metadata("iterator", ("own", "kept")))

    assert b" kept" == answer


def test_metadata_may_be_given_by_its_place(port: int, counts: Count) -> None:
    """Third, behind the request and the timeout."""
    with _trace(), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = channel.unary_unary("/shop.Stock/unary_unary")(b"seven", 20, [("own", "kept")])

    assert f"{CURRENT} kept".encode() == answer


@pytest.mark.parametrize("kind", ["unary_unary", "stream_unary"])
@pytest.mark.parametrize("way", ["with_call", "future"])
def test_the_other_ways_to_call_count_once_and_carry_the_trace(port: int, counts: Count, kind: str, way: str) -> None:
    """The call that they return is the library's own."""
    with _trace(), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        made = getattr(getattr(channel, kind)(f"/shop.Stock/{kind}"), way)
        done = made(b"seven" if kind.startswith("unary") else iter((b"seven",)), timeout=20)
        answer, call = done if way == "with_call" else (done.result(), done)
        eventually(lambda: bool(counts()))

    assert (f"{CURRENT} ".encode(), grpc.StatusCode.OK) == (answer, call.code())
    assert {f"shop.Stock/{kind} OK -": 1} == counts()


@pytest.mark.parametrize("way", ["with_call", "future"])
def test_the_other_ways_to_call_fail_as_they_do(port: int, counts: Count, way: str) -> None:
    """With the library's exception, counted once by its code."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        made = getattr(channel.unary_unary("/shop.Stock/unary_unary"), way)
        with pytest.raises(grpc.RpcError) as caught:
            made(b"missing", timeout=20).result()
        eventually(lambda: bool(counts()))

    assert "NOT_FOUND" == caught.value.code().name
    assert {"shop.Stock/unary_unary NOT_FOUND NOT_FOUND": 1} == counts()


@pytest.mark.parametrize("aio", [False, True])
def test_suppressed_calls_are_nobodys_to_see(port: int, counts: Count, aio: bool) -> None:
    """Of all kinds: not counted, and without the trace; the call after it is."""
    with _trace():
        with suppress_instrumentation():
            answers = [_any_call(port, aio, kind, b"seven") for kind in KINDS]
        _any_call(port, aio, "unary_unary", b"seven")
    eventually(lambda: bool(counts()))

    assert ([b" "] * 4, {"shop.Stock/unary_unary OK -": 1}) == (answers, counts())


def test_methods_beyond_the_first_200_are_one_series(counts: Count) -> None:
    """Whatever an application calls: the label sets are bounded, and no call is lost."""
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        for number in range(250):
            with pytest.raises(grpc.RpcError):
                channel.unary_unary(f"/shop.Stock/Method{number}")(b"", timeout=20)
    found = counts()

    assert (201, 250) == (len(found), sum(found.values()))
    assert 50 == found["_OTHER UNAVAILABLE UNAVAILABLE"]


@pytest.mark.parametrize(
    ("target", "peer"),
    [
        ("stock:50051", ("stock", "50051")),
        ("dns:///stock:50051", ("stock", "50051")),
        ("ipv6:[::1]:50051", ("[::1]", "50051")),
        ("unix:/run/stock", ("/run/stock", "")),
        ("stock", ("stock", "")),
    ],
)
def test_a_target_is_an_address_and_a_port(target: str, peer: tuple[str, str]) -> None:
    """Whatever resolver it names."""
    assert peer == _address(target)


class _Through(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(details, request)


class _ThroughAio(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details, request)


def test_a_call_behind_interceptors_counts_once(counts: Count) -> None:
    """Nobody listens: both kinds of channels say so, and so does the count."""

    async def call() -> None:
        async with grpc.aio.insecure_channel("127.0.0.1:1", interceptors=[_ThroughAio()]) as channel:
            await channel.unary_unary("/shop.Stock/Aio")(b"", timeout=20)

    with pytest.raises(grpc.RpcError):
        asyncio.run(call())
    with (
        grpc.intercept_channel(grpc.insecure_channel("127.0.0.1:1"), _Through()) as channel,
        pytest.raises(grpc.RpcError),
    ):
        channel.unary_unary("/shop.Stock/Sync")(b"", timeout=20)
    eventually(lambda: 2 == sum(counts().values()))

    assert {f"shop.Stock/{kind} UNAVAILABLE UNAVAILABLE": 1 for kind in ("Aio", "Sync")} == counts()


def test_a_stream_that_nobody_holds_is_cancelled(port: int, counts: Count) -> None:
    """Counting keeps no call alive."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        channel.unary_stream("/shop.Stock/unary_stream")(b"slow", timeout=20)
        eventually(lambda: bool(counts()))

    assert {"shop.Stock/unary_stream CANCELLED CANCELLED": 1} == counts()
