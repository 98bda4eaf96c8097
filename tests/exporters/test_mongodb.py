"""The mongodb collector on FerretDB, a real server of the protocol, and on answers that were recorded of a real mongod and mongos."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from bson import Int64
from mongodb import (
    NEEDS_FERRETDB,
    RecordedMongod,
    StartFerretdb,
    as_of_8,
    hello,
    mongos,
    primary,
    serving_recorded,
    standalone,
)
from pymongo import MongoClient
from scrapes import value, values
from servers import RunningExporter, Scrape, StartExporter

from seawall.exporters import inventory
from seawall.exporters.mongodb_databases import KEPT
from seawall.exporters.mongodb_fields import named

OUR_OWN: Final = {
    "seawall_probe_success",
    "seawall_probe_duration_seconds",
    "seawall_probe_query_success",
    "seawall_probe_query_folded_rows",
}
# What mongodb_exporter makes of a field's path, as its own tests say it (version 0.48).
NAMES: Final = {
    "serverStatus.wiredTiger.transaction.transaction checkpoint most recent time (msecs)": "mongodb_ss_wt_txn_transaction_checkpoint_most_recent_time_msecs",
    "serverStatus.wiredTiger.thread-yield.page acquire time sleeping (usecs)": "mongodb_ss_wt_thread_yield_page_acquire_time_sleeping_usecs",
    "serverStatus.opLatencies.reads.latency": "mongodb_ss_opLatencies_reads_latency",
    "replSetGetStatus.optimes.lastCommittedOpTime.t": "mongodb_rs_optimes_lastCommittedOpTime_t",
    "rs_cfg.protocolVersion": "mongodb_rs_cfg_protocolVersion",
    "dbstats.collections": "mongodb_dbstats_collections",
}
TOPOLOGY: Final = {"cl_id": "5f5a3c2e0000000000000001", "cl_role": "", "rs_nm": "rs1", "rs_state": "1"}


@pytest.fixture(scope="module")
def recorded() -> Iterator[dict[str, RecordedMongod]]:
    """Return a primary of MongoDB 4.2, the same with its fields where MongoDB 8 has them, a mongos, a standalone."""
    of = {"old": primary(), "new": as_of_8(primary()), "router": mongos(), "alone": standalone()}
    with (
        serving_recorded(of["old"]) as old,
        serving_recorded(of["new"]) as new,
        serving_recorded(of["router"]) as router,
        serving_recorded(of["alone"]) as alone,
    ):
        yield {"old": old, "new": new, "router": router, "alone": alone}


@pytest.fixture(scope="module")
def scrapes(start_exporter: StartExporter, recorded: dict[str, RecordedMongod]) -> dict[str, Scrape]:
    """Return what each of them tells."""
    exporter = start_exporter({name: server.url for name, server in recorded.items()})
    return {name: exporter.scrape(f"/probe?service={name}") for name in recorded}


@pytest.mark.parametrize("path", NAMES)
def test_a_path_becomes_the_name_that_mongodb_exporter_gives_it(path: str) -> None:
    """Its rules for names, by its own examples."""
    assert NAMES[path] == named(path)


def test_all_that_is_declared_is_seen_in_recorded_answers(scrapes: dict[str, Scrape]) -> None:
    """Of the one version or the other, and nothing else; each with the labels that are declared."""
    declared = {info.name: info for info in inventory()["mongodb"]}
    seen = (scrapes["old"].keys() | scrapes["new"].keys()) - OUR_OWN
    assert declared.keys() == seen
    for name in seen:
        scrape = scrapes["new"] if name in scrapes["new"] else scrapes["old"]
        assert {frozenset(declared[name].labels)} == {
            frozenset(label for label, _ in each) for each in scrape[name].label_sets
        }
        assert {"untyped": "unknown"}.get(declared[name].type, declared[name].type) == {"untyped": "unknown"}.get(scrape[name].type, scrape[name].type)  # fmt: skip


def test_a_recorded_primary_is_told_as_it_answered(scrapes: dict[str, Scrape]) -> None:
    """Values of every sort: numbers, truths, dates in milliseconds, timestamps in seconds, fields that become labels."""
    of = scrapes["old"]
    assert 22 == value(of, "mongodb_ss_connections", conn_type="current", **TOPOLOGY)
    assert 838838 == value(of, "mongodb_ss_connections", conn_type="available")
    assert {"command": 44255, "delete": 2064, "getmore": 19527, "insert": 2083, "query": 6132, "update": 1559} == values(of, "mongodb_ss_opcounters", "legacy_op_type")  # fmt: skip
    assert 1 == value(of, "mongodb_ss_flowControl_enabled")
    assert 16241393664 == value(of, "mongodb_ss_wt_cache_maximum_bytes_configured")
    assert {"commands": 49938635, "reads": 6551302, "transactions": 0, "writes": 187113} == values(of, "mongodb_ss_opLatencies_latency", "op_type")  # fmt: skip
    assert {"db1:27017": 1, "db2:27017": 2, "db3:27017": 2} == values(of, "mongodb_rs_members_state", "member_idx")
    assert 1599759587000 == value(of, "mongodb_rs_members_optimeDate", member_idx="db1:27017", member_state="PRIMARY")
    assert {"db1:27017": 1} == values(of, "mongodb_rs_members_self", "member_idx")
    assert 359587 == value(of, "mongodb_mongod_replset_oplog_head_timestamp") - value(of, "mongodb_mongod_replset_oplog_tail_timestamp")  # fmt: skip
    assert 1 == value(of, "mongodb_version_info", mongodb="4.2.8", edition="Community", vendor="MongoDB")
    assert {"test": 98304, "local": 98304} == values(of, "mongodb_dbstats_totalSize", "database")


def test_what_newer_versions_moved_is_told_under_the_same_name(scrapes: dict[str, Scrape]) -> None:
    """MongoDB 8's tickets; MongoDB 7's checkpoints have another, in mongodb_exporter too."""
    name = "mongodb_ss_wt_concurrentTransactions_available"
    assert {"read": 128, "write": 128} == values(scrapes["old"], name, "txn_rw") == values(scrapes["new"], name, "txn_rw")  # fmt: skip
    assert 23 == value(scrapes["new"], "mongodb_ss_wt_checkpoint_most_recent_time_msecs")
    assert 0 == value(scrapes["new"], "mongodb_rs_cfg_members_secondaryDelaySecs", member_idx="db1:27017")


def test_only_operations_of_clients_that_run_for_long_are_told(scrapes: dict[str, Scrape]) -> None:
    """The server's own are recorded beside it."""
    (sample,) = scrapes["old"]["mongodb_currentop_query_uptime"].samples.items()
    (_, labels), microseconds = sample
    expected = {"opid": "155914227", "op": "getmore", "desc": "conn703087", "ns": "integration.movies"}
    assert {**TOPOLOGY, **expected, "database": "integration", "collection": "movies"} == dict(labels)
    assert 12_000_000 == microseconds


