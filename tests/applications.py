"""Real applications in processes of their own, observed by the one import: shared by the rooms' tests."""

import http.client
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from servers import Scrape, connects, eventually, free_port, get, parse

DURATION = "http_server_request_duration_seconds"
ACTIVE = "http_server_active_requests"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
Answer = tuple[int, bytes]


def clean_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this process' environment without what the instrumentation reads, and with *changes*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SEAWALL_", "SHOP_"))}
    return {**kept, "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1", **changes}


def run_python(
    code: str, environ: Mapping[str, str] | None = None, **options: object
) -> "subprocess.CompletedProcess[str]":
    """Run *code* in a Python of its own, to its end; its /metrics are on a free port unless *environ* says another."""
    changes = {"OTEL_EXPORTER_PROMETHEUS_PORT": "0", **(environ or {})}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command,
        env=clean_environment(changes),
        capture_output=True,
        text=True,
        timeout=60,
        **options,  # type: ignore[call-overload,no-any-return]
    )


@dataclass
class Application:
    """A running application: the port that it serves, the one of its metrics, its log and its process."""

    port: int
    metrics_port: int
    log: Path
    process: "subprocess.Popen[bytes]"

    def request(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send one request on a connection of its own; return the status and the body. Status 0: it broke off."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (http.client.HTTPException, ConnectionError):
            return 0, b""
        finally:
            connection.close()

    @property
    def metrics_url(self) -> str:
        """Where its metrics are."""
        return f"http://127.0.0.1:{self.metrics_port}/metrics"

    def scrape(self) -> Scrape:
        """Return its families."""
        return parse(get(self.metrics_url))

    def scrape_openmetrics(self) -> None:
        """Parse its metrics as OpenMetrics; the parser raises where they are not."""
        assert list(parse_openmetrics(get(self.metrics_url, OPENMETRICS)))

    def counts(self, **labels: str) -> dict[tuple[str, ...], int]:
        """Return the counted requests, by method, route, status and error; those of *labels*, without the zeros."""
        names = ("http_request_method", "http_route", "http_response_status_code", "error_type")
        found: Counter[tuple[str, ...]] = Counter()
        for series, value in self.samples(f"{DURATION}_count", **labels):
            found[tuple(series[name] for name in names)] += int(value)
        return dict(+found)

    def settled(self, **labels: str) -> dict[tuple[str, ...], int]:
        """Return the counts once no request is open: the last byte reaches the client before it is counted."""
        eventually(lambda: self.active() == 0)
        return self.counts(**labels)

    def samples(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Return the samples of *name* that have *labels*."""
        found = [
            (dict(pairs), value)
            for family in self.scrape().values()
            for (sample, pairs), value in family.samples.items()
            if sample == name
        ]
        return [(own, value) for own, value in found if labels.items() <= own.items()]

    def active(self) -> float:
        """Return how many requests are being answered."""
        return sum(value for _, value in self.samples(ACTIVE))

    def output(self) -> str:
        """Return what it has logged so far."""
        return self.log.read_text(errors="replace")


@dataclass
class Ports:
    """Free ports of an application."""

    own: int = field(default_factory=free_port)
    metrics: int = field(default_factory=free_port)


@contextmanager
def application(
    *command: str, folder: Path, ports: Ports, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Application]:
    """Run ``python *command`` until the end of the block; it answers on ``ports.own`` when the block begins."""
    changes = {"OTEL_EXPORTER_PROMETHEUS_PORT": str(ports.metrics), **(environ or {})}
    log = folder / f"{ports.own}.log"
    with log.open("ab") as output:
        running = subprocess.Popen(
            [sys.executable, *command], env=clean_environment(changes), stdout=output, stderr=output, cwd=cwd
        )
    try:
        eventually(lambda: running.poll() is not None or connects(ports.own), 60)
        assert running.poll() is None, log.read_text(errors="replace")
        yield Application(ports.own, ports.metrics, log, running)
    finally:
        family = _children(running.pid)
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            family += _children(running.pid)
            running.kill()
            running.wait()
        for child in family:  # a server that had to be killed leaves its workers
            with suppress(psutil.NoSuchProcess):
                child.kill()


def _children(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []
