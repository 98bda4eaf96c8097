"""What two workers of a real server push arrives in a real OpenTelemetry Collector: each signal, whole, and in its terms."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from applications import Application, Ports, application
from collector import attributes
from otelcol import OtelCollector, Told
from servers import eventually

pytestmark = pytest.mark.e2e

APPS = Path(__file__).parent / "apps"
FAILS, AGAIN = "cannot push {} by OTLP and goes on trying", "pushes {} by OTLP again"
THRESHOLD = 0.3  # seconds; none of OpenTelemetry's boundaries
SERVERS = {
    "gunicorn": ("http/protobuf", ("--workers", "2", "--bind", "127.0.0.1:{port}", "ends_app:wsgi"), "/items/<int:number>"),
    "uvicorn": ("grpc", ("--workers", "2", "--port", "{port}", "--no-access-log", "ends_app:asgi"), "/items/{number:int}"),
}  # fmt: skip


@dataclass
class Shop:
    """A server that pushes to a collector, and the requests that it answered: trace and caller, by number."""

    running: Application
    collector: OtelCollector
    stack: ExitStack
    route: str
    asked: dict[int, tuple[str, str]] = field(default_factory=dict)

    def ask(self, requests: int, workers: int = 1) -> None:
        """Send requests, each in a trace of its own, and go on until so many workers have answered."""
        answered: set[bytes] = set()
        least = len(self.asked) + requests
        while len(self.asked) < least or len(answered) < workers:
            number = len(self.asked)
            assert number < 3000
            trace, caller = f"{number + 1:032x}", f"{number + 7:016x}"
            status, worker = self.running.request(
                f"/items/{number}", headers={"traceparent": f"00-{trace}-{caller}-01"}
            )
            assert 200 == status
            answered.add(worker)
            self.asked[number] = (trace, caller)

    def spans(self) -> list[Told]:
        """Return the spans that arrived."""
        return self.collector.told("traces")

    def logs(self) -> list[Told]:
        """Return the requests' log records that arrived; servers say more than that."""
        told = self.collector.told("logs")
        return [(resource, record) for resource, record in told if record.body.string_value.startswith("asked for ")]

    def histograms(self) -> list[Any]:
        """Return the durations of requests, each time that they arrived."""
        return [one for _, one in self.collector.told("metrics") if one.name == "http.server.request.duration"]

    def said(self, words: str) -> list[int]:
        """Return how often the log has *words* of each signal."""
        return [self.running.output().count(words.format(each)) for each in ("traces", "logs", "metrics")]

    def durations(self) -> dict[object, Any]:
        """Return the last point of the answered requests, by the instance that counted them."""
        return {
            resource["service.instance.id"]: point
            for resource, metric in self.collector.told("metrics")
            if metric.name == "http.server.request.duration"
            for point in metric.histogram.data_points
            if attributes(point)["http.response.status_code"] == 200
        }

    def counted(self) -> int:
        """Return how many requests the collector knows of."""
        return sum(point.count for point in self.durations().values())

    def lost(self, component: str) -> float:
        """Return how many items of *component* were given up, as the page says."""
        samples = self.running.samples(f"otel_sdk_exporter_{component}_exported_total")
        return sum(value for labels, value in samples if labels["error_type"])