def test_a_recorded_mongos_has_no_replica_set_and_no_storage_engine(scrapes: dict[str, Scrape]) -> None:
    """It is asked for neither; its cluster's id is that of its configuration."""
    of = scrapes["router"]
    assert [] == [name for name in of if name.startswith(("mongodb_rs_", "mongodb_ss_wt_", "mongodb_oplog_"))]
    assert 838858 == value(of, "mongodb_ss_connections", conn_type="available", **{**TOPOLOGY, "cl_role": "mongos", "rs_nm": "", "rs_state": ""})  # fmt: skip
    assert {1.0} == set(values(of, "seawall_probe_query_success", "query").values())
    assert "clusterId" in values(of, "seawall_probe_query_success", "query")


def test_a_recorded_standalone_is_asked_for_no_replica_set(scrapes: dict[str, Scrape]) -> None:
    """Nothing of it is refused."""
    of = scrapes["alone"]
    assert [] == [name for name in of if name.startswith(("mongodb_rs_", "mongodb_oplog_"))]
    assert {1.0} == set(values(of, "seawall_probe_query_success", "query").values())
    assert 22 == value(of, "mongodb_ss_connections", conn_type="current")


def test_an_arbiter_is_asked_for_no_data(start_exporter: StartExporter) -> None:
    """It has none, and no oplog."""
    answers: dict[str, Any] = {**primary(), "isMaster": hello(setName="rs1", arbiterOnly=True, ismaster=False)}
    with serving_recorded(answers) as server:
        scrape = start_exporter({"arbiter": server.url}).scrape("/probe?service=arbiter")
        assert not {"listDatabases", "dbStats", "collStats", "find"} & set(server.asked)
    assert 1 == value(scrape, "mongodb_up")
    assert 9137 == value(scrape, "mongodb_ss_uptime")


