"""What goes wrong outside for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

import json
import socket
import ssl
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Final

import pytest
from outside import Authority, Behaviour, authority, page, tcp
from servers import answers, eventually, free_port, get, process, serving

from seawall.generator import Addresses, load_packs

from .test_alerts_fire import AT_ONCE, FLAGS, Prometheus, write_quick

pytestmark = pytest.mark.e2e

WELL: Final = page("200 OK")


@dataclass
class Outside:
    """What is watched: a page, whose server can be stopped and told how to behave, and one under TLS."""

    prometheus: Prometheus
    trusted: Authority
    context: ssl.SSLContext
    port: int
    behaviour: Behaviour = WELL
    running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Start the server of the page."""
        self.running.enter_context(tcp(self._behave, port=self.port))

    def _behave(self, client: socket.socket, stop: Event) -> None:
        self.behaviour(client, stop)

    def active(self, severity: str) -> set[tuple[str, str]]:
        """Return (service, alert) of those of *severity* that fire or begin to."""
        found = [each["labels"] for each in self.prometheus.ask("alerts")["alerts"]]
        return {(each["service"], each["alertname"]) for each in found if each["severity"] == severity}

    @contextmanager
    def paged(self, service: str, alert: str) -> Iterator[None]:
        """Expect *alert* of *service*, and no other page; once the block mended it, no page."""
        self.prometheus.fires(service, alert)
        assert {(service, alert)} == self.active("page")
        yield
        eventually(lambda: self.active("page") == set(), 30)


def catalog_of(outside: dict[str, str], trusted: Authority) -> str:
    """Return the catalog: every alert of the services fires at once."""
    names = [name for name in load_packs().alert_names("probe") if not name.startswith(("Slo", "ServiceTraffic"))]
    moved = ", ".join(f"{name}: {{{AT_ONCE}, reason: a test}}" for name in names)
    lines = ["seawall: 1", "teams: {ops: {}}", "services:"]
    for name, url in outside.items():
        tls = f", probe: {{tls: {{ca_file: '{trusted.file}'}}}}" if url.startswith("https") else ""
        lines.append(f"  {name}: {{kind: probe, team: ops, tier: 1, url: '{url}', alerts: {{{moved}}}{tls}}}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """Return two pages that are well, and Prometheus over both."""
    folder = tmp_path_factory.mktemp("outside")
    trusted = authority(tmp_path_factory.mktemp("authority"))
    context = trusted.issue("long", days=90)
    at, port = free_port(), free_port()
    with ExitStack() as stack:
        sealed = stack.enter_context(tcp(WELL, context))
        urls = {"shop": f"http://127.0.0.1:{port}/", "sealed": f"https://127.0.0.1:{sealed}/"}
        catalog = folder / "catalog.yaml"
        catalog.write_text(catalog_of(urls, trusted))
        found = Outside(Prometheus(f"http://127.0.0.1:{at}"), trusted, context, port)
        stack.enter_context(found.running)
        found.start()
        exporter = stack.enter_context(serving(catalog))
        address = urllib.parse.urlsplit(exporter.url).netloc
        write_quick(catalog, folder, Addresses(prometheus=f"127.0.0.1:{at}", exporter=address))
        assert 2 == len(json.loads(get(f"{exporter.url}targets")))
        stack.enter_context(process("prometheus", f"--web.listen-address=127.0.0.1:{at}", *FLAGS, cwd=folder))
        eventually(lambda: answers(f"{found.prometheus.url}/-/ready"), 30)
        eventually(lambda: found.prometheus.value("count(count_over_time(probe_success[5m]) >= 3)") == 2, 45)
        yield found


def test_all_is_quiet_while_all_is_well(outside: Outside) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    prometheus = outside.prometheus
    eventually(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), 30)
    assert [] == [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    assert 2 == prometheus.value("count(probe_success == 1)")
    assert {("seawall", "Watchdog")} == prometheus.alerts("pending", "firing")


def test_a_server_that_answers_500_is_down_and_its_ticket_says_why(outside: Outside) -> None:
    """Its port is open, and it would say of itself that it is up."""
    outside.behaviour = page("500 Internal Server Error")
    with outside.paged("shop", "ServiceDown"):
        outside.prometheus.fires("shop", "ProbeStatusWrong")
        outside.behaviour = WELL


def test_a_server_that_hangs_is_down(outside: Outside) -> None:
    """It takes the connection and the request, and says nothing."""
    outside.behaviour = lambda _client, stop: stop.wait(30) and None
    with outside.paged("shop", "ServiceDown"):
        assert 0 == outside.prometheus.value('probe_http_status_code{job="shop"}')
        outside.behaviour = WELL
        outside.running.close()  # and with it those that hang
        outside.start()


def test_a_server_that_is_stopped_is_down(outside: Outside) -> None:
    """Nothing listens any more."""
    outside.running.close()
    with outside.paged("shop", "ServiceDown"):
        outside.start()


def test_a_certificate_about_to_expire_pages_while_all_is_served(outside: Outside) -> None:
    """Two days are left: a page, and no word of it being down."""
    outside.trusted.issue("short", days=2)
    outside.context.load_cert_chain(outside.trusted.folder / "short.pem", outside.trusted.folder / "short.key")
    with outside.paged("sealed", "ProbeCertificateExpires"):
        outside.prometheus.fires("sealed", "ProbeCertificateExpiresSoon")
        outside.context.load_cert_chain(outside.trusted.folder / "long.pem", outside.trusted.folder / "long.key")
