"""VictoriaMetrics takes what workers of real servers push: the names, the labels, and the sums, by a receiver of others'."""

import json
import os
import shutil
import signal
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from applications import DURATION, Ports, application
from servers import answers, eventually, free_port, get, process

from seawall.instrumentation.aggregation import DURATION_BOUNDARIES

pytestmark = pytest.mark.e2e

APPS = Path(__file__).parent / "apps"
NEWER = Path(__file__).parents[2] / ".cache/newer/root/usr/bin"
SERVERS = {
    "gunicorn": (("--workers", "2", "--bind", "127.0.0.1:{port}", "ends_app:wsgi"), "/items/<int:number>"),
    "uvicorn": (("--workers", "2", "--port", "{port}", "ends_app:asgi"), "/items/{number:int}"),
}
Series = dict[str, str]


class Receiver:
    """A running VictoriaMetrics."""

    def __init__(self, url: str) -> None:
        self.url = url

    def last(self, name: str, service: str) -> list[tuple[Series, float]]:
        """Return each series of *name* that *service* pushed, and its last value."""
        get(f"{self.url}/internal/force_flush")  # what came in shows at once
        asked = urllib.parse.urlencode({"match[]": f'{name}{{service_name="{service}"}}'})
        found = [json.loads(line) for line in get(f"{self.url}/api/v1/export?{asked}").splitlines()]
        return [(each["metric"], each["values"][-1]) for each in found]


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A VictoriaMetrics that names what it takes as Prometheus would."""
    found = shutil.which("victoria-metrics", path=os.environ.get("SEAWALL_NEWER_TOOLS", str(NEWER)))
    if found is None:
        pytest.fail("victoria-metrics is missing: `make test` fetches it")
    folder, port = tmp_path_factory.mktemp("victoriametrics"), free_port()
    options = ("-opentelemetry.usePrometheusNaming", f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}")
    with process(found, *options, cwd=folder):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/health"), 60)
        yield Receiver(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("server", SERVERS)
def test_what_the_workers_push_adds_up(receiver: Receiver, tmp_path: Path, server: str) -> None:
    """Each worker is an instance of its own, and what they counted until their end is every request there was."""
    command, route = SERVERS[server]
    ports = Ports()
    environ = {
        "PYTHONPATH": str(APPS),
        "PYTHONWARNINGS": "ignore::ResourceWarning",
        "OTEL_SERVICE_NAME": f"shop-{server}",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=production",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{receiver.url}/opentelemetry/v1/metrics",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
    }
    words = [word.format(port=ports.own) for word in command]
    with application("-m", server, *words, folder=tmp_path, ports=ports, environ=environ, cwd=tmp_path) as running:
        workers: set[bytes] = set()
        asked = 0
        while len(workers) < 2 or asked < 20:
            status, worker = running.request(f"/items/{asked}")
            assert 200 == status
            workers.add(worker)
            asked += 1
            assert asked < 2000
        assert 404 == running.request("/missing")[0]
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(60)

    def told() -> list[tuple[Series, float]]:
        return receiver.last(f"{DURATION}_count", f"shop-{server}")

    eventually(lambda: sum(value for _, value in told()) >= asked + 1, 60)  # what came in shows a little later
    counted = told()
    answered = [(series, value) for series, value in counted if series["http_response_status_code"] == "200"]
    assert asked == sum(value for _, value in answered)
    assert {(route, "GET", "http", "1.1", "production")} == {
        (series["http_route"], series["http_request_method"], series["url_scheme"],
         series["network_protocol_version"], series["deployment_environment_name"])
        for series, _ in answered
    }  # fmt: skip
    instances = {series["service_instance_id"] for series, _ in answered}
    assert (2, 2) == (len(answered), len(instances))
    assert [1] == [value for series, value in counted if series["http_response_status_code"] == "404"]
    buckets = [series for series, _ in receiver.last(f"{DURATION}_bucket", f"shop-{server}")]
    assert {*map(float, DURATION_BOUNDARIES), float("inf")} == {float(series["le"]) for series in buckets}
    for name in ("http_server_response_body_size_bytes_count", "process_memory_usage_bytes"):
        assert instances <= {series["service_instance_id"] for series, _ in receiver.last(name, f"shop-{server}")}
    assert "Seawall" not in running.output()
