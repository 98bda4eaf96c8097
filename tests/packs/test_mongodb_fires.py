"""What goes wrong with MongoDB, in recorded answers that are changed as a failure changes them, in a real Prometheus.

There is no mongod to break: its answers are those of a real one, over the real protocol, to the real collector.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import Final

import pytest
from bson import Int64, Timestamp
from bson.datetime_ms import DatetimeMS
from mongodb import RecordedMongod, primary, serving_recorded

from .watching import Prometheus, catalog_of_kind, watching

pytestmark = pytest.mark.e2e

# Counters that a test moves for some seconds are read over as many.
QUICK: Final = {"[5m]": "[5s]", "[1h]": "[8s]"}
NEWEST: Final = 1_599_759_587  # seconds, of the recorded oplog
DAYS: Final = 359_587
CACHE: Final = "wiredTiger__cache__"
MAXIMUM: Final = 16_241_393_664  # bytes, of the recorded cache


@dataclass(frozen=True)
class ReplicaSet:
    """What is watched: two members of it."""

    prometheus: Prometheus
    primary: RecordedMongod
    secondary: RecordedMongod


@pytest.fixture(scope="module")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """Return a primary, a secondary of its set as it would answer, and Prometheus over both."""
    answers = primary()
    answers["replSetGetStatus"]["myState"] = 2
    first, second, _ = answers["replSetGetStatus"]["members"]
    del first["self"]
    second["self"] = True
    answers["currentOp"] = {"inprog": []}
    with ExitStack() as stack:
        leader = stack.enter_context(serving_recorded({**primary(), "currentOp": {"inprog": []}}))
        follower = stack.enter_context(serving_recorded(answers))
        catalog = catalog_of_kind("mongodb", {"db1": leader.url, "db2": follower.url})
        prometheus = stack.enter_context(watching(tmp_path_factory.mktemp("mongodb"), catalog, QUICK))
        prometheus.knows("mongodb_up", 2)
        yield ReplicaSet(prometheus, leader, follower)


def test_all_is_quiet_while_all_is_recorded_as_well(replica_set: ReplicaSet) -> None:
    """Every rule is evaluated without an error, and no alert even begins."""
    assert set() == replica_set.prometheus.active()


def test_a_lost_majority_pages(replica_set: ReplicaSet) -> None:
    """Each member that is left sees no primary; nothing else is told of it."""
    with (
        replica_set.primary.but("replSetGetStatus", members__0__state=2, members__0__stateStr="SECONDARY", myState=2),
        replica_set.secondary.but(
            "replSetGetStatus", members__0__state=8, members__0__stateStr="(not reachable/healthy)"
        ),
    ):
        replica_set.prometheus.fires("db1", "MongodbNoPrimary")
        replica_set.prometheus.fires("db2", "MongodbNoPrimary")
        assert {("db1", "MongodbNoPrimary"), ("db2", "MongodbNoPrimary")} == replica_set.prometheus.active()
    replica_set.prometheus.is_quiet()


def test_a_member_that_lags_and_one_that_is_gone_are_tickets_once_each(replica_set: ReplicaSet) -> None:
    """The one tells of itself, of the other its primary does; both see both."""
    late = DatetimeMS(1000 * (NEWEST - 90))
    with (
        replica_set.primary.but("replSetGetStatus", members__1__optimeDate=late, members__2__health=0, members__2__state=8),
        replica_set.secondary.but("replSetGetStatus", members__1__optimeDate=late, members__2__health=0, members__2__state=8),
    ):  # fmt: skip
        replica_set.prometheus.fires("db2", "MongodbReplicationLag")
        replica_set.prometheus.fires("db1", "MongodbMemberUnhealthy")
        assert {("db2", "MongodbReplicationLag"), ("db1", "MongodbMemberUnhealthy")} == replica_set.prometheus.active()
        assert set() == replica_set.prometheus.active("page")
    replica_set.prometheus.is_quiet()


def test_connections_near_the_limit_page(replica_set: ReplicaSet) -> None:
    """Of this member alone."""
    with replica_set.primary.but("serverStatus", connections__current=850, connections__available=150):
        replica_set.prometheus.fires("db1", "MongodbConnectionsNearLimit")
        assert {("db1", "MongodbConnectionsNearLimit")} == replica_set.prometheus.active()
    replica_set.prometheus.is_quiet()


def test_an_overload_pages_and_its_causes_are_tickets(replica_set: ReplicaSet) -> None:
    """Operations wait; the cache, the lagging majority and what runs for long say why."""
    running = {"opid": 7, "op": "query", "desc": "conn7", "ns": "shop.orders", "microsecs_running": Int64(400_000_000)}
    changes = {
        "globalLock__currentQueue__writers": 60,
        f"{CACHE}tracked dirty bytes in the cache": int(0.2 * MAXIMUM),
        f"{CACHE}bytes currently in the cache": int(0.96 * MAXIMUM),
        "flowControl__isLagged": True,
    }
    causes = ("MongodbCacheDirtyHigh", "MongodbCacheFull", "MongodbFlowControlLagged", "MongodbOperationLong")
    with replica_set.primary.but("serverStatus", **changes), replica_set.primary.but("currentOp", inprog=[running]):
        replica_set.prometheus.fires("db1", "MongodbOperationsQueued", *causes)
        assert {("db1", "MongodbOperationsQueued")} == replica_set.prometheus.active("page")
        assert {("db1", cause) for cause in causes} == replica_set.prometheus.active("ticket")
    replica_set.prometheus.is_quiet()


def test_a_full_oplog_of_an_hour_is_a_ticket(replica_set: ReplicaSet) -> None:
    """A young one of an hour is not."""
    with replica_set.primary.entries("oplog.rs", [{"ts": Timestamp(NEWEST - 3600, 1)}, {"ts": Timestamp(NEWEST, 1)}]):
        head_to_tail = (
            'mongodb_mongod_replset_oplog_head_timestamp{job="db1"} - mongodb_mongod_replset_oplog_tail_timestamp'
        )
        replica_set.prometheus.has(head_to_tail, 3600)
        assert set() == replica_set.prometheus.active()
        with replica_set.primary.but("collStats", size=16_000_000):
            replica_set.prometheus.fires("db1", "MongodbOplogWindowShort")
            assert {("db1", "MongodbOplogWindowShort")} == replica_set.prometheus.active()
    replica_set.prometheus.has(head_to_tail, DAYS)
    replica_set.prometheus.is_quiet()


def test_elections_scans_and_cursors_left_open_are_tickets(replica_set: ReplicaSet) -> None:
    """Counters that move while it is looked at."""
    rounds = count(1)
    alerts = ("MongodbElectionsFrequent", "MongodbCollectionScans", "MongodbCursorsTimedOut")
    with ExitStack() as stack:

        def go_on() -> None:
            step = next(rounds)
            moved = {
                "metrics__queryExecutor__scannedObjects": Int64(24_285 + 100_000 * step),
                "metrics__cursor__timedOut": 2 + step,
            }
            stack.enter_context(replica_set.primary.but("serverStatus", **moved))
            stack.enter_context(replica_set.primary.but("replSetGetStatus", term=1 + step))

        replica_set.prometheus.fires("db1", *alerts, meanwhile=go_on)
        assert {("db1", alert) for alert in alerts} == replica_set.prometheus.active()
        # They stand still: what moved is out of the windows.
        replica_set.prometheus.resolves("db1", *alerts)
    replica_set.prometheus.resolves("db1", *alerts)
