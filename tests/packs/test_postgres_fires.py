"""What goes wrong with PostgreSQL for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Final

import psycopg
import pytest
from postgres import PostgresServer, StartPostgres

from .watching import Prometheus, catalog_of_kind, watching

pytestmark = pytest.mark.e2e

# Ages that nobody wants to wait for.
OLD: Final = ("PostgresIdleInTransaction", "PostgresLongTransaction", "PostgresReplicationLag")
SOONER: Final = {name: {"above": 2} for name in OLD}
QUICK: Final = {"[1d:5m]": "[10m:1s]"}


@dataclass(frozen=True)
class Cluster:
    """What is watched."""

    prometheus: Prometheus
    primary: PostgresServer
    standby: PostgresServer


@pytest.fixture(scope="module")
def cluster(start_postgres: StartPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a primary, its standby, and Prometheus over both."""
    primary = start_postgres()
    primary.run("CREATE TABLE orders (id int)")
    standby = start_postgres(standby_of=primary)
    urls = {name: each.url_of(each.user) for name, each in (("primary", primary), ("standby", standby))}
    catalog = catalog_of_kind("postgres", urls, SOONER)
    with watching(tmp_path_factory.mktemp("cluster"), catalog, QUICK) as prometheus:
        yield Cluster(prometheus, primary, standby)


def test_all_is_quiet_while_all_is_well(cluster: Cluster) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    cluster.prometheus.knows("pg_up", 2)
    assert set() == cluster.prometheus.active()


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
        assert set() == cluster.prometheus.active("page")
        assert {"primary"} == {service for service, _ in cluster.prometheus.active("ticket")}
    for alert in ("PostgresLockWaits", "PostgresIdleInTransaction", "PostgresLongTransaction"):
        cluster.prometheus.resolves("primary", alert)


def test_a_standby_that_lags_is_a_ticket_of_the_standby(cluster: Cluster) -> None:
    """It receives, and replays nothing; the primary is well."""
    cluster.standby.run("SELECT pg_wal_replay_pause()")
    cluster.primary.run("INSERT INTO orders SELECT generate_series(1, 1000)")
    cluster.prometheus.fires("standby", "PostgresReplicationLag")
    assert [set(), {("standby", "PostgresReplicationLag")}] == [
        cluster.prometheus.active("page"),
        cluster.prometheus.active("ticket"),
    ]
    cluster.standby.run("SELECT pg_wal_replay_resume()")
    cluster.prometheus.resolves("standby", "PostgresReplicationLag")


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
        assert {("primary", "PostgresConnectionsNearLimit")} == cluster.prometheus.active("page")
        assert set() == cluster.prometheus.active("ticket")
    cluster.prometheus.resolves("primary", "PostgresConnectionsNearLimit")


def test_a_primary_that_is_stopped_pages_once(cluster: Cluster) -> None:
    """The standby tells that it hears nothing, as a ticket, although its lag is 0; all is over once it runs again."""
    cluster.primary.stop()
    cluster.prometheus.fires("primary", "ServiceDown")
    cluster.prometheus.fires("standby", "PostgresStandbyDisconnected")
    assert {("primary", "ServiceDown")} == cluster.prometheus.active("page")
    assert {("standby", "PostgresStandbyDisconnected")} == cluster.prometheus.active("ticket")
    assert 0 == cluster.prometheus.value('pg_replication_lag_seconds{job="standby"}')
    cluster.primary.start()
    cluster.prometheus.resolves("primary", "ServiceDown")
    cluster.prometheus.resolves("standby", "PostgresStandbyDisconnected")


def test_a_standby_that_is_stopped_is_down_and_is_missed(cluster: Cluster) -> None:
    """Its own probe pages, and its primary misses it."""
    cluster.standby.stop()
    cluster.prometheus.fires("standby", "ServiceDown")
    cluster.prometheus.fires("primary", "PostgresStandbyMissing")
    assert {("standby", "ServiceDown")} == cluster.prometheus.active("page")
    cluster.standby.start()
    cluster.prometheus.resolves("standby", "ServiceDown")
    cluster.prometheus.resolves("primary", "PostgresStandbyMissing")
