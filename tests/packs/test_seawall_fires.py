"""The stack's own alerts, and a dead man's switch outside, with real servers that are killed, refused and out of space."""

import json
import re
import resource
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
import yaml
from otelcol import PROGRAM as OTELCOL
from servers import answers, eventually, free_port, get, parse, process

from seawall.generator import Addresses

from .stack_names import COLLECTOR, NEWER, REPOSITORY
from .watching import AT_ONCE, FLAGS, PATIENCE, Prometheus, write_quick

pytestmark = pytest.mark.e2e

LIMIT: Final = 6.0
"""Seconds without a call after which the switch alarms; it is called every one or two."""
QUICK: Final = {'for: "2m"': AT_ONCE, 'for: "10m"': AT_ONCE, "[5m]": "[10s]", "[10m]": "[10s]"}


class Switch:
    """A dead man's switch: it alarms when the Watchdog has not come for LIMIT seconds."""

    def __init__(self) -> None:
        self.calls, self.answer = 0, 200
        self._last = time.monotonic()

    @property
    def is_alarmed(self) -> bool:
        """Whether nobody has called for too long."""
        return time.monotonic() - self._last > LIMIT

    def hear(self, message: bytes) -> None:
        """Take what Alertmanager sends to `notify.watchdog`."""
        told = json.loads(message)
        assert ("firing", {"Watchdog"}) == (told["status"], {each["labels"]["alertname"] for each in told["alerts"]})
        self.calls, self._last = self.calls + 1, time.monotonic()


@contextmanager
def listening(switch: Switch) -> Iterator[int]:
    """Serve *switch* at /ping, and at any other path what takes everything, as the portal does; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_ping = self.path == "/ping"
            if is_ping and switch.answer == 200:
                switch.hear(body)
            self.send_response(switch.answer if is_ping else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Stack:
    """A Prometheus that runs, an Alertmanager that can be started, and the switch that both are to keep quiet."""

    prometheus: Prometheus
    switch: Switch
    folder: Path
    program: str
    listens: str

    def alertmanager(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Run Alertmanager until the end of the block."""
        listen = (f"--web.listen-address={self.listens}", "--cluster.listen-address=")
        files = ("--config.file=alertmanager/alertmanager.yml", "--storage.path=am")
        return process(self.program, *listen, *files, cwd=self.folder)


def program(name: str, version: str) -> str:
    """Return where a program is, as it is installed or newer."""
    found = shutil.which(name, path=NEWER if version == "newer" else None)
    return found or pytest.fail(f"{name} ({version}) is missing: run tools/fetch-newer .cache/newer")


@contextmanager
def evaluating(
    folder: Path, version: str, catalog: Mapping[str, object] | None = None, **where: str
) -> Iterator[tuple[Prometheus, subprocess.Popen[bytes]]]:
    """Run a Prometheus with the rules of the stack, whose parts answer *where*; each second is as a minute."""
    url = f"127.0.0.1:{free_port()}"
    said = {"seawall": 1, "teams": {"ops": {}}, "services": {}, **(catalog or {})}
    (folder / "catalog.yaml").write_text(json.dumps(said))
    write_quick(folder / "catalog.yaml", folder, Addresses(url, **where), QUICK)
    flags = (f"--web.listen-address={url}", "--rules.alert.resend-delay=1s", *FLAGS)
    with process(program("prometheus", version), *flags, cwd=folder) as running:
        eventually(lambda: answers(f"http://{url}/-/ready"), PATIENCE)
        yield Prometheus(f"http://{url}", is_alone=False), running


