"""What a member of a replica set says of it: its members as this one sees them, its configuration, its oplog."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, untyped
from .mongodb_fields import Document, declared, number

_MOST_MEMBERS: Final = 60  # a set has 50 at most
_MEMBER: Final = ("member_idx", "member_state")
_STATUS: Final = {
    field: declared(f"replSetGetStatus.{field}", meaning)
    for field, meaning in {
        "myState": "This member's state: 1 primary, 2 secondary, 3 recovering, 7 arbiter, 9 rollback.",
        "term": "How many elections there were.",
        "heartbeatIntervalMillis": "Milliseconds between heartbeats.",
        "majorityVoteCount": "Votes that elect a primary.",
        "votingMembersCount": "Members that vote.",
    }.items()
}
_MEMBERS: Final = {
    field: declared(f"replSetGetStatus.members.{field}", meaning, *_MEMBER)
    for field, meaning in {
        "health": "1 if this member reaches it, else 0.",
        "state": "Its state as a number.",
        "self": "1 of the member that answers.",
        "uptime": "Seconds that it is up, or is reached.",
        "optimeDate": "When what it applied last was written, in milliseconds since 1970.",
        "lastHeartbeat": "When it answered a heartbeat last, in milliseconds since 1970.",
        "pingMs": "Milliseconds of a heartbeat.",
        "electionDate": "When it was elected, in milliseconds since 1970.",
    }.items()
}
_CONFIG: Final = {
    "version": declared("rs_cfg.version", "The version of the set's configuration."),
    "settings.electionTimeoutMillis": declared(
        "rs_cfg.settings.electionTimeoutMillis", "Milliseconds without a primary after which another is elected."
    ),
}
_CONFIG_MEMBERS: Final = {
    field: declared(f"rs_cfg.members.{field}", meaning, "member_idx")
    for field, meaning in {
        "arbiterOnly": "1 if it has no data and only votes, else 0.",
        "hidden": "1 if clients do not see it, else 0.",
        "priority": "Its rank in an election; 0: never a primary.",
        "votes": "Its votes.",
        "secondaryDelaySecs": "Seconds that it is behind on purpose.",
        "slaveDelay": "The same, before MongoDB 5.",
    }.items()
}
OPLOG_HEAD: Final = untyped(
    "mongodb_mongod_replset_oplog_head_timestamp", "", "When the newest of the oplog was written."
)
OPLOG_TAIL: Final = untyped(
    "mongodb_mongod_replset_oplog_tail_timestamp", "", "When the oldest of the oplog was written."
)
OPLOG_STATS: Final = {
    field: declared(f"oplog_stats.{field}", meaning)
    for field, meaning in {
        "maxSize": "Bytes that the oplog may have.",
        "size": "Bytes that it has, before compression.",
        "storageSize": "Bytes that it has on disk.",
    }.items()
}
REPLICA_SET_METRICS: Final[tuple[MetricInfo, ...]] = (
    *(*_STATUS.values(), *_MEMBERS.values(), *_CONFIG.values(), *_CONFIG_MEMBERS.values()),
    *(OPLOG_HEAD, OPLOG_TAIL, *OPLOG_STATS.values()),
)


def status(answer: Document, topology: Labels) -> Iterator[Metric]:
    """Yield the families of ``replSetGetStatus``."""
    for field, info in _STATUS.items():
        yield info.samples({topology: number(answer, field)})
    members = {(str(each.get("name")), str(each.get("stateStr"))): each for each in _members(answer)}
    for field, info in _MEMBERS.items():
        yield info.samples({(*topology, *key): number(each, field) for key, each in members.items()})


def config(answer: Document, topology: Labels) -> Iterator[Metric]:
    """Yield the families of the ``config`` of ``replSetGetConfig``."""
    for path, info in _CONFIG.items():
        yield info.samples({topology: number(answer, path)})
    members = {str(each.get("host")): each for each in _members(answer)}
    for field, info in _CONFIG_MEMBERS.items():
        yield info.samples({(*topology, host): number(each, field) for host, each in members.items()})


def oplog(newest: Document, oldest: Document) -> Iterator[Metric]:
    """Yield the oplog's two ends, each from one of its entries."""
    yield OPLOG_HEAD.value(number(newest, "ts"))
    yield OPLOG_TAIL.value(number(oldest, "ts"))


def oplog_stats(answer: Document, topology: Labels) -> Iterator[Metric]:
    """Yield the families of the oplog's ``collStats``."""
    for field, info in OPLOG_STATS.items():
        yield info.samples({topology: number(answer, field)})


def _members(answer: Document) -> list[Document]:
    found = answer.get("members")
    return [each for each in found[:_MOST_MEMBERS] if isinstance(each, dict)] if isinstance(found, list) else []
