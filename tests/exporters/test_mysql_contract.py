"""The mysql collector on a real source, its replica and a Galera node, and beside mysqld_exporter where there is one."""

from typing import Final

import pytest
from mysql import RIGHTS, MysqlServer, StartMysql, galera_options, told_by_mysqld_exporter
from scrapes import misdeclared, queries, unseen, value
from servers import RunningExporter, Scrape, StartExporter, eventually

from seawall.exporters.mysql import QUERIES
from seawall.exporters.mysql_innodb import METRICS
from seawall.exporters.mysql_query import Server, number
from seawall.exporters.mysql_replication import REPLICA
from seawall.exporters.mysql_statements import word
from seawall.exporters.mysql_status import STATUS

pytestmark = pytest.mark.e2e

OUR_OWN: Final = ("seawall_probe_",)
# MySQL has these, and Debian has MariaDB: tests of what MySQL answers stand below.
OF_MYSQL: Final = {
    "mysql_global_status_innodb_row_ops_total",
    "mysql_info_schema_innodb_metrics_lock_lock_deadlocks_total",
    *(
        f"mysql_global_variables_{name}"
        for name in ("innodb_log_files_in_group", "innodb_redo_log_capacity", "max_execution_time", "super_read_only")
    ),
}
# Of mysqld_exporter's names; the same reasons stand in docs/reference/exporter.md.
LEFT_OUT: Final = {
    "mysql_global_variables_": "other settings: no rule asks for them, and they are 500 series",
    "mysql_global_status_": "other counters: of features that hardly anybody has, or told by another one",
    "mysql_info_schema_innodb_metrics_": "the status has the same numbers",
    "mysql_info_schema_innodb_cmp": "compressed tables",
    "mysql_info_schema_processlist_processes_by_host": "clients of an autoscaled fleet have no end",
    "mysql_slave_status_": "configuration, and positions that the lag tells",
    "mysql_binlog_file_number": "the files' number and size are there",
    "mysql_galera_variables_info": "configuration",
    "mysql_transaction_isolation": "configuration",
    **dict.fromkeys(("mysql_exporter_", "mysqld_exporter_", "go_", "process_", "promhttp_"), "the exporter itself"),
}
MYSQL: Final = Server({"version": "8.4.3"})
MARIADB: Final = Server({"version": "10.11.6-MariaDB"})


@pytest.fixture(scope="module")
def source(start_mysql: StartMysql) -> MysqlServer:
    """Return a server with a binary log, a table that was used, and statements that were counted."""
    server = start_mysql("--log-bin=log", "--performance-schema=ON", "--general-log", "--log-output=TABLE")
    server.run(
        "CREATE USER monitor@'%' IDENTIFIED BY 'secret'",
        f"GRANT {RIGHTS} ON *.* TO monitor@'%'",
        "GRANT SELECT ON performance_schema.events_statements_summary_by_digest TO monitor@'%'",
        "CREATE DATABASE shop",
        "CREATE TABLE shop.orders (id int PRIMARY KEY, what text)",
        "INSERT INTO shop.orders VALUES (1, 'x'), (2, 'y')",
    )
    server.run("SELECT what FROM orders", database="shop")
    return server


@pytest.fixture(scope="module")
def replica(start_mysql: StartMysql, source: MysqlServer) -> MysqlServer:
    """Return a replica that has caught up."""
    server = start_mysql("--server-id=2")
    server.follow(source)
    eventually(
        lambda: server.ask("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'") == 1, 60
    )
    eventually(lambda: source.status("Slaves_connected") == 1, 60)
    return server


@pytest.fixture(scope="module")
def node(start_mysql: StartMysql) -> MysqlServer:
    """Return the only node of a Galera cluster."""
    return start_mysql(*galera_options())


@pytest.fixture(scope="module")
def exporter(
    start_exporter: StartExporter, source: MysqlServer, replica: MysqlServer, node: MysqlServer
) -> RunningExporter:
    """Return the exporter of all three."""
    urls = {"source": source.url_of("monitor:${P}"), "replica": replica.url, "node": node.url}
    return start_exporter(urls, {"P": "secret"})


@pytest.fixture(scope="module")
def scrapes(exporter: RunningExporter) -> dict[str, Scrape]:
    """Return a scrape of each."""
    return {name: exporter.scrape(f"/probe?service={name}") for name in ("source", "replica", "node")}


def test_every_declared_family_is_seen_of_one_server_or_another(scrapes: dict[str, Scrape]) -> None:
    """The inventory holds no name that no real server has."""
    assert OF_MYSQL == unseen("mysql", scrapes.values())


def test_the_declaration_says_the_name_type_and_labels_of_what_is_exposed(scrapes: dict[str, Scrape]) -> None:
    """The inventory is true of a real scrape."""
    assert [] == misdeclared("mysql", scrapes.values())


