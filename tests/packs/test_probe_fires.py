"""What goes wrong outside for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Final

import pytest
from outside import Authority, Behaviour, authority, page, tcp
from servers import free_port

from .watching import Prometheus, at_once, catalog_of, watching

pytestmark = pytest.mark.e2e

WELL: Final = page("200 OK")


@dataclass
class Site:
    """A server of a page, which can be stopped and told how to behave."""

    port: int = field(default_factory=free_port)
    behaviour: Behaviour = WELL
    running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Start it."""
        self.running.enter_context(tcp(self._behave, port=self.port))

    def _behave(self, client: socket.socket, stop: Event) -> None:
        self.behaviour(client, stop)


@dataclass(frozen=True)
class Outside:
    """What is watched: a page, and one under TLS."""

    prometheus: Prometheus
    trusted: Authority
    context: ssl.SSLContext
    shop: Site

    @contextmanager
    def paged(self, service: str, alert: str) -> Iterator[None]:
        """Expect *alert* of *service*, and no other page; once the block mended it, no page."""
        self.prometheus.fires(service, alert)
        assert {(service, alert)} == self.prometheus.active("page")
        yield
        self.prometheus.is_quiet()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """Return two pages that are well, and Prometheus over both."""
    trusted, shop = authority(tmp_path_factory.mktemp("authority")), Site()
    context = trusted.issue("long", days=90)
    watched: dict[str, object] = {"kind": "probe", "tier": 1, "alerts": at_once("probe")}
    with tcp(WELL, context) as port, shop.running:
        shop.start()
        services = {
            "shop": watched | {"url": f"http://127.0.0.1:{shop.port}/"},
            "sealed": watched | {"url": f"https://127.0.0.1:{port}/", "probe": {"tls": {"ca_file": str(trusted.file)}}},
        }
        with watching(tmp_path_factory.mktemp("outside"), catalog_of(services)) as prometheus:
            yield Outside(prometheus, trusted, context, shop)


def test_all_is_quiet_while_all_is_well(outside: Outside) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    outside.prometheus.knows("probe_success", 2)
    assert set() == outside.prometheus.active()


def test_a_server_that_answers_500_is_down_and_its_ticket_says_why(outside: Outside) -> None:
    """Its port is open, and it would say of itself that it is up."""
    outside.shop.behaviour = page("500 Internal Server Error")
    with outside.paged("shop", "ServiceDown"):
        outside.prometheus.fires("shop", "ProbeStatusWrong")
        outside.shop.behaviour = WELL


def test_a_server_that_hangs_is_down(outside: Outside) -> None:
    """It takes the connection and the request, and says nothing."""
    outside.shop.behaviour = lambda _client, stop: stop.wait(30) and None
    with outside.paged("shop", "ServiceDown"):
        assert 0 == outside.prometheus.value('probe_http_status_code{job="shop"}')
        outside.shop.behaviour = WELL
        outside.shop.running.close()  # and with it those that hang
        outside.shop.start()


def test_a_server_that_is_stopped_is_down(outside: Outside) -> None:
    """Nothing listens any more."""
    outside.shop.running.close()
    with outside.paged("shop", "ServiceDown"):
        outside.shop.start()


def test_a_certificate_about_to_expire_pages_while_all_is_served(outside: Outside) -> None:
    """Two days are left: a page, and no word of it being down."""
    outside.trusted.issue("short", days=2)
    outside.context.load_cert_chain(outside.trusted.folder / "short.pem", outside.trusted.folder / "short.key")
    with outside.paged("sealed", "ProbeCertificateExpires"):
        outside.prometheus.fires("sealed", "ProbeCertificateExpiresSoon")
        outside.context.load_cert_chain(outside.trusted.folder / "long.pem", outside.trusted.folder / "long.key")