@pytest.fixture(scope="module", params=["installed", "newer"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a stack as it is rendered, evaluated and told of every second, with Alertmanager 0.25 and a newer one."""
    folder, switch, listens = tmp_path_factory.mktemp("stack"), Switch(), f"127.0.0.1:{free_port()}"
    with listening(switch) as port:
        told = {"notify": {"watchdog": {"webhook": {"url": f"http://127.0.0.1:{port}/ping"}}}}
        where = {"alertmanager": listens, "portal": f"127.0.0.1:{port}"}
        with evaluating(folder, "installed", told, **where) as (prometheus, _):
            routes = folder / "alertmanager/alertmanager.yml"
            routes.write_text(re.sub(r"(group_wait|\w+_interval): .*", r"\1: 1s", routes.read_text()))
            alertmanager = program("prometheus-alertmanager", request.param)
            yield Stack(prometheus, switch, folder, alertmanager, listens)


def test_the_switch_outside_notices_that_alertmanager_died_and_that_it_is_back(stack: Stack) -> None:
    """Prometheus knows it too, and can tell nobody; the next start makes both quiet again."""
    switch, prometheus = stack.switch, stack.prometheus
    with stack.alertmanager() as running:
        eventually(lambda: switch.calls >= 2 and not switch.is_alarmed, PATIENCE)
        prometheus.resolves("seawall", "SeawallAlertmanagerDown", "SeawallAlertsNotSent")
        running.kill()
        eventually(lambda: switch.is_alarmed, PATIENCE)
        prometheus.fires("seawall", "SeawallAlertmanagerDown", "SeawallAlertsNotSent")
        assert switch.is_alarmed
    with stack.alertmanager():
        eventually(lambda: not switch.is_alarmed, PATIENCE)
        prometheus.resolves("seawall", "SeawallAlertmanagerDown", "SeawallAlertsNotSent")


def test_notifications_that_are_refused_page_with_the_integration(stack: Stack) -> None:
    """The inbox takes them all the same; over once the other side does again."""
    with stack.alertmanager():
        eventually(lambda: not stack.switch.is_alarmed, PATIENCE)
        stack.switch.answer = 401
        stack.prometheus.fires("seawall", "SeawallNotificationsFailing")
        firing = 'ALERTS{alertname="SeawallNotificationsFailing",alertstate="firing",integration="webhook"}'
        stack.prometheus.has(firing, 1)
        stack.switch.answer = 200
        stack.prometheus.resolves("seawall", "SeawallNotificationsFailing")


@pytest.mark.parametrize("version", ["installed", "newer"])
def test_a_prometheus_that_cannot_write_is_told_of_while_it_says_that_it_is_ready(version: str, tmp_path: Path) -> None:
    """As with a full disk nothing is stored, not even that; it evaluates all the same, and goes on when it can."""
    with evaluating(tmp_path, version) as (prometheus, running):
        prometheus.has('count_over_time(up{job="seawall-prometheus"}[1m]) > 2')
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        prometheus.fires("seawall", "SeawallSamplesLost")
        assert answers(f"{prometheus.url}/-/ready")
        assert ("seawall", "SeawallWalDamaged") not in prometheus.active()
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        prometheus.resolves("seawall", "SeawallSamplesLost")


def collector_of(folder: Path, tells: int, takes: int) -> None:
    """Write the configuration of a Collector that tells of itself as that of Compose does, and sends to nobody."""
    telemetry: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose/collector/base.yaml").read_text())["service"]
    telemetry = telemetry["telemetry"]
    telemetry["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"] |= {"host": "127.0.0.1", "port": tells}
    dead = {"endpoint": "http://127.0.0.1:1", "retry_on_failure": {"enabled": False}}
    pipeline = {"receivers": ["otlp"], "exporters": ["otlp_http"]}
    config = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{takes}"}}}},
        "exporters": {"otlp_http": dead},
        "service": {"telemetry": telemetry, "pipelines": {"metrics": pipeline}},
    }
    (folder / "collector.yaml").write_text(json.dumps(config))


def push(port: int) -> None:
    """Send twenty points of a gauge to a Collector."""
    points = [{"asDouble": 1, "timeUnixNano": str(time.time_ns())}] * 20
    metrics = [{"scopeMetrics": [{"metrics": [{"name": "g", "gauge": {"dataPoints": points}}]}]}]
    body, headers = json.dumps({"resourceMetrics": metrics}).encode(), {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/v1/metrics", body, headers)
    urllib.request.urlopen(asked, timeout=10).close()


def test_a_collector_that_loses_metrics_pages_and_so_does_one_that_is_gone(tmp_path: Path) -> None:
    """What the real one tells, told as Compose has it, has the names that were written down of it."""
    if not OTELCOL.exists():
        pytest.skip("the OpenTelemetry Collector is not built here")
    tells, takes = free_port(), free_port()
    collector_of(tmp_path, tells, takes)
    with (
        process(str(OTELCOL), "--config=collector.yaml", cwd=tmp_path) as running,
        evaluating(tmp_path, "installed", collector=f"127.0.0.1:{tells}") as (prometheus, _),
    ):
        eventually(lambda: answers(f"http://127.0.0.1:{tells}/metrics"), PATIENCE)
        prometheus.fires("seawall", "SeawallOtelCollectorExportFailing", meanwhile=lambda: push(takes))
        assert ("seawall", "SeawallOtelCollectorExportFailing") in prometheus.firing("page")
        real = parse(get(f"http://127.0.0.1:{tells}/metrics"))
        wanted = re.compile(
            r"otelcol_(receiver|exporter_(sent|send))_\w*metric_points|otelcol_exporter_queue|\w+_uptime"
        )
        recorded = {name for name in parse(COLLECTOR.read_text()) if wanted.match(name)}
        assert (8, set()) == (len(recorded), recorded - real.keys())
        running.kill()
        prometheus.fires("seawall", "SeawallOtelCollectorDown")
