"""gRPC servers of both kinds: a call counts once, by its method and its code, under the newest conventions' names."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from applications import Application, Ports, application
from opentelemetry.semconv._incubating.attributes import rpc_attributes
from opentelemetry.semconv._incubating.metrics import rpc_metrics
from opentelemetry.semconv.attributes import error_attributes
from servers import eventually

from seawall.instrumentation.rpc_server import RpcServerMetrics

pytestmark = pytest.mark.e2e

APP = Path(__file__).parent / "apps/grpc_app.py"
NAMES = ("rpc_system_name", "rpc_method", "rpc_response_status_code", "error_type")
TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass
class Stock:
    """The service, and a channel to it."""

    application: Application
    channel: grpc.Channel
    kind: str

    def call(self, request: bytes, method: str = "Get", **options: object) -> bytes:
        """Call a method that answers once."""
        return bytes(self.channel.unary_unary(f"/shop.Stock/{method}")(request, timeout=20, **options))

    def fails(self, request: bytes, method: str = "Get", timeout: float = 20, **options: object) -> str:
        """Call a method that fails; return the code."""
        with pytest.raises(grpc.RpcError) as caught:
            self.channel.unary_unary(f"/shop.Stock/{method}")(request, timeout=timeout, **options)
        return str(caught.value.code().name)

    def counts(self) -> Counter[str]:
        """Return what was counted, by method, code and error."""
        found: Counter[str] = Counter()
        for labels, value in self.application.samples("rpc_server_call_duration_seconds_count"):
            assert "grpc" == labels[NAMES[0]]
            found[" ".join(labels[name] or "-" for name in NAMES[1:])] += int(value)
        return found

    def counted_since(self, before: Counter[str]) -> dict[str, int]:
        """Return what was counted since *before*, when something was."""
        eventually(lambda: self.counts() != before)
        return dict(self.counts() - before)


@pytest.fixture(scope="module", params=["threads", "tasks"])
def stock(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    """The service, with threads and with coroutines."""
    ports = Ports()
    folder = tmp_path_factory.mktemp(request.param)
    with (
        application(str(APP), str(ports.own), request.param, folder=folder, ports=ports) as running,
        grpc.insecure_channel(f"127.0.0.1:{ports.own}") as channel,
    ):
        yield Stock(running, channel, request.param)
    assert "Seawall" not in running.output()


def test_the_names_are_the_conventions_own() -> None:
    """rpc.server.call.duration in seconds, where rpc.server.duration in milliseconds is deprecated."""
    duration = RpcServerMetrics().duration

    assert (rpc_metrics.RPC_SERVER_CALL_DURATION, "s") == (duration.metric, duration.unit)
    attributes = (
        rpc_attributes.RPC_SYSTEM_NAME,
        rpc_attributes.RPC_METHOD,
        rpc_attributes.RPC_RESPONSE_STATUS_CODE,
        error_attributes.ERROR_TYPE,
    )
    assert attributes == duration.attributes


def test_a_call_counts_once_by_its_method(stock: Stock) -> None:
    """The fully qualified name, and the name of the code."""
    before = stock.counts()

    assert b"seven" == stock.call(b"seven")
    assert {"shop.Stock/Get OK -": 1} == stock.counted_since(before)


def test_a_failure_series_stands_at_zero_from_the_first_call(stock: Stock) -> None:
    """The first failure of a method is seen by rate()."""
    stock.call(b"seven")
    series = [labels for labels, _ in stock.application.samples("rpc_server_call_duration_seconds_count")]

    assert ("shop.Stock/Get", "UNKNOWN", "UNKNOWN") in [tuple(labels[name] for name in NAMES[1:]) for labels in series]


@pytest.mark.parametrize(
    ("request_", "code", "error"),
    [
        (b"missing", "NOT_FOUND", "-"),
        (b"wrong", "INVALID_ARGUMENT", "-"),
        (b"boom", "UNKNOWN", "UNKNOWN"),
        (b"down", "UNAVAILABLE", "UNAVAILABLE"),
    ],
)
def test_a_code_is_an_error_where_the_conventions_say_so(stock: Stock, request_: bytes, code: str, error: str) -> None:
    """A caller's mistake is an answer; what the server failed is an error of the code's name."""
    stock.fails(request_)
    stock.counted_since(Counter())
    before = stock.counts()

    assert code == stock.fails(request_)
    assert {f"shop.Stock/Get {code} {error}": 1} == stock.counted_since(before)


def test_methods_that_are_none_are_one_series(stock: Stock) -> None:
    """A stranger may call anything; it is _OTHER."""
    stock.fails(b"", "Nothing0")
    before = stock.counts()
    codes = {stock.fails(b"", f"Nothing{number}") for number in range(1, 30)}
    eventually(lambda: 29 == sum((stock.counts() - before).values()))

    assert ({"UNIMPLEMENTED"}, {"_OTHER UNIMPLEMENTED UNIMPLEMENTED": 29}) == (codes, dict(stock.counts() - before))


def test_a_deadline_is_told(stock: Stock) -> None:
    """The server notices that it was too slow, and counts it as its failure."""
    stock.fails(b"slow", timeout=0.2)
    stock.counted_since(Counter())
    eventually(
        lambda: any(
            "DEADLINE_EXCEEDED" in key or "UNKNOWN UNKNOWN" in key for key in stock.counts() if stock.counts()[key]
        )
    )
    before = stock.counts()

    assert "DEADLINE_EXCEEDED" == stock.fails(b"slow", timeout=0.2)
    assert {"shop.Stock/Get DEADLINE_EXCEEDED DEADLINE_EXCEEDED": 1} == stock.counted_since(before)


def test_streams_count_once_at_their_end(stock: Stock) -> None:
    """Of answers, of requests and of both."""
    before = stock.counts()
    assert b"one" == next(iter(list(stock.channel.unary_stream("/shop.Stock/Count")(b"all", timeout=20))))
    assert b"ab" == stock.channel.stream_unary("/shop.Stock/Total")(iter([b"a", b"b"]), timeout=20)
    assert [b"a", b"b"] == list(stock.channel.stream_stream("/shop.Stock/Echo")(iter([b"a", b"b"]), timeout=20))
    eventually(lambda: 3 == sum((stock.counts() - before).values()))

    assert {f"shop.Stock/{name} OK -": 1 for name in ("Count", "Total", "Echo")} == dict(stock.counts() - before)


def test_a_stream_that_breaks_off_is_an_error(stock: Stock) -> None:
    """Whatever of it was sent."""
    for _ in range(2):
        before = stock.counts()
        with pytest.raises(grpc.RpcError):
            list(stock.channel.unary_stream("/shop.Stock/Count")(b"boom", timeout=20))
        found = stock.counted_since(before)

    assert {"shop.Stock/Count UNKNOWN UNKNOWN": 1} == found


def test_a_caller_that_leaves_is_cancelled_and_no_error(stock: Stock) -> None:
    """Its call counts once, as what it is."""
    before = stock.counts()
    call = stock.channel.unary_stream("/shop.Stock/Count")(b"wait", timeout=20)
    assert b"one" == next(call)
    call.cancel()

    assert {"shop.Stock/Count CANCELLED -": 1} == stock.counted_since(before)


def test_the_applications_own_interceptors_and_plain_functions_work(stock: Stock) -> None:
    """A refusal of an interceptor counts as what the caller got; a function without async runs in its pool."""
    before = stock.counts()
    if stock.kind == "threads":
        assert "PERMISSION_DENIED" == stock.fails(b"", metadata=(("refuse", "yes"),))
        assert {"shop.Stock/Get PERMISSION_DENIED -": 1} == stock.counted_since(before)
    else:
        assert b"seven" == stock.call(b"seven", "Plain")
        assert {"shop.Stock/Plain OK -": 1} == stock.counted_since(before)


def test_the_callers_trace_goes_on(stock: Stock) -> None:
    """Into what the handler calls, of calls and of streams; without one, a trace begins."""
    metadata = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"),)
    streamed = list(stock.channel.unary_stream("/shop.Stock/Count")(b"all", timeout=20, metadata=metadata))[-1]

    assert [TRACE, TRACE] == [
        said.decode().split("-")[1] for said in (stock.call(b"trace", metadata=metadata), streamed)
    ]
    assert TRACE != stock.call(b"trace").decode().split("-")[1]
