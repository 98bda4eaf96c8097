"""A small catalog, its runbook, a portal over them, and real servers on free ports."""

import asyncio
import contextlib
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from seawall.catalog import Catalog
from seawall.generator.model import Alert, Panel, Query, ServiceView
from seawall.portal.app import create_app
from seawall.portal.settings import Settings
from seawall.portal.store import Store

CATALOG = """
seawall: 1
teams: {payments: {}, data: {}}
services:
  checkout:
    kind: http
    team: payments
    tier: 1
    description: Takes the money.
    depends_on: [orders-db]
    slos: {availability: {objective: 99.9}}
  orders-db: {kind: postgres, team: data, tier: 1}
  storefront: {kind: http, team: payments, depends_on: [checkout]}
campaigns:
  black-friday-2026:
    description: The long weekend.
    from: 2026-11-27T00:00:00
    to: 2026-11-30T23:59:59
    timezone: Europe/Berlin
    expects: {checkout: 6x}
"""

RUNBOOK = """# CheckoutFailing: checkout

What it means: **half of the requests fail**.

## First look

```promql
sum(prometheus_http_requests_total)
```

1. Look at the logs:

   ```sh
   seawall logs checkout
   ```
"""

START = 1_790_000_000.0  # the clock of tests that need none of the real one


def an_alert(**fields: Any) -> Alert:
    """Return an alert on Prometheus' own metrics, with *fields* replaced."""
    query = "sum(rate(prometheus_http_requests_total[1m]))"
    alert = Alert(
        name="CheckoutFailing",
        service="checkout",
        expr=f"{query} > 0.5",
        query=query,
        for_seconds=60.0,
        severity="page",
        labels={"service": "checkout", "severity": "page"},
        annotations={},
        panel="requests",
        runbook="",
        threshold=0.5,
        unit="reqps",
    )
    return replace(alert, **fields)


def views(catalog: Catalog, name: str) -> ServiceView:
    """Return what the generator would: one panel and one alert for each service."""
    query = Query("sum by (handler) (rate(prometheus_http_requests_total[$__rate_interval]))", "{{handler}}")
    panel = Panel("requests", "Requests", "What comes in.", "reqps", (query,), row="Traffic")
    return ServiceView(name, (panel,), (an_alert(service=name, labels={"service": name, "severity": "page"}),))


@dataclass
class Clock:
    """A clock that tests move: seconds since the epoch."""

    seconds: float = START

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Site:
    """A portal under test: its client, its parts and its clock."""

    web: httpx.Client
    store: Store
    settings: Settings
    clock: Clock

    def post(self, payload: Any) -> httpx.Response:
        """Send *payload* as Alertmanager does."""
        return self.web.post("/api/v1/alertmanager", json=payload)

    def alerts(self, **wanted: str) -> list[dict[str, Any]]:
        """Return the alerts of the JSON API."""
        found = self.web.get("/api/v1/alerts", params=wanted).json()["alerts"]
        assert isinstance(found, list)
        return found


def notified(
    alertname: str = "CheckoutFailing",
    service: str = "checkout",
    *,
    status: str = "firing",
    starts_at: str = "2026-09-21T12:00:00Z",
    ends_at: str = "0001-01-01T00:00:00Z",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    fingerprint: str | None = None,
) -> dict[str, Any]:
    """Return one alert of a webhook."""
    return {
        "status": status,
        "labels": {
            "alertname": alertname, "service": service, "team": "payments", "tier": "1", "severity": "page", **(labels or {}),
        },
        "annotations": {"summary": f"{service} fails", **(annotations or {})},
        "startsAt": starts_at,
        "endsAt": ends_at,
        "generatorURL": "",
        "fingerprint": fingerprint or f"{abs(hash((alertname, service))):016x}"[:16],
    }  # fmt: skip


