"""OTLP: what is pushed where an endpoint is set, decoded by a real receiver; and what a collector can do wrong."""

import socket
import subprocess
import sys
from contextlib import closing

import pytest
from applications import clean_environment, run_python
from collector import Collector, attributes
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from servers import free_port

from seawall.instrumentation.settings import read_settings

pytestmark = pytest.mark.e2e

REQUESTS = """
import seawall.auto
from fastapi import FastAPI
from opentelemetry import metrics
from seawall.instrumentation import observe_queue, process_message, start
import asyncio
app = FastAPI()

@app.get("/items/{number}")
async def item(number: int):
    return number

async def ask(path):
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message):
        pass
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
             "headers": [(b"traceparent", trace)], "scheme": "http", "http_version": "1.1", "asgi": {"version": "3.0"}}
    await app(scope, receive, send)

asyncio.run(ask("/items/3"))
observe_queue("mails", messages=lambda: 4)
with process_message("send", destination="mails"):
    pass
metrics.get_meter("shop").create_counter("orders").add(2)
"""


def test_the_last_push_holds_everything(collector: Collector) -> None:
    """At the exit of a short process its requests, messages, queues, own counters and spans are with the collector."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_SERVICE_NAME": "checkout"}
    done = run_python(REQUESTS, environ)
    metrics = collector.metrics()

    assert (0, "") == (done.returncode, done.stderr)
    assert "checkout" == metrics[""]["service.name"]
    assert {
        "http.server.request.duration",
        "messaging.process.duration",
        "seawall.worker.queue_messages",
        "orders",
    } <= set(metrics)
    assert 4 == metrics["seawall.worker.queue_messages"].gauge.data_points[0].as_double
    assert 2 == metrics["orders"].sum.data_points[0].as_int
    assert 0 == metrics["http.server.active_requests"].sum.data_points[0].as_double


def test_a_pushed_histogram_is_opentelemetrys(collector: Collector) -> None:
    """Cumulative, in seconds, with the conventions' boundaries and attributes; empty ones are left out."""
    run_python(REQUESTS, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    metric = collector.metrics()["http.server.request.duration"]
    point = next(one for one in metric.histogram.data_points if one.count)

    assert ("s", 2, 1) == (metric.unit, metric.histogram.aggregation_temporality, point.count)
    expected = {
        "http.request.method": "GET", "http.route": "/items/{number}", "http.response.status_code": 200,
        "url.scheme": "http", "network.protocol.version": "1.1",
    }  # fmt: skip
    assert expected == attributes(point)
    assert (0.005, 10.0, 15) == (point.explicit_bounds[0], point.explicit_bounds[-1], len(point.bucket_counts))
    assert (1, point.count) == (sum(point.bucket_counts), point.count)
    assert 0 < point.start_time_unix_nano < point.time_unix_nano
    assert not point.HasField("min")


def test_a_pushed_span_is_one_a_request_in_the_callers_trace(collector: Collector) -> None:
    """One SERVER span named by its route, the caller's child, and one CONSUMER span a message."""
    run_python(REQUESTS, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    spans = {span.name: (span.kind, span) for span in collector.spans()}

    assert {"GET /items/{number}": 2, "send mails": 5} == {name: kind for name, (kind, _) in spans.items()}
    assert 2 == len(collector.spans())
    server = spans["GET /items/{number}"][1]
    assert ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331") == (
        server.trace_id.hex(),
        server.parent_span_id.hex(),
    )
    assert {
        "http.route": "/items/{number}",
        "http.response.status_code": 200,
        "url.path": "/items/3",
    }.items() <= attributes(server).items()


def test_the_interval_is_opentelemetrys(collector: Collector) -> None:
    """Metrics are pushed each OTEL_METRIC_EXPORT_INTERVAL while the application runs."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_METRIC_EXPORT_INTERVAL": "20"}
    code = f"{REQUESTS}\nimport sys; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], env=clean_environment(environ), stdin=subprocess.PIPE
    ) as running:
        while len([path for path, _ in collector.posts if path == "/v1/metrics"]) < 3:
            assert running.poll() is None
        assert running.stdin is not None
        running.stdin.close()

    assert 0 == running.returncode


def test_what_otlp_cannot_hold_costs_itself_alone(collector: Collector) -> None:
    """Texts that strangers send, and numbers beyond 64 bits: what else there is arrives, and each signal says it once."""
    code = f"""{REQUESTS}
from opentelemetry import trace
for text in ("\\ud800", "good"):
    try:
        with trace.get_tracer("shop").start_as_current_span("buy", attributes={{"text": text}}):
            raise ValueError(text)
    except ValueError:
        pass
metrics.get_meter("shop").create_counter("atoms").add(2**70)
"""
    done = run_python(code, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    said = [line.partition(" what OTLP cannot hold: ")[0] for line in done.stderr.splitlines()]

    assert (0, ["Seawall leaves out of the metrics", "Seawall leaves out of the traces"]) == (
        done.returncode,
        sorted(said),
    )
    assert ["GET /items/{number}", "buy", "send mails"] == sorted(span.name for span in collector.spans())
    assert {"http.server.request.duration", "seawall.worker.queue_messages", "orders"} <= set(collector.metrics())
    assert "atoms" not in collector.metrics()


def test_a_preference_for_differences_holds_for_all_metrics(collector: Collector) -> None:
    """Seawall's own, and the application's, which the SDK counts."""
    preference = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
    done = run_python(REQUESTS, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} | preference)
    metrics = collector.metrics()

    assert (0, "") == (done.returncode, done.stderr)
    assert 1 == metrics["http.server.request.duration"].histogram.aggregation_temporality
    assert 1 == metrics["orders"].sum.aggregation_temporality
    assert 2 == metrics["http.server.active_requests"].sum.aggregation_temporality


@pytest.mark.parametrize("habit", ["refuses", "says nothing"])
def test_a_dead_collector_holds_up_no_exit(habit: str) -> None:
    """The process ends though the collector never answers, and an hour is what the exporter would wait for it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1] if habit == "says nothing" else free_port()
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_TIMEOUT": "3600"}
        done = run_python(f"{REQUESTS}\nprint('ends')", environ)

    assert (0, "ends\n") == (done.returncode, done.stdout)


