"""What goes wrong with PostgreSQL for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Final

import psycopg
import pytest
from postgres import PostgresServer, StartPostgres
from servers import answers, eventually, free_port, get, process, serving

from seawall.generator import Addresses, load_packs

from .test_alerts_fire import AT_ONCE, FLAGS, Prometheus, write_quick

pytestmark = pytest.mark.e2e

# Ages that nobody wants to wait for.
SOONER: Final = dict.fromkeys(
    ("PostgresIdleInTransaction", "PostgresLongTransaction", "PostgresReplicationLag"), f"above: 2, {AT_ONCE}"
)


@dataclass(frozen=True)
class Cluster:
    """What is watched."""

    prometheus: Prometheus
    primary: PostgresServer
    standby: PostgresServer

    def pages(self) -> set[tuple[str, str]]:
        """Return (service, alert) of the pages that fire or begin to."""
        found = [each["labels"] for each in self.prometheus.ask("alerts")["alerts"]]
        return {(each["service"], each["alertname"]) for each in found if each["severity"] == "page"}

    def tickets(self) -> set[tuple[str, str]]:
        """Return (service, alert) of the tickets that fire."""
        return self.prometheus.alerts("firing") - self.pages() - {("seawall", "Watchdog")}

    def resolves(self, service: str, alert: str) -> None:
        """Wait until *alert* is over."""
        eventually(lambda: (service, alert) not in self.prometheus.alerts("pending", "firing"), 30)


def catalog_of(servers: dict[str, PostgresServer]) -> str:
    """Return the catalog: every alert of the services fires at once, where it is not moved further."""
    names = [name for name in load_packs().alert_names("postgres") if not name.startswith(("Slo", "ServiceTraffic"))]
    moved = ", ".join(f"{name}: {{{SOONER.get(name, AT_ONCE)}, reason: a test}}" for name in names)
    lines = ["seawall: 1", "teams: {ops: {}}", "services:"]
    for name, server in servers.items():
        url = server.url_of(server.user)
        lines.append(f"  {name}: {{kind: postgres, team: ops, url: '{url}', alerts: {{{moved}}}}}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def cluster(start_postgres: StartPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a primary, its standby, and Prometheus over both."""
    folder = tmp_path_factory.mktemp("cluster")
    primary = start_postgres()
    primary.run("CREATE TABLE orders (id int)")
    standby = start_postgres(standby_of=primary)
    catalog = folder / "catalog.yaml"
    catalog.write_text(catalog_of({"primary": primary, "standby": standby}))
    port = free_port()
    with ExitStack() as stack:
        exporter = stack.enter_context(serving(catalog))
        address = urllib.parse.urlsplit(exporter.url).netloc
        write_quick(catalog, folder, Addresses(prometheus=f"127.0.0.1:{port}", exporter=address))
        for rules in (folder / "prometheus/rules").glob("*.yml"):  # as quick as the rest
            rules.write_text(rules.read_text().replace("[1d:5m]", "[10m:1s]"))
        stack.enter_context(process("prometheus", f"--web.listen-address=127.0.0.1:{port}", *FLAGS, cwd=folder))
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        eventually(lambda: answers(f"{prometheus.url}/-/ready"), 30)
        assert 2 == len(json.loads(get(f"{exporter.url}targets")))
        yield Cluster(prometheus, primary, standby)


def test_all_is_quiet_while_all_is_well(cluster: Cluster) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    prometheus = cluster.prometheus
    eventually(lambda: prometheus.value('min(count_over_time(pg_up{job=~"primary|standby"}[5m]))') >= 4, 45)
    eventually(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), 30)
    assert [] == [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    assert 2 == prometheus.value("count(pg_up == 1)")
    assert {("seawall", "Watchdog")} == prometheus.alerts("pending", "firing")


@contextmanager
def held(server: PostgresServer, waiters: int) -> Iterator[None]:
    """Hold a table in a transaction that does nothing, while others wait for it."""
    with psycopg.connect(server.url) as holder:
        holder.execute("LOCK TABLE orders")
        threads = [Thread(target=server.run, args=("SELECT * FROM orders",)) for _ in range(waiters)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            holder.rollback()
            for thread in threads:
                thread.join(10)


def test_a_transaction_that_holds_locks_is_told_with_those_who_wait(cluster: Cluster) -> None:
    """Tickets of the cause and of the convoy, no page, and both are over with the transaction."""
    with held(cluster.primary, 7):
        cluster.prometheus.fires("primary", "PostgresLockWaits")
        cluster.prometheus.fires("primary", "PostgresIdleInTransaction")
        assert set() == cluster.pages()
        assert {"primary"} == {service for service, _ in cluster.tickets()}
    for alert in ("PostgresLockWaits", "PostgresIdleInTransaction", "PostgresLongTransaction"):
        cluster.resolves("primary", alert)


def test_a_standby_that_lags_is_a_ticket_of_the_standby(cluster: Cluster) -> None:
    """It receives, and replays nothing; the primary is well."""
    cluster.standby.run("SELECT pg_wal_replay_pause()")
    cluster.primary.run("INSERT INTO orders SELECT generate_series(1, 1000)")
    cluster.prometheus.fires("standby", "PostgresReplicationLag")
    assert [set(), {("standby", "PostgresReplicationLag")}] == [cluster.pages(), cluster.tickets()]
    cluster.standby.run("SELECT pg_wal_replay_resume()")
    cluster.resolves("standby", "PostgresReplicationLag")


def test_connections_near_the_limit_page(cluster: Cluster) -> None:
    """At 85 % of what applications may open, nothing else is wrong; and the exporter itself is still let in."""
    primary = cluster.primary
    most = primary.ask(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    )
    with ExitStack() as stack:
        for _ in range(int(0.87 * most)):
            stack.enter_context(psycopg.connect(primary.url, autocommit=True))
        cluster.prometheus.fires("primary", "PostgresConnectionsNearLimit")
        assert {("primary", "PostgresConnectionsNearLimit")} == cluster.pages()
        assert set() == cluster.tickets()
    cluster.resolves("primary", "PostgresConnectionsNearLimit")


def test_a_primary_that_is_stopped_pages_once(cluster: Cluster) -> None:
    """The standby tells that it hears nothing, as a ticket, although its lag is 0; all is over once it runs again."""
    cluster.primary.stop()
    cluster.prometheus.fires("primary", "ServiceDown")
    cluster.prometheus.fires("standby", "PostgresStandbyDisconnected")
    assert {("primary", "ServiceDown")} == cluster.pages()
    assert {("standby", "PostgresStandbyDisconnected")} == cluster.tickets()
    assert 0 == cluster.prometheus.value('pg_replication_lag_seconds{job="standby"}')
    cluster.primary.start()
    cluster.resolves("primary", "ServiceDown")
    cluster.resolves("standby", "PostgresStandbyDisconnected")


def test_a_standby_that_is_stopped_is_down_and_is_missed(cluster: Cluster) -> None:
    """Its own probe pages, and its primary misses it."""
    cluster.standby.stop()
    cluster.prometheus.fires("standby", "ServiceDown")
    cluster.prometheus.fires("primary", "PostgresStandbyMissing")
    assert {("standby", "ServiceDown")} == cluster.pages()
    cluster.standby.start()
    cluster.resolves("standby", "ServiceDown")
    cluster.resolves("primary", "PostgresStandbyMissing")
