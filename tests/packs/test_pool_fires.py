"""What goes wrong with connection pools for real, in a real Prometheus: the right alert fires, nothing else pages."""

import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest
from pools import PoolApplication, pool_application
from postgres import StartPostgres
from servers import answers, eventually, free_port, process, serving

from seawall.generator import Addresses, load_packs

from .test_alerts_fire import AT_ONCE, FLAGS, Prometheus, write_quick

pytestmark = pytest.mark.e2e

# What is read over minutes is read over seconds here.
QUICK: Final = {"[2m]": "[4s]", "[5m]": "[8s]", "[30m]": "[8s]"}
POOL: Final = 'db_client_connection_pool_name="orders"'
CATALOG: Final = """
seawall: 1
teams: {{ops: {{}}}}
services:
  orders: {{kind: http, team: ops, targets: ["127.0.0.1:{port}"]}}
  orders-pool: {{kind: pool, team: ops, part_of: orders, alerts: {{{alerts}}}}}
"""


@dataclass(frozen=True)
class Pools:
    """An application with two pools, and Prometheus over it."""

    application: PoolApplication
    prometheus: Prometheus

    def firing(self, severity: str) -> set[tuple[str, str]]:
        """Return (service, alert) of those of *severity* that fire."""
        found = [each["labels"] for each in self.prometheus.ask("alerts")["alerts"] if each["state"] == "firing"]
        return {(each["service"], each["alertname"]) for each in found if each["severity"] == severity}

    def mended(self) -> None:
        """End the fault, and wait until every alert is over."""
        self.application.suffers("well")
        eventually(lambda: {("seawall", "Watchdog")} == self.prometheus.alerts("pending", "firing"), 60)


@pytest.fixture(scope="module")
def pools(start_postgres: StartPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pools]:
    """Return the application over a real PostgreSQL; every alert of its pools fires at once."""
    folder, port = tmp_path_factory.mktemp("pools"), free_port()
    names = [name for name in load_packs().alert_names("pool") if name.startswith("Pool")]
    alerts = ", ".join(f"{name}: {{{AT_ONCE}, reason: a test}}" for name in names)
    with ExitStack() as stack:
        application = stack.enter_context(pool_application(folder, start_postgres().url))
        catalog = folder / "catalog.yaml"
        catalog.write_text(CATALOG.format(port=application.port, alerts=alerts))
        exporter = urllib.parse.urlsplit(stack.enter_context(serving(catalog)).url).netloc
        write_quick(catalog, folder, Addresses(prometheus=f"127.0.0.1:{port}", exporter=exporter))
        rules = folder / "prometheus/rules/orders-pool.yml"
        for slow, quick in QUICK.items():
            rules.write_text(rules.read_text().replace(slow, quick))
        stack.enter_context(process("prometheus", f"--web.listen-address=127.0.0.1:{port}", *FLAGS, cwd=folder))
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        eventually(lambda: answers(f"{prometheus.url}/-/ready"), 30)
        yield Pools(application, prometheus)


def test_all_is_quiet_while_all_is_well(pools: Pools) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    prometheus = pools.prometheus
    eventually(lambda: prometheus.value(f"min(count_over_time(db_client_connection_max{{{POOL}}}[1m]))") >= 8, 45)
    eventually(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), 30)
    assert [] == [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    assert 2 == prometheus.value(f"db_client_connection_max{{{POOL}}}")
    assert {("seawall", "Watchdog")} == prometheus.alerts("pending", "firing")


def test_a_slow_database_exhausts_the_pool(pools: Pools) -> None:
    """Requests wait, and none fails yet: one page, and tickets of what leads to it."""
    pools.application.suffers("slow database")
    pools.prometheus.fires("orders-pool", "PoolExhausted")
    tickets = {("orders-pool", "PoolNearLimit"), ("orders-pool", "PoolWaitsLong")}
    eventually(lambda: tickets == pools.firing("ticket") - {("seawall", "Watchdog")}, 30)
    assert {("orders-pool", "PoolExhausted")} == pools.firing("page")
    pools.mended()


def test_requests_that_get_no_connection_page(pools: Pools) -> None:
    """The database takes longer than anybody waits for its connections."""
    pools.application.suffers("hopeless database")
    pools.prometheus.fires("orders-pool", "PoolTimeouts")
    assert {("orders-pool", "PoolTimeouts"), ("orders-pool", "PoolExhausted")} >= pools.firing("page")
    pools.mended()


def test_a_connection_that_nobody_gives_back_is_a_ticket(pools: Pools) -> None:
    """Long before the pool runs out."""
    pools.application.suffers("kept connection")
    pools.prometheus.fires("orders-pool", "PoolConnectionsHeld")
    assert set() == pools.firing("page")
    pools.mended()


def test_a_slow_other_side_is_a_ticket_and_a_page_once_requests_fail(pools: Pools) -> None:
    """The pool of the HTTP client has one connection."""
    pools.application.suffers("slow other side")
    pools.prometheus.fires("orders-pool", "PoolHttpRequestsWaiting")
    assert set() == pools.firing("page")
    pools.application.suffers("hopeless other side")
    pools.prometheus.fires("orders-pool", "PoolHttpTimeouts")
    assert {("orders-pool", "PoolHttpTimeouts")} == pools.firing("page")
    pools.mended()