@pytest.mark.parametrize(
    ("protocol", "module", "extra"),
    [
        ("http/protobuf", "opentelemetry.exporter.otlp.proto.http", "otlp"),
        ("grpc", "opentelemetry.exporter.otlp.proto.grpc", "otlp-grpc"),
    ],
)
def test_a_missing_exporter_is_named_with_what_installs_it(protocol: str, module: str, extra: str) -> None:
    """Without the package nothing is pushed, and the exact command stands in the log."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    done = run_python(f"import sys; sys.modules[{module!r}] = None\nimport seawall.auto; print('runs')", environ)

    assert (0, "runs\n", 3) == (done.returncode, done.stdout, done.stderr.count("\n"))
    for signal in ("metrics", "traces", "logs"):
        assert f"Seawall pushes no {signal} by OTLP (" in done.stderr
    assert f'pip install "seawall[{extra}]"' in done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "smoke",
            "OTEL_EXPORTER_OTLP_PROTOCOL=smoke: Seawall knows http/protobuf and grpc",
        ),
        ("OTEL_METRIC_EXPORT_INTERVAL", "soon", "OTEL_METRIC_EXPORT_INTERVAL=soon is no number of milliseconds"),
        (
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            "zip",
            "OTEL_EXPORTER_OTLP_COMPRESSION=zip is none of gzip, deflate, none; none it is.\n",
        ),
    ],
)
def test_a_wrong_value_is_named_and_the_application_runs(
    collector: Collector, variable: str, value: str, said: str
) -> None:
    """What OTEL_* variables hold can be anything; nothing of it is raised."""
    done = run_python(f"{REQUESTS}\nprint('runs')", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, variable: value})

    assert (0, "runs\n") == (done.returncode, done.stdout)
    assert said in done.stderr


def test_a_push_beside_a_page_is_asked_for_by_the_port() -> None:
    """With an endpoint alone nothing is served; with a port too, both."""
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    cases = [
        endpoint,
        endpoint | {"OTEL_EXPORTER_PROMETHEUS_PORT": "1"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9"},
    ]
    found = [(one.serves, one.pushes_metrics, one.pushes_traces) for one in map(read_settings, cases)]
    assert [(False, True, True), (True, True, True), (True, False, True)] == found


def test_a_push_that_raises_is_said_once_and_tried_again() -> None:
    """The next interval may succeed."""
    code = """
import threading
from seawall.instrumentation.push import Pusher
tried = threading.Semaphore(0)

def push():
    tried.release()
    raise RuntimeError("no tide")

pusher = Pusher(push, 0.001)
for _ in range(3):
    tried.acquire()
pusher.stop()
pusher.join(60)
"""
    done = run_python(code)

    assert (0, "Seawall could not push by OTLP: RuntimeError: no tide\n") == (done.returncode, done.stderr)


def test_a_forked_child_pushes_its_own_counts(collector: Collector) -> None:
    """What the child counts arrives, since its own beginning and without its parent's."""
    code = f"""{REQUESTS}
import os, sys
child = os.fork()
if child == 0:
    for _ in range(3):
        with process_message("child", destination="mails"):
            pass
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    done = run_python(
        code,
        {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_TRACES_EXPORTER": "none", "PYTHONWARNINGS": "default"},
    )
    pushes = [
        {
            (attributes(point)["messaging.operation.name"], point.count)
            for point in metric.histogram.data_points
            if point.count
        }
        for path, body in collector.posts
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "messaging.process.duration"
    ]

    assert 0 == done.returncode, done.stderr
    assert [{("child", 3)}, {("send", 1)}] == pushes
