"""What goes wrong with MySQL for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from typing import Final

import pymysql
import pytest
from mysql import WAITING_FOR_A_TABLE, MysqlServer, StartMysql
from servers import answers, eventually, free_port, get, process, serving

from seawall.generator import Addresses, load_packs

from .test_alerts_fire import AT_ONCE, FLAGS, Prometheus, write_quick

pytestmark = pytest.mark.e2e

# Ages that nobody wants to wait for; counters that a test moves for some seconds are read over as many.
MOVED: Final = dict.fromkeys(("MysqlLongTransaction", "MysqlReplicationLag"), f"above: 2, {AT_ONCE}")
QUICK: Final = ("[5m]", "[10s]")
LIMIT: Final = 50  # connections; root may open one more


@dataclass(frozen=True)
class Pair:
    """What is watched."""

    prometheus: Prometheus
    source: MysqlServer
    replica: MysqlServer

    def of(self, severity: str) -> set[tuple[str, str]]:
        """Return (service, alert) of what fires or begins to, by its severity."""
        found = [each["labels"] for each in self.prometheus.ask("alerts")["alerts"]]
        told = {(each["service"], each["alertname"]) for each in found if each["severity"] == severity}
        return told - {("seawall", "Watchdog")}

    def fires(self, service: str, alert: str) -> None:
        """Wait until *alert* fires."""
        eventually(lambda: (service, alert) in self.prometheus.alerts("firing"), 60)

    def resolves(self, service: str, alert: str) -> None:
        """Wait until *alert* is over."""
        eventually(lambda: (service, alert) not in self.prometheus.alerts("pending", "firing"), 60)


def catalog_of(servers: dict[str, MysqlServer]) -> str:
    """Return the catalog: every alert of the services fires at once, where it is not moved further."""
    names = [name for name in load_packs().alert_names("mysql") if not name.startswith(("Slo", "ServiceTraffic"))]
    moved = ", ".join(f"{name}: {{{MOVED.get(name, AT_ONCE)}, reason: a test}}" for name in names)
    lines = [f"  {name}: {{kind: mysql, team: ops, url: '{each.url}', alerts: {{{moved}}}}}" for name, each in servers.items()]  # fmt: skip
    return "\n".join(["seawall: 1", "teams: {ops: {}}", "services:", *lines])


@pytest.fixture(scope="module")
def pair(start_mysql: StartMysql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Return a source, its replica, and Prometheus over both."""
    folder = tmp_path_factory.mktemp("pair")
    source, replica = start_mysql("--log-bin=log"), start_mysql("--server-id=2", "--slave-net-timeout=5")
    source.run("CREATE DATABASE shop", "CREATE TABLE shop.orders (id int PRIMARY KEY, what text)")
    replica.follow(source)
    catalog, port = folder / "catalog.yaml", free_port()
    catalog.write_text(catalog_of({"source": source, "replica": replica}))
    with ExitStack() as stack:
        exporter = stack.enter_context(serving(catalog))
        address = urllib.parse.urlsplit(exporter.url).netloc
        write_quick(catalog, folder, Addresses(prometheus=f"127.0.0.1:{port}", exporter=address))
        for rules in (folder / "prometheus/rules").glob("*.yml"):
            rules.write_text(rules.read_text().replace(*QUICK))
        stack.enter_context(process("prometheus", f"--web.listen-address=127.0.0.1:{port}", *FLAGS, cwd=folder))
        prometheus = Prometheus(f"http://127.0.0.1:{port}")
        eventually(lambda: answers(f"{prometheus.url}/-/ready"), 60)
        assert 2 == len(json.loads(get(f"{exporter.url}targets")))
        yield Pair(prometheus, source, replica)


