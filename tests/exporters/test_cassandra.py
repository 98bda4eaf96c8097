"""The cassandra collector on a real node, beside jmx_exporter in the same node, by rights and passwords, and the runbooks' commands."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from cassandra import ROLES, CassandraNode, StartCassandra, documented_rules
from scrapes import queries
from servers import RunningExporter, Scrape, StartExporter, eventually, get, parse

from seawall.exporters import inventory
from seawall.exporters.cassandra_tables import COORDINATOR

pytestmark = pytest.mark.e2e

ROOT: Final = Path(__file__).parents[2]
OURS: Final = ("seawall_", "cassandra_up")
# What one node by itself does not have: peers, hints for them, and compactions that take so long that they are seen.
OF_PEERS: Final = (
    "cassandra_endpoint_",
    "seawall_cassandra_hint",
    "seawall_cassandra_oldest",
    "seawall_cassandra_inbound",
)
OF_WORK: Final = "seawall_cassandra_sstable_tasks"
# JMX alone has them (docs/decisions/0022-cassandra-by-virtual-tables.md).
OF_JMX: Final = {
    "cassandra_client_request_timeouts_total",
    "cassandra_client_request_unavailable_exceptions_total",
    "cassandra_down_endpoint_count",
    "cassandra_dropped_messages_total",
    "cassandra_table_estimated_pending_compactions",
}
TABLES: Final = (
    "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE shop.orders (customer int, id int, note text, PRIMARY KEY (customer, id))",
)
# Runs each line of its input as nodetool would, in one JVM, and says how each ended.
NODETOOL: Final = """
import java.io.*;
import org.apache.cassandra.tools.*;

public class Nodetool implements INodeProbeFactory {
    public NodeProbe create(String host, int port) throws IOException {
        return new NodeProbe(host, port);
    }

    public NodeProbe create(String host, int port, String user, String password) throws IOException {
        return new NodeProbe(host, port, user, password);
    }

    public static void main(String[] words) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            ByteArrayOutputStream said = new ByteArrayOutputStream();
            PrintStream into = new PrintStream(said);
            System.setOut(into);
            System.setErr(into);
            int code = new NodeTool(new Nodetool(), new Output(into, into)).execute((words[0] + line).split(" "));
            System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.out)));
            System.out.println(code + "|" + line + "|" + (code == 0 ? "" : said.toString().replace('\\n', ' ')));
        }
        System.exit(0);
    }
}
"""
# Not for a node alone, or for one that is to go on, and why.
NOT_RUN: Final = {
    "removenode HOST_ID": "there is no other",
    "repair -pr": "it ends in an error where nothing has a second replica",
    "resetlocalschema": "there is nobody to fetch it from",
}


@dataclass(frozen=True)
class Used:
    """A node that was used, and its exporter."""

    node: CassandraNode
    exporter: RunningExporter

    def probe(self, name: str) -> Scrape:
        """Return what is told of it as one of its roles."""
        return self.exporter.scrape(f"/probe?service={name}")


@pytest.fixture(scope="module")
def used(start_cassandra: StartCassandra, start_exporter: StartExporter, tmp_path_factory: pytest.TempPathFactory) -> Used:  # fmt: skip
    """Return a node with rows, deleted ones among them, whose partition is larger than a MiB."""
    text = (ROOT / "docs/how-to/watch-cassandra.md").read_text()
    rules = documented_rules(tmp_path_factory.mktemp("rules"))
    node = start_cassandra(*ROLES, "native_transport_max_concurrent_connections: 40", rules=rules)
    eventually(lambda: node.answers(), 60)
    (grant,) = re.findall(r"GRANT .*(?=;)", text)
    roles = [f"CREATE ROLE {name} WITH PASSWORD = 'hunter2' AND LOGIN = true" for name in ("seawall", "nobody")]
    notes = [f"INSERT INTO shop.orders (customer, id, note) VALUES (1, {at}, '{'x' * 60_000}')" for at in range(30)]
    gone = [f"DELETE FROM shop.orders WHERE customer = 1 AND id = {at}" for at in range(20)]
    node.run(*TABLES, *roles, grant, *notes, *gone)
    for _ in range(10):
        assert [[{"count": 10}]] == node.ask("SELECT count(*) FROM shop.orders WHERE customer = 1")
    at = f"127.0.0.1:{node.port}"
    urls = {
        "all": f"cassandra://cassandra:${{SUPER}}@{at}",
        "reader": f"cassandra://seawall:${{GOOD}}@{at}",
        "nobody": f"cassandra://nobody:${{GOOD}}@{at}",
        "wrong": f"cassandra://seawall:${{BAD}}@{at}",
        "none": node.url,
    }
    exporter = start_exporter(urls, {"SUPER": "cassandra", "GOOD": "hunter2", "BAD": "wrong-secret"})
    return Used(node, exporter)


def shared(scrape: Scrape) -> set[str]:
    """Return the names that are not Seawall's own."""
    return {name for name in scrape if not name.startswith(OURS)}


