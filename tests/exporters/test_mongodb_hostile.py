"""Servers that take MongoDB's place and hang, lie, refuse a part or repeat secrets: each probe ends in time."""

import logging
import threading
import time
from typing import Any

import pytest
from hostile import HEADERS, PASSWORD, drip, hang_up, is_down, web
from mongodb import primary, serving_recorded, standalone
from outside import Behaviour, hang
from scrapes import value, values
from servers import StartExporter, eventually

from seawall.exporters.kinds import Target
from seawall.exporters.mongodb import connect


@pytest.mark.parametrize("behaviour", [hang, drip, web, hang_up])
def test_a_hostile_server_is_down_within_the_deadline(start_exporter: StartExporter, behaviour: Behaviour) -> None:
    """While it still hangs, and no thread of the probe is left behind."""
    is_down(start_exporter, "mongodb://127.0.0.1:{port}", behaviour, "mongodb_up")


def test_why_a_server_is_not_reached_is_told_once(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Not that the time was up, which says nothing; and in the same words each time, or each probe would log them."""
    exporter = start_exporter({"orders": "mongodb://127.0.0.1:1"})
    for _ in range(2):
        scrape = exporter.scrape("/probe?service=orders", {"X-Prometheus-Scrape-Timeout-Seconds": "4"})
        assert 0 == value(scrape, "mongodb_up")
    said = [each for each in caplog.messages if each.startswith("probe of orders failed: ")]
    reason = "the server is not reached: 127.0.0.1:1: [Errno 111] Connection refused"
    assert [f"probe of orders failed: {reason}"] == said


def test_a_server_that_answers_and_then_hangs_is_down_in_time(start_exporter: StartExporter) -> None:
    """Its first answers come; the deadline is of all of them together."""
    with serving_recorded(standalone()) as server:
        exporter = start_exporter({"orders": server.url})
        assert 1 == value(exporter.scrape("/probe?service=orders", HEADERS), "mongodb_up")
        with server.hanging("serverStatus"):
            start = time.monotonic()
            assert 0 == value(exporter.scrape("/probe?service=orders", HEADERS), "mongodb_up")
            assert time.monotonic() - start < 5
        eventually(lambda: value(exporter.scrape("/probe?service=orders", HEADERS), "mongodb_up") == 1, 60)


def test_what_a_user_may_not_see_is_missing_alone(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """And told, once; the rest is there."""
    with serving_recorded(primary()) as server:
        server.refused |= {"find", "currentOp"}
        exporter = start_exporter({"orders": server.url})
        for _ in range(2):
            scrape = exporter.scrape("/probe?service=orders")
            told = values(scrape, "seawall_probe_query_success", "query")
            assert {"oplog", "currentOp"} == {query for query, success in told.items() if not success}
            assert 1 == value(scrape, "mongodb_up")
            assert 22 == value(scrape, "mongodb_ss_connections", conn_type="current")
            assert "mongodb_mongod_replset_oplog_head_timestamp" not in scrape
    assert 1 == caplog.text.count("refuses oplog: not authorized on admin to execute it")


def test_a_user_who_may_see_nothing_is_told_which_role_it_needs(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Everybody may ask for the version: it is no answer."""
    with serving_recorded(standalone()) as server:
        server.refused |= {"serverStatus", "getCmdLineOpts", "listDatabases", "currentOp"}
        scrape = start_exporter({"orders": server.url}).scrape("/probe?service=orders")
    assert 0 == value(scrape, "mongodb_up")
    assert "give it the role clusterMonitor on admin" in caplog.text


def test_fields_of_another_sort_than_known_are_missing_alone(start_exporter: StartExporter) -> None:
    """Texts for numbers, lists for documents, names with quotes and line feeds, members without a name."""
    odd: dict[str, Any] = {
        **primary(),
        "serverStatus": {"uptime": "long", "connections": [1], "mem": {"resident": 7}, "opcounters": {'q"\n': 3, "x": "y"}},
        "replSetGetStatus": {"myState": 1, "members": [{"health": 1}, "none", {"name": 'a"\\\n', "stateStr": "PRIMARY", "state": 1}]},
        "replSetGetConfig": {"config": 5},
        "listDatabases": {"databases": [{"name": "shöp'\n", "sizeOnDisk": 1}, {"name": 'a"b'}, {"sizeOnDisk": 2}]},
        "currentOp": {"inprog": {"no": "list"}},
    }  # fmt: skip
    with serving_recorded(odd) as server:
        scrape = start_exporter({"orders": server.url}).scrape("/probe?service=orders")
    assert [1, 7] == [value(scrape, "mongodb_up"), value(scrape, "mongodb_ss_mem_resident")]
    assert not {"mongodb_ss_uptime", "mongodb_ss_connections", "mongodb_rs_cfg_version"} & scrape.keys()
    assert {'q"\n': 3} == values(scrape, "mongodb_ss_opcounters", "legacy_op_type")
    assert {'a"\\\n': 1} == values(scrape, "mongodb_rs_members_state", "member_idx")
    assert 316 == value(scrape, "mongodb_dbstats_objects", database="shöp'\n")


def test_a_server_of_before_what_pymongo_speaks_is_down_and_told(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """MongoDB 2.6 spoke version 2 of the protocol."""
    with serving_recorded(standalone()) as server, server.but("isMaster", maxWireVersion=2):
        assert 0 == value(start_exporter({"orders": server.url}).scrape("/probe?service=orders"), "mongodb_up")
    assert "wire version 2" in caplog.text


def test_a_password_that_a_server_repeats_is_not_told(
    start_exporter: StartExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the log nor the page holds it."""
    caplog.set_level(logging.DEBUG)
    with serving_recorded(standalone()) as server:
        server.says = f"no: {PASSWORD} is not it"
        server.refused |= {"saslStart"}
        url = server.url.replace("//", "//somebody:${P}@")
        page = start_exporter({"orders": url}, {"P": PASSWORD}).scrape("/probe?service=orders")
    assert 0 == value(page, "mongodb_up")
    assert "is not it" in caplog.text
    assert PASSWORD not in caplog.text + repr(page)


def test_a_service_that_is_gone_leaves_no_thread(start_exporter: StartExporter) -> None:
    """pymongo looks at a server from a thread of its own, which ends with the service."""
    with serving_recorded(standalone()) as server:
        collector = connect(Target(server.url, 5))
        before = set(threading.enumerate())
        list(collector.collect())
        assert any("pymongo" in each.name for each in set(threading.enumerate()) - before)
        collector.close()
        eventually(
            lambda: not [each for each in threading.enumerate() if "pymongo" in each.name and each not in before], 60
        )


def test_who_lets_go_of_a_server_that_is_gone_does_not_wait_for_it() -> None:
    """pymongo would tell it that the session is over."""
    with serving_recorded(standalone()) as server:
        collector = connect(Target(server.url, 30))
        list(collector.collect())
    start = time.monotonic()
    collector.close()
    assert time.monotonic() - start < 5