@pytest.fixture(scope="module", params=SERVERS)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A server of two workers that have both answered, and the collector."""
    folder, ports = tmp_path_factory.mktemp(request.param), Ports()
    protocol, command, route = SERVERS[request.param]
    collector = OtelCollector(folder)
    service = folder / "shop.json"
    service.write_text(json.dumps({"name": "shop", "team": "payments", "tier": 1, "latency_thresholds": [THRESHOLD]}))
    environ = {
        "PYTHONPATH": os.pathsep.join([str(APPS), *sys.path]),
        "PYTHONWARNINGS": "ignore",  # of what the servers leave open
        "HOME": str(folder),
        "SEAWALL_SERVICE": str(service),
        "SEAWALL_SHARED_MEMORY": str(folder / "shared"),
        "OTEL_METRICS_EXPORTER": "otlp,prometheus",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint(protocol),
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BLRP_SCHEDULE_DELAY": "100",
    }
    words = [word.format(port=ports.own) for word in command]
    with ExitStack() as stack:
        stack.enter_context(collector.running())
        with application(
            "-m", request.param, *words, folder=folder, ports=ports, environ=environ, cwd=folder
        ) as running:
            made = Shop(running, collector, stack, route)
            made.ask(20, workers=2)
            yield made


def test_a_request_is_one_server_span_in_its_callers_trace(shop: Shop) -> None:
    """Named by its route, the caller's child, with the resource of the worker that answered."""
    eventually(lambda: len(shop.spans()) >= len(shop.asked), 60)
    spans = shop.spans()

    assert Counter(shop.asked.values()) == Counter(
        (span.trace_id.hex(), span.parent_span_id.hex()) for _, span in spans
    )
    assert {(f"GET {shop.route}", 2)} == {(span.name, span.kind) for _, span in spans}
    assert {("shop", "payments", "1")} == {
        (resource["service.name"], resource["seawall.team"], resource["seawall.tier"]) for resource, _ in spans
    }
    assert 2 == len({resource["service.instance.id"] for resource, _ in spans})
    for _, span in spans:
        number = int(span.trace_id.hex(), 16) - 1
        expected = {"http.route": shop.route, "url.path": f"/items/{number}", "http.response.status_code": 200}
        assert expected.items() <= attributes(span).items()
        assert span.start_time_unix_nano < span.end_time_unix_nano


def test_a_log_record_is_in_its_requests_span(shop: Shop) -> None:
    """With its severity, its logger, and the same resource."""
    eventually(lambda: len(shop.logs()) >= len(shop.asked), 60)
    eventually(lambda: len(shop.spans()) >= len(shop.asked), 60)
    spans = {span.span_id: (resource["service.instance.id"], span.trace_id) for resource, span in shop.spans()}
    told = Counter[str]()
    for resource, record in shop.logs():
        assert spans[record.span_id] == (resource["service.instance.id"], record.trace_id)
        number = int(record.trace_id.hex(), 16) - 1
        assert (f"asked for {number}", "ERROR") == (record.body.string_value, record.severity_text)
        told[record.body.string_value] += 1

    assert Counter(f"asked for {number}" for number in shop.asked) == told


def test_the_workers_durations_add_up(shop: Shop) -> None:
    """Cumulative, an instance each, with a bucket at the catalog's threshold."""
    eventually(lambda: shop.counted() == len(shop.asked), 60)
    points = shop.durations()

    assert {resource["service.instance.id"] for resource, _ in shop.spans()} == set(points)
    for point in points.values():
        assert THRESHOLD in point.explicit_bounds
        assert (16, point.count) == (len(point.bucket_counts), sum(point.bucket_counts))
        assert 0 < point.sum < 60 * point.count
    assert {("s", 2)} == {(metric.unit, metric.histogram.aggregation_temporality) for metric in shop.histograms()}


def test_a_bucket_opens_its_trace(shop: Shop) -> None:
    """The exemplars are of requests that there were, each pushed once."""
    eventually(lambda: shop.counted() == len(shop.asked), 60)
    traces = {trace for trace, _ in shop.asked.values()}
    pushed = [
        one.trace_id.hex()
        for metric in shop.histograms()
        for point in metric.histogram.data_points
        for one in point.exemplars
    ]

    assert len(pushed) == len(set(pushed) & traces) > 0


def test_a_collector_that_dies_and_comes_back_misses_nothing_that_is_not_counted(shop: Shop) -> None:
    """Requests go on meanwhile; each worker says it once each way; what was given up is on the page, and counts stand."""
    eventually(lambda: len(shop.asked) == len(shop.spans()) == len(shop.logs()), 60)
    shop.stack.close()
    shop.ask(20, workers=2)
    eventually(lambda: min(shop.said(FAILS)) >= 2, 60)
    shop.stack.enter_context(shop.collector.running())

    def is_back() -> bool:
        shop.ask(2)
        return shop.said(FAILS) == shop.said(AGAIN)

    eventually(is_back, 60)
    eventually(lambda: shop.counted() == len(shop.asked), 60)
    eventually(lambda: len(shop.spans()) + shop.lost("span") == len(shop.asked), 60)
    eventually(lambda: len(shop.logs()) + shop.lost("log") == len(shop.asked), 60)

    assert 0 < min(shop.lost("span"), shop.lost("log"), shop.lost("metric_data_point"))
    assert sum(shop.said(FAILS) + shop.said(AGAIN)) == shop.running.output().count("Seawall")
    assert "Traceback" not in shop.running.output()
    assert "\terror\t" not in shop.collector.output