def test_every_query_has_its_answer(scrapes: dict[str, Scrape]) -> None:
    """With the documented rights on the source; where there is no binary log, none is asked for."""
    assert {1.0} == {one for scrape in scrapes.values() for one in queries(scrape).values()}
    assert {query.name for query in QUERIES} | {"global_variables"} == queries(scrapes["source"]).keys()
    assert {"binlog_size", "eventsstatements"} == {query.name for query in QUERIES} - queries(scrapes["replica"]).keys()


def test_the_numbers_are_the_servers(scrapes: dict[str, Scrape], source: MysqlServer) -> None:
    """Settings, who follows whom, what the statements did, and a cluster of one."""
    primary, replica, node = scrapes["source"], scrapes["replica"], scrapes["node"]
    assert [50, 16 * 2**20, 1, 2] == [
        value(primary, "mysql_global_variables_max_connections"),
        value(primary, "mysql_global_variables_innodb_buffer_pool_size"),
        value(primary, "mysql_global_variables_log_bin"),
        value(replica, "mysql_global_variables_server_id"),
    ]
    assert 1 == value(primary, "mysql_global_status_slaves_connected")
    assert [1, 1, 0] == [
        value(replica, f"mysql_slave_status_{name}", master_host="127.0.0.1")
        for name in ("slave_io_running", "slave_sql_running", "seconds_behind_master")
    ]
    assert not [name for name in primary if name.startswith("mysql_slave_status_")]
    selected = "SELECT `what` FROM `orders` "
    assert 1 == value(primary, "mysql_perf_schema_events_statements_total", digest_text=selected, schema="shop")
    assert value(primary, "mysql_info_schema_innodb_tablespace_file_size_bytes", tablespace_name="shop/orders") > 1e4
    assert [1, 1, 4] == [
        value(node, f"mysql_global_status_wsrep_{name}") for name in ("ready", "cluster_size", "local_state")
    ]
    assert [0, 0] == [value(each, "mysql_global_variables_wsrep_on") for each in (primary, replica)]


def test_a_session_is_kept_reads_alone_and_its_statements_end(exporter: RunningExporter, source: MysqlServer) -> None:
    """The settings are those of its session: seen by the server's own list of them."""
    exporter.scrape("/probe?service=source")
    mine = "SELECT id, command FROM information_schema.processlist WHERE user = 'monitor'"
    before = source.run(mine)
    exporter.scrape("/probe?service=source")
    assert [(before[0][0], "Sleep")] == source.run(mine) == before
    said = [row[0] for row in source.run("SELECT argument FROM mysql.general_log WHERE user_host LIKE 'monitor%'")]
    once = {each for each in said if each.startswith("SET SESSION")}
    assert {"SET SESSION TRANSACTION READ ONLY", "SET SESSION max_statement_time = 2.000"} <= once
    assert {1} == {said.count(each) for each in once}


def test_an_open_transaction_is_told_by_what_it_does(exporter: RunningExporter, source: MysqlServer) -> None:
    """One that holds a row and does nothing, one that waits for it; then none."""
    states = ("idle", "running", "waiting")

    def told(*expected: float) -> bool:
        found.append(exporter.scrape("/probe?service=source"))
        return [value(found[-1], "seawall_mysql_transactions", state=state) for state in states] == list(expected)

    found: list[Scrape] = []
    with source.connect("shop") as holder, source.connect("shop") as waiter:
        holder.begin()
        holder.cursor().execute("UPDATE orders SET what = 'z' WHERE id = 1")
        waiter._execute_command(3, "UPDATE orders SET what = 'a' WHERE id = 1")  # and does not wait for its answer
        eventually(lambda: told(1, 0, 1))  # InnoDB itself keeps this list for a tenth of a second
        assert 1 == value(found[-1], "mysql_global_status_innodb_row_lock_current_waits")
        holder.rollback()
        waiter._read_query_result()
    eventually(lambda: told(0, 0, 0))
    assert 0 == value(found[-1], "seawall_mysql_oldest_transaction_age_seconds", state="waiting")


def test_what_mysql_answers_has_its_names() -> None:
    """Its rows of InnoDB, and its count of deadlocks, which is a counter there."""
    status = [{"variable_name": "Innodb_rows_read", "value": "7"}, {"variable_name": "Com_select", "value": "3"}]
    found = {sample.name: sample for family in STATUS.read(status) for sample in family.samples}
    assert ({"operation": "read"}, 7) == (
        found["mysql_global_status_innodb_row_ops_total"].labels,
        found["mysql_global_status_innodb_row_ops_total"].value,
    )
    rows = [{"name": "lock_deadlocks", "type": "counter", "count": "5"}]
    assert {"mysql_info_schema_innodb_metrics_lock_lock_deadlocks_total": 5} == {
        sample.name: sample.value for family in METRICS.read(rows) for sample in family.samples
    }


