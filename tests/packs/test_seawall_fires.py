"""The stack's own alerts, and a dead man's switch outside, with real servers that are killed and refused."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from servers import answers, eventually, free_port, process

from seawall.generator import Addresses

from .watching import AT_ONCE, FLAGS, PATIENCE, Prometheus, write_quick

pytestmark = pytest.mark.e2e

NEWER: Final = str(Path(__file__).parents[2] / ".cache/newer/root/usr/bin")
LIMIT: Final = 8.0
"""Seconds without a call after which the switch alarms; it is called every one or two."""
QUICK: Final = {'for: "2m"': AT_ONCE, 'for: "10m"': AT_ONCE, "[5m]": "[10s]", "[10m]": "[20s]"}


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


@pytest.fixture(scope="module", params=["installed", "newer"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a stack as it is rendered, evaluated and told of every second, with Alertmanager 0.25 and a newer one."""
    path = os.environ.get("SEAWALL_NEWER_TOOLS", NEWER) if request.param == "newer" else None
    program = shutil.which("prometheus-alertmanager", path=path) or pytest.fail("run tools/fetch-newer .cache/newer")
    folder, switch = tmp_path_factory.mktemp("stack"), Switch()
    prometheus, alertmanager = (f"127.0.0.1:{free_port()}" for _ in range(2))
    with listening(switch) as port:
        watchdog = {"webhook": {"url": f"http://127.0.0.1:{port}/ping"}}
        told = {"seawall": 1, "notify": {"watchdog": watchdog}, "teams": {"ops": {}}, "services": {}}
        (folder / "catalog.yaml").write_text(json.dumps(told))
        where = Addresses(prometheus, alertmanager, portal=f"127.0.0.1:{port}")
        write_quick(folder / "catalog.yaml", folder, where, QUICK)
        routes = folder / "alertmanager/alertmanager.yml"
        routes.write_text(re.sub(r"(group_wait|\w+_interval): .*", r"\1: 1s", routes.read_text()))
        flags = (f"--web.listen-address={prometheus}", "--rules.alert.resend-delay=1s", *FLAGS)
        with process("prometheus", *flags, cwd=folder):
            eventually(lambda: answers(f"http://{prometheus}/-/ready"), PATIENCE)
            yield Stack(Prometheus(f"http://{prometheus}", is_alone=False), switch, folder, program, alertmanager)


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
