"""The rendered configuration in a real Alertmanager, its receivers caught on loopback: who is told, and who is not."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from seawall.catalog import load
from seawall.generator.routing import alertmanager_config

pytestmark = pytest.mark.e2e

DEADLINE = 20.0  # seconds; what is expected comes within three
PAGE, TICKET, INBOX = "/page", "/ticket", "/api/v1/alertmanager"


@dataclass
class Caught:
    """Receives what Alertmanager sends, and keeps it by path."""

    bodies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    port: int = 0

    def alerts(self, path: str) -> list[tuple[str, str]]:
        """Service and name of each alert that came to *path*."""
        found = [alert["labels"] for at, body in list(self.bodies) if at == path for alert in body.get("alerts", ())]
        return [(labels.get("service", ""), labels["alertname"]) for labels in found]


@dataclass
class Live:
    """A running Alertmanager, and what it has sent."""

    url: str
    caught: Caught
    numbers: Iterator[int] = field(default_factory=count)

    def call(self, path: str, body: Any = None) -> Any:
        """Ask the API version 2."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/api/v2/{path}", data, {"Content-Type": "application/json"})
        with urlopen(request, timeout=5) as answer:
            return json.loads(answer.read() or b"null")

    def fire(self, service: str, name: str, *, tier: int, severity: str = "page", **labels: str) -> None:
        """Post an alert as Prometheus does, and wait until Alertmanager shows it."""
        own = {"alertname": name, "service": service, "team": "payments", "tier": str(tier), "severity": severity}
        own |= {"class": "symptom", "kind": "http"} | labels
        annotations = {
            "summary": f"{service} is ill",
            "runbook_url": f"http://localhost:8800/runbooks/{service}/{name}",
        }
        self.call("alerts", [{"labels": own, "annotations": annotations}])
        until(lambda: own in [shown["labels"] for shown in self.call("alerts")])

    def state(self, service: str, name: str) -> dict[str, Any]:
        """What Alertmanager itself says of an alert."""
        return next(
            dict(shown["status"])
            for shown in self.call("alerts")
            if (shown["labels"].get("service"), shown["labels"]["alertname"]) == (service, name)
        )

    def settle(self) -> None:
        """Wait until a page and a ticket that were fired after all others have arrived."""
        number = next(self.numbers)
        for severity, path in (("page", PAGE), ("ticket", TICKET)):
            self.fire(f"last-{severity}-{number}", "Last", tier=1, severity=severity)
            self.arrives(path, f"last-{severity}-{number}", "Last")

    def arrives(self, path: str, service: str, name: str) -> None:
        """Wait until an alert has come to *path*."""
        until(lambda: (service, name) in self.caught.alerts(path))


