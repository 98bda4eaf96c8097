"""What goes wrong with MySQL for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from typing import Final

import pymysql
import pytest
from mysql import WAITING_FOR_A_TABLE, MysqlServer, StartMysql
from servers import eventually

from .watching import Prometheus, catalog_of_kind, watching

pytestmark = pytest.mark.e2e

# Ages that nobody wants to wait for; counters that a test moves for some seconds are read over as many.
MOVED: Final = {name: {"above": 2} for name in ("MysqlLongTransaction", "MysqlReplicationLag")}
QUICK: Final = {"[5m]": "[10s]"}
LIMIT: Final = 50  # connections; root may open one more


@dataclass(frozen=True)
class Pair:
    """What is watched."""

    prometheus: Prometheus
    source: MysqlServer
    replica: MysqlServer


@pytest.fixture(scope="module")
def pair(start_mysql: StartMysql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Return a source, its replica, and Prometheus over both."""
    source, replica = start_mysql("--log-bin=log"), start_mysql("--server-id=2", "--slave-net-timeout=5")
    source.run("CREATE DATABASE shop", "CREATE TABLE shop.orders (id int PRIMARY KEY, what text)")
    replica.follow(source)
    catalog = catalog_of_kind("mysql", {"source": source.url, "replica": replica.url}, MOVED)
    with watching(tmp_path_factory.mktemp("pair"), catalog, QUICK) as prometheus:
        yield Pair(prometheus, source, replica)


def test_all_is_quiet_while_all_is_well(pair: Pair) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    pair.prometheus.knows("mysql_up", 2)
    assert set() == pair.prometheus.active()


@contextmanager
def held(server: MysqlServer, waiters: int) -> Iterator[None]:
    """Read a table in a transaction that then does nothing, while a migration and *waiters* wait for it."""
    with server.connect("shop") as holder:
        holder.begin()
        holder.cursor().execute("SELECT id FROM orders")
        threads = [Thread(target=server.run, args=("ALTER TABLE shop.orders FORCE",))]
        threads += [Thread(target=server.run, args=("SELECT id FROM shop.orders",)) for _ in range(waiters)]
        for count, thread in enumerate(threads, 1):
            thread.start()
            eventually(lambda count=count: server.ask(WAITING_FOR_A_TABLE) == count, 60)  # type: ignore[misc]
        try:
            yield
        finally:
            holder.rollback()
            for thread in threads:
                thread.join(60)


def test_a_migration_behind_an_open_transaction_is_told_with_those_who_wait(pair: Pair) -> None:
    """Tickets of the cause and of the convoy, no page, and both are over with the transaction."""
    with held(pair.source, 7):
        pair.prometheus.fires("source", "MysqlLockWaits")
        pair.prometheus.fires("source", "MysqlLongTransaction")
        assert [set(), {"source"}] == [
            pair.prometheus.active("page"),
            {service for service, _ in pair.prometheus.active("ticket")},
        ]
    pair.prometheus.resolves("source", "MysqlLockWaits")
    pair.prometheus.resolves("source", "MysqlLongTransaction")


def test_a_replica_that_lags_is_a_ticket_of_the_replica(pair: Pair) -> None:
    """Somebody holds the row there that the source changed; the source is well."""
    pair.source.run("INSERT INTO shop.orders VALUES (1, 'x')")
    eventually(lambda: pair.replica.ask("SELECT COUNT(*) FROM shop.orders") == 1, 60)
    with pair.replica.connect("shop") as holder:
        holder.begin()
        holder.cursor().execute("SELECT id FROM orders WHERE id = 1 FOR UPDATE")
        pair.source.run("UPDATE shop.orders SET what = 'y' WHERE id = 1")
        pair.prometheus.fires("replica", "MysqlReplicationLag")
        assert [set(), {"replica"}] == [
            pair.prometheus.active("page"),
            {service for service, _ in pair.prometheus.active("ticket")},
        ]
        holder.rollback()
    pair.prometheus.resolves("replica", "MysqlReplicationLag")
    pair.prometheus.resolves("replica", "MysqlLongTransaction")


def test_a_replica_that_cannot_apply_a_change_is_a_ticket_until_it_is_mended(pair: Pair) -> None:
    """Somebody wrote to it. Its lag is unknown from then on, and so is told by nothing else."""
    pair.replica.run("INSERT INTO shop.orders VALUES (2, 'written to the replica')")
    pair.source.run("INSERT INTO shop.orders VALUES (2, 'x')")
    pair.prometheus.fires("replica", "MysqlReplicationStopped")
    assert [set(), {("replica", "MysqlReplicationStopped")}] == [
        pair.prometheus.active("page"),
        pair.prometheus.active("ticket"),
    ]
    assert 1062 == pair.prometheus.value("mysql_slave_status_last_sql_errno")
    pair.replica.run("SET sql_log_bin = 0", "DELETE FROM shop.orders WHERE id = 2", "START SLAVE")
    pair.prometheus.resolves("replica", "MysqlReplicationStopped")


def test_connections_near_the_limit_page_and_so_do_refused_ones(pair: Pair) -> None:
    """The exporter's own connection is kept, so that it goes on telling."""
    with ExitStack() as stack:
        while pair.source.status("Threads_connected") < 0.87 * LIMIT:
            stack.enter_context(pair.source.connect())
        pair.prometheus.fires("source", "MysqlConnectionsNearLimit")
        assert [{("source", "MysqlConnectionsNearLimit")}, set()] == [
            pair.prometheus.active("page"),
            pair.prometheus.active("ticket"),
        ]

        def knock() -> None:
            with suppress(pymysql.err.OperationalError):
                for _ in range(LIMIT):
                    stack.enter_context(pair.source.connect())

        pair.prometheus.fires("source", "MysqlConnectionsRefused", meanwhile=knock)
        assert 1 == pair.prometheus.value('mysql_up{job="source"}')
        assert {"MysqlConnectionsNearLimit", "MysqlConnectionsRefused"} == {
            alert for _, alert in pair.prometheus.active("page")
        }
    pair.prometheus.resolves("source", "MysqlConnectionsRefused")
    pair.prometheus.resolves("source", "MysqlConnectionsNearLimit")


def test_a_source_that_is_stopped_pages_once(pair: Pair) -> None:
    """Its replica tells that it receives nothing, as a ticket; all is over once it runs again."""
    pair.source.stop()
    pair.prometheus.fires("source", "ServiceDown")
    pair.prometheus.fires("replica", "MysqlReplicationStopped")
    assert [{("source", "ServiceDown")}, {("replica", "MysqlReplicationStopped")}] == [
        pair.prometheus.active("page"),
        pair.prometheus.active("ticket"),
    ]
    pair.source.start()
    pair.prometheus.resolves("source", "ServiceDown")
    pair.prometheus.resolves("replica", "MysqlReplicationStopped")