def test_a_replica_of_mysql_8_has_the_older_names() -> None:
    """It says replica and source; its labels are those of channels."""
    row = {
        "replica_io_running": "Connecting",
        "replica_sql_running": "Yes",
        "seconds_behind_source": None,
        "exec_source_log_pos": "154",
        "source_host": "a",
        "source_uuid": "b",
        "channel_name": "c",
    }
    found = {sample.name: sample for family in REPLICA.read([row]) for sample in family.samples}
    assert {
        "mysql_slave_status_slave_io_running": 0,
        "mysql_slave_status_slave_sql_running": 1,
        "mysql_slave_status_exec_master_log_pos": 154,
    } == {name: sample.value for name, sample in found.items()}
    assert {"master_host": "a", "master_uuid": "b", "channel_name": "c", "connection_name": ""} == found[
        "mysql_slave_status_slave_io_running"
    ].labels


def test_each_server_is_asked_in_its_words() -> None:
    """Replicas and tablespaces have other names in MariaDB, in MySQL 8, and before."""
    older = Server({"version": "5.7.44-log"})
    asked = {query.name: query for query in QUERIES}
    assert ["SHOW ALL SLAVES STATUS", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS"] == [
        asked["slave_status"].text(server) for server in (MARIADB, MYSQL, older)
    ]
    assert [True, False, True] == [
        "innodb_sys_tablespaces" in asked["innodb_tablespaces"].text(server) for server in (MARIADB, MYSQL, older)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ON", 1), ("Yes", 1), ("OFF", 0), ("Connecting", 0), ("non-Primary", 0), ("-1.5e3", -1500), ("12", 12)],
)
def test_a_word_or_number_of_a_server_is_a_value(text: str, expected: float) -> None:
    """As mysqld_exporter reads them."""
    assert expected == number(text)


@pytest.mark.parametrize("text", [None, "", "log.000001", "nan", "inf", "1_000", "ROW"])
def test_what_is_no_number_is_no_value(text: str | None) -> None:
    """Neither what Python alone would take for one."""
    assert number(text) is None


def test_a_state_is_written_as_mysqld_exporter_writes_it() -> None:
    """In lower case, without punctuation."""
    assert "waiting_for_next_activation" == word("Waiting for next activation")
    assert ["init", "unknown", "binlog_dump"] == [word("init;"), word(None), word("Binlog Dump")]


@pytest.fixture(scope="module")
def theirs(source: MysqlServer, replica: MysqlServer, tmp_path_factory: pytest.TempPathFactory) -> list[Scrape]:
    """Return what mysqld_exporter, as Debian has it, says of the source and of the replica."""
    folder = tmp_path_factory.mktemp("mysqld_exporter")
    return [told_by_mysqld_exporter(server, folder) for server in (source, replica)]


def test_types_and_labels_are_mysqld_exporters(scrapes: dict[str, Scrape], theirs: list[Scrape]) -> None:
    """Of every family that both have."""
    seen = set()
    for ours, other in zip((scrapes["source"], scrapes["replica"]), theirs, strict=True):
        for name in ours.keys() & other.keys():
            assert (name, other[name].type) == (name, ours[name].type)
            labels = {frozenset(label for label, _ in each) for each in other[name].label_sets}
            assert labels == {frozenset(label for label, _ in each) for each in ours[name].label_sets}, name
            seen.add(name)
    assert len(seen) > 150


def test_only_newer_names_and_our_own_are_not_mysqld_exporters(
    scrapes: dict[str, Scrape], theirs: list[Scrape]
) -> None:
    """Its tablespaces know no MariaDB from 10.5 on."""
    ours = {name for name in {**scrapes["source"], **scrapes["replica"]} if not name.startswith(OUR_OWN)}
    assert {
        "mysql_info_schema_innodb_tablespace_allocated_size_bytes",
        "mysql_info_schema_innodb_tablespace_file_size_bytes",
        "seawall_mysql_oldest_transaction_age_seconds",
        "seawall_mysql_transactions",
    } == ours - {name for each in theirs for name in each}


def test_settings_and_words_have_mysqld_exporters_values(scrapes: dict[str, Scrape], theirs: list[Scrape]) -> None:
    """What does not move between two scrapes is the same, to the last digit."""
    for ours, other in zip((scrapes["source"], scrapes["replica"]), theirs, strict=True):
        still = [name for name in ours if name.startswith("mysql_global_variables_") and name in other]
        still += [name for name in ours if name.startswith(("mysql_slave_status_slave_", "mysql_version"))]
        still += ["mysql_global_status_wsrep_ready", "mysql_global_status_innodb_page_size"]
        for name in still:
            assert (name, other[name].samples) == (name, ours[name].samples)
    assert len(still) > 40


def test_what_is_left_out_is_listed_with_its_reason(scrapes: dict[str, Scrape], theirs: list[Scrape]) -> None:
    """Nothing else is missing, and no entry of the list is idle."""
    missing = {name for each in theirs for name in each} - {name for each in scrapes.values() for name in each}
    found = {prefix: {name for name in missing if name.startswith(prefix)} for prefix in LEFT_OUT}
    assert set() == missing - set().union(*found.values())
    assert [] == [prefix for prefix, names in found.items() if not names]