def until(said: Callable[[], bool]) -> None:
    """Wait for something to hold; fail past the deadline."""
    end = time.monotonic() + DEADLINE
    while not said():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def caught() -> Iterator[Caught]:
    """Run the receiver of everything."""
    kept = Caught()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            kept.bodies.append((self.path, body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


def catalog_text(port: int, now: datetime, slack: Path) -> str:
    """A team for each case of the clock, and services for each case of dependency."""
    hook = f"http://127.0.0.1:{port}"
    day, later = (f"{moment:%a}" for moment in (now, now + timedelta(days=3)))
    tomorrow = f"{now + timedelta(days=1):%a}"
    window = f"from: {now - timedelta(hours=2):%Y-%m-%dT%H:%M:%S}, to: {now + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}"
    notify = f"{{page: {{webhook: {{url: '{hook}{PAGE}'}}}}, ticket: {{webhook: {{url: '{hook}{TICKET}'}}}}}}"
    return f"""
seawall: 1
notify: {{watchdog: {{webhook: {{url: '{hook}/beat'}}}}}}
teams:
  payments: {{notify: {notify}}}
  closed: {{notify: {notify}, hours: '{later} 00:00-24:00'}}
  open: {{notify: {notify}, hours: '{day}-{tomorrow} 00:00-24:00'}}
  chatty: {{notify: {{page: {{slack: {{channel: '#x', api_url_file: '{slack}'}}}}}}}}
services:
  checkout:
    kind: http
    team: payments
    tier: 1
    depends_on:
      orders-db: {{inhibits: true}}
      moved-db: {{inhibits: true}}
      quiet-db: {{inhibits: true}}
      small-db: {{inhibits: true}}
  basket: {{kind: http, team: payments, tier: 2, depends_on: {{orders-db: {{inhibits: true}}}}}}
  wishes: {{kind: http, team: payments, tier: 2, depends_on: {{moved-db: {{inhibits: true}}}}}}
  images: {{kind: http, team: payments, tier: 2, depends_on: {{small-db: {{inhibits: true}}}}}}
  orders-db: {{kind: postgres, team: payments, tier: 2}}
  quiet-db: {{kind: postgres, team: payments, tier: 1}}
  small-db: {{kind: postgres, team: payments, tier: 3}}
  moved-db: {{kind: postgres, team: payments, tier: 1, maintenance: [{{{window}, timezone: UTC, reason: move}}]}}
  rewrite: {{kind: http, team: payments, tier: 1, mode: shadow}}
  search: {{kind: http, team: payments, tier: 1, alerts: {{ServiceTrafficStopped: {{only: '{later} 00:00-24:00'}}}}}}
"""


@pytest.fixture
def live(tool: Callable[[str], str], caught: Caught, tmp_path: Path) -> Iterator[Live]:
    """Run Alertmanager on the rendered configuration; only what it waits for before the first message is shortened."""
    now = datetime.now(UTC)
    (tmp_path / "slack").write_text(f"http://127.0.0.1:{caught.port}/slack")
    (tmp_path / "catalog.yaml").write_text(catalog_text(caught.port, now, tmp_path / "slack"))
    config = alertmanager_config(load(tmp_path / "catalog.yaml", today=now.date()), portal=f"127.0.0.1:{caught.port}")
    config["route"]["group_wait"] = "1s"
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        tool("prometheus-alertmanager"),
        f"--config.file={tmp_path}/alertmanager.yml",
        f"--storage.path={tmp_path}",
    ]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        running = Live(f"http://{address}", caught)
        try:
            until(lambda: _answers(running))
            yield running
        finally:
            process.terminate()


def _answers(live: Live) -> bool:
    try:
        return bool(live.call("status"))
    except OSError:
        return False


def test_nothing_that_its_databases_do_silences_the_page_of_checkout(live: Live) -> None:
    """One is in maintenance, one is silenced, one is of tier 3, and one is down for all to see."""
    equal = {"name": "service", "value": "quiet-db", "isRegex": False, "isEqual": True}
    now = datetime.now(UTC)
    ends = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
    live.call("silences", {"matchers": [equal], "createdBy": "test", "comment": "known", **ends})
    live.fire("moved-db", "ServiceDown", tier=1, kind="postgres")  # a window keeps the label away
    live.fire("quiet-db", "ServiceDown", tier=1, kind="postgres", inhibits="true")
    live.fire("small-db", "ServiceDown", tier=3, kind="postgres", inhibits="true")
    live.fire("orders-db", "ServiceDown", tier=2, kind="postgres", inhibits="true")
    live.arrives(PAGE, "orders-db", "ServiceDown")
    live.fire("checkout", "SloErrorBudgetBurn", tier=1, slo="availability")
    live.arrives(PAGE, "checkout", "SloErrorBudgetBurn")
    live.arrives(INBOX, "checkout", "SloErrorBudgetBurn")
    assert live.state("checkout", "SloErrorBudgetBurn")["state"] == "active"


def test_a_database_in_maintenance_or_of_tier_3_silences_nobody(live: Live) -> None:
    """Not even a tier-2 service whose edge asks for it."""
    live.fire("moved-db", "ServiceDown", tier=1, kind="postgres")
    live.fire("small-db", "ServiceDown", tier=3, kind="postgres", inhibits="true")
    for service in ("wishes", "images"):
        live.fire(service, "HttpServiceFailing", tier=2)
        live.arrives(PAGE, service, "HttpServiceFailing")


def test_an_outage_inhibits_the_symptoms_of_a_tier_2_service_that_asks_for_it(live: Live) -> None:
    """Its own outage, its causes and other services are told all the same."""
    live.fire("orders-db", "ServiceDown", tier=2, kind="postgres", inhibits="true")
    live.fire("basket", "HttpServiceFailing", tier=2)
    live.fire("basket", "ServiceDown", tier=2)
    live.fire("basket", "HttpSaturated", tier=2, severity="ticket", **{"class": "cause"})
    live.fire("wishes", "HttpServiceFailing", tier=2)
    live.arrives(PAGE, "basket", "ServiceDown")
    live.arrives(TICKET, "basket", "HttpSaturated")
    live.arrives(PAGE, "wishes", "HttpServiceFailing")
    live.settle()
    assert ("basket", "HttpServiceFailing") not in live.caught.alerts(PAGE) + live.caught.alerts(TICKET)
    status = live.state("basket", "HttpServiceFailing")
    assert (status["state"], len(status["inhibitedBy"])) == ("suppressed", 1)


def test_a_page_inhibits_the_ticket_of_the_same_slo_and_no_other(live: Live) -> None:
    """Not of another SLO of the service, not of the same SLO of another service, not another alert."""
    live.fire("checkout", "SloErrorBudgetBurn", tier=1, slo="availability")
    live.fire("checkout", "SloErrorBudgetBurn", tier=1, severity="ticket", slo="availability")
    live.fire("search", "SloErrorBudgetBurn", tier=1, severity="ticket", slo="availability")
    live.fire("checkout", "SloErrorBudgetExhausted", tier=1, severity="ticket", slo="availability")
    live.fire("checkout", "SloErrorBudgetBurn", tier=1, severity="ticket", slo="latency")
    live.arrives(PAGE, "checkout", "SloErrorBudgetBurn")
    live.arrives(TICKET, "search", "SloErrorBudgetBurn")
    live.arrives(TICKET, "checkout", "SloErrorBudgetExhausted")
    live.settle()
    told = [alert["labels"] for at, body in live.caught.bodies if at == TICKET for alert in body["alerts"]]
    assert [
        labels["slo"]
        for labels in told
        if (labels["service"], labels["alertname"]) == ("checkout", "SloErrorBudgetBurn")
    ] == ["latency"]


def test_shadow_maintenance_and_hours_leave_an_alert_to_the_inbox_alone(live: Live) -> None:
    """The inbox sees every one of them."""
    quiet = [("rewrite", "HttpServiceFailing"), ("moved-db", "ServiceDown"), ("search", "ServiceTrafficStopped")]
    for service, name in quiet:
        live.fire(service, name, tier=1)
        live.fire(service, f"{name}Ticket" if service != "search" else name, tier=1, severity="ticket")
    live.fire("search", "HttpServiceFailing", tier=1)
    live.arrives(PAGE, "search", "HttpServiceFailing")
    live.settle()
    for service, name in quiet:
        live.arrives(INBOX, service, name)
        assert (service, name) not in live.caught.alerts(PAGE) + live.caught.alerts(TICKET)
    assert [one for one in live.caught.alerts(PAGE) if not one[0].startswith("last")] == [
        ("search", "HttpServiceFailing")
    ]


def test_the_hours_of_the_team_decide_between_page_and_ticket(live: Live) -> None:
    """Tier 2 of a closed team is a ticket, of an open one a page; tier 1 pages, tier 3 does not."""
    live.fire("night-shop", "HttpServiceFailing", tier=2, team="closed")
    live.fire("day-shop", "HttpServiceFailing", tier=2, team="open")
    live.fire("till", "HttpServiceFailing", tier=1, team="closed")
    live.fire("flyer", "HttpServiceFailing", tier=3, team="open")
    for path, services in {PAGE: ("day-shop", "till"), TICKET: ("night-shop", "flyer")}.items():
        for service in services:
            live.arrives(path, service, "HttpServiceFailing")
    live.settle()
    pages, tickets = (
        {service for service, name in live.caught.alerts(path) if name != "Last"} for path in (PAGE, TICKET)
    )
    assert ({"day-shop", "till"}, {"night-shop", "flyer"}) == (pages, tickets)


def test_the_heartbeat_reaches_the_dead_man_s_switch_and_no_team(live: Live) -> None:
    """And the inbox."""
    live.fire("seawall", "Watchdog", tier=1)
    live.arrives("/beat", "seawall", "Watchdog")
    live.arrives(INBOX, "seawall", "Watchdog")
    live.settle()
    assert ("seawall", "Watchdog") not in live.caught.alerts(PAGE) + live.caught.alerts(TICKET)


def test_a_chat_message_names_the_runbook(live: Live) -> None:
    """Through Alertmanager's own integration, its secret read from a file."""
    live.fire("forum", "HttpServiceFailing", tier=1, team="chatty")
    until(lambda: any(at == "/slack" for at, _ in live.caught.bodies))
    message = next(body for at, body in live.caught.bodies if at == "/slack")["attachments"][0]
    assert message["title"] == "[FIRING:1] forum HttpServiceFailing"
    assert "Runbook: http://localhost:8800/runbooks/forum/HttpServiceFailing" in message["text"].splitlines()