def test_of_fifty_thousand_databases_the_largest_are_kept(start_exporter: StartExporter) -> None:
    """The rest is one, and counted; who is kept is asked, and nobody else."""
    listed = [{"name": f"db{size}", "sizeOnDisk": Int64(size)} for size in range(1, 50_001)]
    with serving_recorded({**standalone(), "listDatabases": {"databases": listed}}) as server:
        scrape = start_exporter({"many": server.url}).scrape("/probe?service=many")
        assert KEPT == server.asked.count("dbStats")
    sizes = values(scrape, "mongodb_dbstats_totalSize", "database")
    assert {f"db{size}" for size in range(50_001 - KEPT, 50_001)} | {"others"} == sizes.keys()
    assert sum(range(1, 50_001 - KEPT)) == sizes["others"]
    assert 50_000 - KEPT == value(scrape, "seawall_probe_query_folded_rows", query="dbStats")


ODD: Final = ("shop", "q'uote", "line\nfeed", "ünï")


@pytest.fixture(scope="module")
def ferretdb(start_ferretdb: StartFerretdb) -> str:
    """Return the url of a FerretDB with some databases, of odd names, each with its collections."""
    url = start_ferretdb()
    with MongoClient[dict[str, Any]](url, directConnection=True) as client:
        client["shop"]["orders"].insert_many([{"_id": number} for number in range(100)])
        for name in ODD[3:]:
            client["shop"][name].insert_one({"a": 1})
    return url


@NEEDS_FERRETDB
@pytest.mark.e2e
def test_a_real_server_of_the_protocol_is_told_as_far_as_it_answers(
    start_exporter: StartExporter, ferretdb: str
) -> None:
    """FerretDB has no replica set, no storage engine and no connections to tell of."""
    scrape = start_exporter({"ferret": ferretdb}).scrape("/probe?service=ferret")
    assert [1, 2, 101] == [
        value(scrape, "mongodb_up"),
        value(scrape, "mongodb_dbstats_collections", database="shop"),
        value(scrape, "mongodb_dbstats_objects", database="shop"),
    ]
    assert 0 < value(scrape, "mongodb_ss_uptime") < 600
    assert {1.0} == set(values(scrape, "seawall_probe_query_success", "query").values())


@pytest.fixture(scope="module")
def guarded(start_exporter: StartExporter, start_ferretdb: StartFerretdb) -> RunningExporter:
    """Return the exporter of a FerretDB that has a user, as that user, with a wrong password, and as nobody."""
    address = start_ferretdb("seawall", "hunter2").removeprefix("mongodb://")
    urls = {
        "in": f"mongodb://seawall:${{GOOD}}@{address}",
        "out": f"mongodb://seawall:${{BAD}}@{address}",
        "none": f"mongodb://{address}",
    }
    return start_exporter(urls, {"GOOD": "hunter2", "BAD": "wrong-secret"})


@NEEDS_FERRETDB
@pytest.mark.e2e
def test_a_real_server_lets_the_right_user_in(guarded: RunningExporter, caplog: pytest.LogCaptureFixture) -> None:
    """SCRAM for real; the others are down, and told why without the password."""
    scrapes = {name: guarded.scrape(f"/probe?service={name}") for name in ("in", "out", "none")}
    assert {"in": 1, "out": 0, "none": 0} == {name: value(scrape, "mongodb_up") for name, scrape in scrapes.items()}
    assert "Authentication failed" in caplog.text
    assert "give it the role clusterMonitor on admin" in caplog.text
    assert not any(secret in caplog.text for secret in ("hunter2", "wrong-secret"))