def test_all_is_quiet_while_all_is_well(pair: Pair) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    prometheus = pair.prometheus
    eventually(lambda: prometheus.value("min(count_over_time(mysql_up[5m]))") >= 4, 60)
    eventually(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), 60)
    assert [] == [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    assert 2 == prometheus.value("count(mysql_up == 1)")
    assert {("seawall", "Watchdog")} == prometheus.alerts("pending", "firing")


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
        pair.fires("source", "MysqlLockWaits")
        pair.fires("source", "MysqlLongTransaction")
        assert [set(), {"source"}] == [pair.of("page"), {service for service, _ in pair.of("ticket")}]
    pair.resolves("source", "MysqlLockWaits")
    pair.resolves("source", "MysqlLongTransaction")


def test_a_replica_that_lags_is_a_ticket_of_the_replica(pair: Pair) -> None:
    """Somebody holds the row there that the source changed; the source is well."""
    pair.source.run("INSERT INTO shop.orders VALUES (1, 'x')")
    eventually(lambda: pair.replica.ask("SELECT COUNT(*) FROM shop.orders") == 1, 60)
    with pair.replica.connect("shop") as holder:
        holder.begin()
        holder.cursor().execute("SELECT id FROM orders WHERE id = 1 FOR UPDATE")
        pair.source.run("UPDATE shop.orders SET what = 'y' WHERE id = 1")
        pair.fires("replica", "MysqlReplicationLag")
        assert [set(), {"replica"}] == [pair.of("page"), {service for service, _ in pair.of("ticket")}]
        holder.rollback()
    pair.resolves("replica", "MysqlReplicationLag")
    pair.resolves("replica", "MysqlLongTransaction")


def test_a_replica_that_cannot_apply_a_change_is_a_ticket_until_it_is_mended(pair: Pair) -> None:
    """Somebody wrote to it. Its lag is unknown from then on, and so is told by nothing else."""
    pair.replica.run("INSERT INTO shop.orders VALUES (2, 'written to the replica')")
    pair.source.run("INSERT INTO shop.orders VALUES (2, 'x')")
    pair.fires("replica", "MysqlReplicationStopped")
    assert [set(), {("replica", "MysqlReplicationStopped")}] == [pair.of("page"), pair.of("ticket")]
    assert 1062 == pair.prometheus.value("mysql_slave_status_last_sql_errno")
    pair.replica.run("SET sql_log_bin = 0", "DELETE FROM shop.orders WHERE id = 2", "START SLAVE")
    pair.resolves("replica", "MysqlReplicationStopped")


def test_connections_near_the_limit_page_and_so_do_refused_ones(pair: Pair) -> None:
    """The exporter's own connection is kept, so that it goes on telling."""
    with ExitStack() as stack:
        while pair.source.status("Threads_connected") < 0.87 * LIMIT:
            stack.enter_context(pair.source.connect())
        pair.fires("source", "MysqlConnectionsNearLimit")
        assert [{("source", "MysqlConnectionsNearLimit")}, set()] == [pair.of("page"), pair.of("ticket")]

        def knock() -> bool:
            with suppress(pymysql.err.OperationalError):
                for _ in range(LIMIT):
                    stack.enter_context(pair.source.connect())
            return ("source", "MysqlConnectionsRefused") in pair.prometheus.alerts("firing")

        eventually(knock, 60)
        assert 1 == pair.prometheus.value('mysql_up{job="source"}')
        assert {"MysqlConnectionsNearLimit", "MysqlConnectionsRefused"} == {alert for _, alert in pair.of("page")}
    pair.resolves("source", "MysqlConnectionsRefused")
    pair.resolves("source", "MysqlConnectionsNearLimit")


def test_a_source_that_is_stopped_pages_once(pair: Pair) -> None:
    """Its replica tells that it receives nothing, as a ticket; all is over once it runs again."""
    pair.source.stop()
    pair.fires("source", "ServiceDown")
    pair.fires("replica", "MysqlReplicationStopped")
    assert [{("source", "ServiceDown")}, {("replica", "MysqlReplicationStopped")}] == [
        pair.of("page"),
        pair.of("ticket"),
    ]
    pair.source.start()
    pair.resolves("source", "ServiceDown")
    pair.resolves("replica", "MysqlReplicationStopped")