def test_names_labels_and_values_are_those_of_jmx(used: Used) -> None:
    """Of all that the rules of the documents write, where the two are asked while nothing goes on."""
    theirs, ours = parse(get(f"http://127.0.0.1:{used.node.agent}/metrics")), used.probe("all")
    written = {name for name in theirs if name.startswith("cassandra_")}
    assert OF_JMX == written - shared(ours)

    differing = {}
    for name in sorted(written & shared(ours)):
        said = {key: each for (_, key), each in theirs[name].samples.items()}
        told = {key: each for (_, key), each in ours[name].samples.items()}
        for labels, each in told.items():
            if dict(labels).get("keyspace", "").startswith("system"):
                continue  # the questions are there too
            of = next((value for key, value in said.items() if labels <= key), None)
            if of is not None and not close(name, each, of, dict(labels)):
                differing[name, labels] = (each, of)
    assert {} == differing
    orders = {("keyspace", "shop"), ("table", "orders")}
    for name in ("coordinator_latency_seconds", "tombstones_scanned", "disk_space_bytes"):
        assert any(orders <= labels for labels in ours[f"cassandra_table_{name}"].label_sets & _plain(theirs, name))


def _plain(theirs: Scrape, name: str) -> set[frozenset[tuple[str, str]]]:
    return theirs[f"cassandra_table_{name}"].label_sets


def close(name: str, ours: float, theirs: float, labels: dict[str, str]) -> bool:
    """Whether two looks at the same thing, one after the other, agree, as exactly as virtual tables are."""
    if name.endswith("_bytes") and "table" in labels:
        return 0 <= ours - theirs < 2**20  # whole MiB, rounded up
    if name.endswith("_latency_seconds"):
        return abs(ours - theirs) <= 0.0011  # whole milliseconds
    if labels.get("pool") or "cache" in labels:
        return abs(ours - theirs) <= 200  # what the questions themselves take
    return abs(ours - theirs) <= (2 if "connections" in name else 0)


def test_what_was_done_is_seen(used: Used) -> None:
    """Deleted cells that reads met, a partition of more than a MiB, the limit of connections, the version."""
    scrape = used.probe("reader")
    orders = {"keyspace": "shop", "table": "orders"}

    def of(name: str, **labels: str) -> float:
        (found,) = [each for (_, has), each in scrape[name].samples.items() if labels.items() <= dict(has).items()]
        return found

    assert 20 <= of("cassandra_table_tombstones_scanned", quantile="0.99", **orders) < 26
    assert 10 == of("cassandra_table_coordinator_latency_seconds_count", operation="read", **orders)
    assert 50 == of("cassandra_table_coordinator_latency_seconds_count", operation="write", **orders)
    assert 40 == of("seawall_cassandra_native_connections_limit")
    assert 1 == of("seawall_cassandra_schema_versions")
    assert 1 == of("seawall_cassandra_info", cluster="test", datacenter="datacenter1", rack="rack1")
    assert {0.0} != {each for (_, has), each in scrape[COORDINATOR[0].name].samples.items() if orders.items() <= dict(has).items()}  # fmt: skip


def test_all_that_is_declared_is_seen(used: Used) -> None:
    """But for what takes more than one node, or a long compaction; tests/packs/test_cassandra_fires.py has two."""
    seen = {name for name, family in used.probe("all").items() if family.samples}
    lacking = {info.name for info in inventory()["cassandra"]} - seen

    assert [] == [name for name in lacking if not name.startswith((*OF_PEERS, OF_WORK))]


def test_a_role_with_the_documented_right_sees_all_that_there_is(used: Used) -> None:
    """As does whoever may do everything."""
    assert {name: family.label_sets for name, family in used.probe("all").items() if not name.endswith("_tasks")} == {
        name: family.label_sets for name, family in used.probe("reader").items() if not name.endswith("_tasks")
    }
    assert {1.0} == set(used.probe("reader")["seawall_probe_query_success"].samples.values())


def test_without_the_right_its_families_are_missing_alone_and_told(used: Used) -> None:
    """What any role may read is there."""
    scrape = used.probe("nobody")
    told = queries(scrape)

    assert {"local", "peers_v2"} == {query for query, each in told.items() if each}
    assert {"seawall_cassandra_info", "seawall_cassandra_schema_versions", "cassandra_up"} == {name for name in scrape if "cassandra" in name}  # fmt: skip


def test_a_wrong_password_and_none_are_told_without_showing_any(used: Used, caplog: pytest.LogCaptureFixture) -> None:
    """And with what to do."""
    assert [0, 0] == [sum(used.probe(name)["cassandra_up"].samples.values()) for name in ("wrong", "none")]
    assert "the server does not let this user in" in caplog.text
    assert "write cassandra://user:${VARIABLE}@host:9042" in caplog.text
    assert not any(secret in caplog.text for secret in ("wrong-secret", "hunter2"))


def test_the_runbooks_commands_run(used: Used, tmp_path: Path) -> None:
    """Each of nodetool's, on a node whose names stand in for the runbook's."""
    runbook = (ROOT / "runbooks/cassandra.md.j2").read_text()
    commands = {each for each in re.findall(r"`nodetool ([^`]*)`", runbook) if not each.startswith("-u ")}
    assert NOT_RUN.keys() < commands
    lines = [each.replace("KEYSPACE", "shop").replace("TABLE", "orders") for each in sorted(commands - NOT_RUN.keys())]
    program = tmp_path / "Nodetool.java"
    program.write_text(NODETOOL)
    done = used.node.java(program, f"-h 127.0.0.1 -p {used.node.jmx} ", told=lines)
    ended = dict(reversed(line.split("|")[:2]) for line in done.stdout.splitlines() if line.count("|") >= 2)

    assert dict.fromkeys(lines, "0") == ended, done.stdout + done.stderr
    eventually(used.node.answers, 60)  # disablebinary was followed by enablebinary
