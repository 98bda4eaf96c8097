"""The page, by the real Prometheus and by those who are no Prometheus."""

import json
import shutil
import socket
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from applications import DURATION, OPENMETRICS, Application
from servers import answers, eventually, free_port, get, process

from seawall.instrumentation import UpDownCounter
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.scrape import ScrapeServer

pytestmark = pytest.mark.e2e
SPECIFIED = ("process_thread_count ", "process_unix_file_descriptor_count ")


@pytest.fixture
def server() -> Iterator[ScrapeServer]:
    """A server of one metric."""
    registry = Registry()
    counted = UpDownCounter("counted", "", ("a",))
    registry.add(counted)
    counted.add(("x",), 1)
    made = ScrapeServer(registry, "127.0.0.1", 0)
    yield made
    made.close()


def test_the_real_prometheus_scrapes_it(asgi: Application, tmp_path: Path) -> None:
    """The Prometheus on PATH takes the page as it asks for it, and has the request that was counted."""
    asgi.request("/items/1")
    asgi.settled()
    port = free_port()
    target = {
        "job_name": "shop",
        "scrape_interval": "1s",
        "static_configs": [{"targets": [f"127.0.0.1:{asgi.metrics_port}"]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps({"scrape_configs": [target]}))
    query = urllib.parse.quote(f'{DURATION}_count{{http_route="/items/{{number}}",http_response_status_code="200"}}')

    def found() -> list[dict[str, object]]:
        return list(json.loads(get(f"http://127.0.0.1:{port}/api/v1/query?query={query}"))["data"]["result"])

    with process(
        "prometheus",
        "--config.file=prometheus.yml",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.path=data",
        cwd=tmp_path,
    ):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 60)
        eventually(lambda: bool(found()), 60)
        [one] = found()
        [scraped] = json.loads(get(f"http://127.0.0.1:{port}/api/v1/targets"))["data"]["activeTargets"]

    assert "1" == one["value"][1]  # type: ignore[index]
    assert ("up", "") == (scraped["health"], scraped["lastError"])


def test_promtool_has_nothing_to_say(asgi: Application) -> None:
    """The classic page passes promtool's linter, but for two names of OpenTelemetry's conventions."""
    tool = shutil.which("promtool")
    assert tool is not None
    page = get(asgi.metrics_url)
    done = subprocess.run([tool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=30)

    said = [line for line in (done.stderr + done.stdout).splitlines() if not line.startswith(SPECIFIED)]
    assert [] == said


def test_other_paths_are_told_where_the_metrics_are(server: ScrapeServer) -> None:
    """A 404 with the address; HEAD has the headers alone."""
    for request, expected in (
        (b"GET / HTTP/1.0\r\n\r\n", (b"404", b"The metrics are at /metrics.\n")),
        (b"HEAD /metrics?name=x HTTP/1.0\r\n\r\n", (b"200", b"")),
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(request)
            answer = b"".join(iter(lambda: client.recv(4096), b""))
        assert expected == (answer.split()[1], answer.partition(b"\r\n\r\n")[2])


def test_a_scraper_that_hangs_up_or_talks_nonsense_is_no_matter(
    server: ScrapeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is printed into the application's output, and the next scrape is answered."""
    for said in (b"", b"\x16\x03\x01\x02\r\n\r\n", b"GET /metrics HTTP/1.1\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(said)
    page = get(f"http://127.0.0.1:{server.port}/metrics", OPENMETRICS)

    assert page.endswith("# EOF\n")
    assert ("", "") == tuple(capfd.readouterr())