def webhook(*alerts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a webhook of payload version 4 with *alerts*."""
    return {
        "version": "4",
        "status": "firing",
        "receiver": "seawall-portal",
        "truncatedAlerts": 0,
        "alerts": alerts,
        **fields,
    }


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings over a fresh folder; nothing listens at its Prometheus."""
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    runbook = tmp_path / "build" / "runbooks" / "checkout" / "CheckoutFailing.md"
    runbook.parent.mkdir(parents=True)
    runbook.write_text(RUNBOOK)
    return Settings(
        catalog=tmp_path / "catalog.yaml",
        build=tmp_path / "build",
        data=tmp_path / "data",
        prometheus="http://127.0.0.1:1",
        alertmanager="http://127.0.0.1:1",
    )


@pytest.fixture
def open_site(settings: Settings) -> Iterator[Callable[..., contextlib.AbstractContextManager[Site]]]:
    """Return what opens a portal; keyword arguments replace settings."""

    @contextlib.contextmanager
    def opened(clock: Clock | None = None, **changes: Any) -> Iterator[Site]:
        own, ticking = replace(settings, **changes), clock or Clock()
        store = Store(own.database)

        def app(client: httpx.AsyncClient) -> ASGIApp:
            return create_app(own, store=store, views=views, client=client, now=ticking, clock=ticking)

        try:
            with served(app) as url, httpx.Client(base_url=url, trust_env=False) as web:
                yield Site(web, store, own, ticking)
        finally:
            store.close()

    return opened  # type: ignore[return-value]


@pytest.fixture
def site(open_site: Callable[..., contextlib.AbstractContextManager[Site]]) -> Iterator[Site]:
    """A portal whose Prometheus is down and whose clock stands."""
    with open_site() as opened:
        yield opened


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the first true value of *condition*; fail after *seconds*."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if value := condition():
                return value
        time.sleep(0.02)
    raise AssertionError(f"not so within {seconds:g} s")


@contextlib.contextmanager
def running(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run *command* for as long as the context lasts."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def served(make: Callable[[httpx.AsyncClient], ASGIApp]) -> Iterator[str]:
    """Serve what *make* returns by a real uvicorn in a thread; yield its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    servers: list[uvicorn.Server] = []

    async def serve() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            servers.append(uvicorn.Server(uvicorn.Config(make(client), log_level="error")))
            await servers[0].serve(sockets=[listener])

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    try:
        until(lambda: servers and servers[0].started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        servers[0].should_exit = True
        thread.join(10)
        listener.close()


_PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: checkout
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
  - job_name: orders-db
    static_configs: [{{targets: ["127.0.0.1:1"]}}]
"""
_RULES = {
    "groups": [
        {
            "name": "test",
            "rules": [
                {"record": "slo:budget_remaining:ratio", "expr": "vector(0.42)", "labels": {"job": "checkout", "slo": "availability"}},
                {"record": "slo:burn_rate:ratio", "expr": "vector(2.5)", "labels": {"job": "checkout", "slo": "availability", "window": "1h"}},
                {"record": "slo:good:rate5m", "expr": "vector(99)", "labels": {"job": "checkout", "slo": "availability"}},
                {"record": "slo:bad:rate5m", "expr": "vector(1)", "labels": {"job": "checkout", "slo": "availability"}},
                {"alert": "CheckoutFailing", "expr": "vector(1) > 0", "labels": {"service": "checkout", "severity": "page"}},
                {"alert": "CheckoutSlow", "expr": "vector(1) > 0", "for": "1h", "labels": {"service": "checkout", "severity": "ticket"}},
                {"alert": "Watchdog", "expr": "vector(1)", "labels": {"service": "seawall", "severity": "none"}},
            ],
        }
    ]
}  # fmt: skip


@pytest.fixture(scope="session")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that scrapes itself each second, with a few rules."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    (folder / "prometheus.yml").write_text(_PROMETHEUS.format(port=port))
    (folder / "rules.yml").write_text(json.dumps(_RULES))
    command = (
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    )
    url = f"http://127.0.0.1:{port}"
    with running(*command, log=folder / "log"):
        query = {"query": 'ALERTS{alertname="CheckoutFailing"} and on () (count_over_time(up[1m]) >= 3)'}
        until(lambda: httpx.get(f"{url}/api/v1/query", params=query).raise_for_status().json()["data"]["result"])
        yield url
