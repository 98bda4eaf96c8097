"""What goes wrong with Cassandra for real, in a real Prometheus: the right alert fires, nothing else pages, it resolves."""

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest
from cassandra import CassandraNode, StartCassandra, documented_rules
from servers import RunningExporter, Scrape, StartExporter, eventually, exposed, get, parse

from .conftest import Rendered
from .contract import Contract
from .watching import EVERY, Alerts, Prometheus, catalog_of_kind, watching

pytestmark = pytest.mark.e2e

# Rates are read over the seconds that a test goes on.
QUICK: Final = {"[5m]": "[20s]", "[15m]": "[20s]"}
MOVED: Final = {
    "CassandraHintsOld": {"above": 5},
    "CassandraLatencyHigh": {"above": 0.2},
    "CassandraPartitionLarge": {"above": 2_000_000},
    "CassandraTombstonesScanned": {"above": 50},
}
LIMIT: Final = 30  # connections
SETTINGS: Final = ("write_request_timeout: 300ms", f"native_transport_max_concurrent_connections: {LIMIT}")
PATIENCE: Final = 130  # until a node is taken for dead, and until it has what it missed
ALL: Final = 5  # the consistency that every replica must answer for
WRITE_TIMEOUT, UNAVAILABLE = 0x1100, 0x1000


@dataclass(frozen=True)
class Cluster:
    """Two nodes, of which the second can be made to hang, an exporter of the first, and Prometheus over both."""

    prometheus: Prometheus
    exporter: RunningExporter
    one: CassandraNode
    second: subprocess.Popen[bytes]
    scrapes: list[Scrape] = field(default_factory=list)


@pytest.fixture(scope="module")
def cluster(
    start_cassandra: StartCassandra, start_exporter: StartExporter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Return a cluster of two with a table of two replicas; in the first is jmx_exporter, which is looked at now and then."""
    folder = tmp_path_factory.mktemp("cluster")
    one = start_cassandra(*SETTINGS, rules=documented_rules(folder))
    two = start_cassandra(run=False, address="127.0.0.2", storage=one.storage, port=one.port)
    catalog = catalog_of_kind("cassandra", {"one": one.url, "two": two.url}, MOVED)
    with two.running(*SETTINGS, "auto_bootstrap: false") as second:
        one.run(
            "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}",
            "CREATE TABLE shop.orders (customer int, id int, note text, PRIMARY KEY (customer, id)) "
            "WITH memtable_flush_period_in_ms = 1000",
        )
        # Two nodes on one machine may take longer for an answer than half a second.
        with watching(folder, catalog, QUICK, every="2s") as prometheus:
            yield Cluster(prometheus, start_exporter({"one": one.url}), one, second)


def test_all_is_quiet_while_all_is_well(cluster: Cluster) -> None:
    """Every rule is evaluated without an error, and no alert is left once both nodes see each other."""
    cluster.prometheus.knows("cassandra_up", 2)
    cluster.prometheus.has("count(cassandra_endpoint_active == 1)", 2)
    cluster.prometheus.is_quiet()


def test_deleted_cells_and_a_large_partition_are_tickets(cluster: Cluster) -> None:
    """Nobody is paged."""
    rows = [f"INSERT INTO shop.orders (customer, id, note) VALUES (1, {at}, '{'x' * 60_000}')" for at in range(50)]
    gone = [f"DELETE FROM shop.orders WHERE customer = 2 AND id = {at}" for at in range(100)]
    cluster.one.run(*rows, *gone)

    def read() -> None:
        cluster.one.ask("SELECT id FROM shop.orders WHERE customer = 2")

    cluster.prometheus.fires("one", "CassandraTombstonesScanned", "CassandraPartitionLarge", meanwhile=read)
    assert set() == cluster.prometheus.active("page")
    cluster.one.run("TRUNCATE shop.orders")
    cluster.prometheus.is_quiet()


def test_connections_near_the_limit_page(cluster: Cluster) -> None:
    """The exporter's own connection is kept, so that it goes on telling."""
    held = [cluster.one.session() for _ in range(LIMIT - 4)]
    cluster.prometheus.fires("one", "CassandraConnectionsNearLimit")
    assert {("one", "CassandraConnectionsNearLimit")} == cluster.prometheus.firing("page")
    for session in held:
        session.close()
    cluster.prometheus.is_quiet()


def test_a_node_that_hangs_pages_as_clients_see_it_and_is_missed(cluster: Cluster) -> None:
    """First writes that ask for it time out, slowly; then it is taken for dead, and they are refused. JMX counts both."""
    session, codes = cluster.one.session(), set()
    fired: Alerts = set()
    paged: Alerts = set()
    cluster.second.send_signal(signal.SIGSTOP)

    def write() -> Alerts:
        """Return what fired so far."""
        codes.add(session.run("INSERT INTO shop.orders (customer, id, note) VALUES (3, 1, 'a')", ALL))
        fired.update(cluster.prometheus.firing())
        paged.update(cluster.prometheus.firing("page"))
        return fired

    felt = {("two", "ServiceDown"), ("one", "CassandraLatencyHigh")}
    lost = {("one", name) for name in ("CassandraNodeLost", "CassandraHintsOld")}
    eventually(lambda: felt | lost <= write(), PATIENCE, EVERY)
    assert {WRITE_TIMEOUT, UNAVAILABLE} == codes
    assert felt == paged
    cluster.scrapes.append(cluster.exporter.scrape("/probe?service=one"))
    counted = parse(get(f"http://127.0.0.1:{cluster.one.agent}/metrics"))
    writes = frozenset({("operation", "Write")})
    for name in ("timeouts_total", "unavailable_exceptions_total"):
        assert counted[f"cassandra_client_request_{name}"].samples[f"cassandra_client_request_{name}", writes] > 0
    session.close()
    cluster.second.send_signal(signal.SIGCONT)
    eventually(lambda: not cluster.prometheus.active(), PATIENCE, EVERY)


@pytest.mark.parametrize("source", ["seawall", "jmx_exporter"])
def test_every_name_of_the_pack_is_exposed(cluster: Cluster, rendered: Rendered, source: str) -> None:
    """By the collector, and by jmx_exporter with the rules that the documents have."""
    scrapes = {
        "seawall": [*cluster.scrapes, cluster.exporter.scrape("/probe?service=one")],
        "jmx_exporter": [parse(get(f"http://127.0.0.1:{cluster.one.agent}/metrics"))],
    }
    contract = Contract(rendered, "cassandra", source, exposed(scrapes[source]))

    assert [] == sorted(set(contract.breaches(frozenset())))
    assert len(rendered.uses["cassandra"]) > 10
