"""MongoDB: mongodb_exporter's metrics, from the commands that a monitoring user may run, one member a service."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from prometheus_client import Metric

from .declaration import Labels, gauge
from .errors import AnswerError
from .kinds import Kind, Target
from .mongodb_databases import DATABASE_METRICS, LONG, databases, operations
from .mongodb_fields import SERVER_METRICS, Document, inner, number, server_status
from .mongodb_replica_set import REPLICA_SET_METRICS, config, oplog, oplog_stats, status
from .mongodb_session import Session, session
from .own import FOLDED_ROWS, QUERY_SUCCESS
from .redaction import instance

UP: Final = gauge("mongodb_up", "", "1 if the server answered, else 0.")
VERSION: Final = gauge("mongodb_version_info", "", "The server's version; always 1.", "mongodb", "edition", "vendor")
_ARBITER: Final = 7.0
_SECTIONS: Final = {"locks": 0, "tcmalloc": 0}  # large, and not read
_LONG: Final = {"active": True, "microsecs_running": {"$gte": LONG}}


class MongodbCollector:
    """Asks one mongod or mongos. What it refuses is missing alone.

    Needs the roles ``clusterMonitor`` on admin and, for the oplog's ends, ``read`` on local.
    """

    def __init__(self, kept: Session) -> None:
        self._session = kept

    def collect(self) -> Iterator[Metric]:
        """Yield the families. Raise AnswerError where all is refused, and what pymongo raises where nobody answers."""
        with self._session.asking() as ask:
            hello = ask.must("isMaster")
            if not ("maxWireVersion" in hello and "ismaster" in hello):
                raise AnswerError("the server does not answer as MongoDB does")
            found = [*self._server(ask, hello)]
        if not any(asked for query, asked in ask.told.items() if query != "buildInfo"):  # which everybody may ask
            raise AnswerError("the server refuses this user everything; give it the role clusterMonitor on admin")
        yield from found
        yield QUERY_SUCCESS.samples({(query,): asked for query, asked in ask.told.items()})

    def close(self) -> None:
        """End the connections, whoever waits on them."""
        self._session.close()

    def _server(self, ask: "Session.Asking", hello: Document) -> Iterator[Metric]:
        is_member = isinstance(hello.get("setName"), str)
        state = ask("replSetGetStatus") if is_member else {}
        configured = inner(ask("replSetGetConfig"), "config") if is_member else {}
        topology = self._topology(ask, hello, state, configured)
        yield from _version(ask("buildInfo"))
        yield from server_status(ask("serverStatus", 1, _SECTIONS), topology)
        yield from status(state, topology)
        yield from config(configured, topology)
        if is_member and number(state, "myState") != _ARBITER and not hello.get("arbiterOnly"):
            yield from oplog_stats(ask("collStats", "oplog.rs", database="local"), topology)
            yield from oplog(*ask.ends("oplog", "local", "oplog.rs", "ts"))
        if not hello.get("arbiterOnly"):
            of_one = partial(ask, "dbStats")
            families, others = databases(ask("listDatabases"), lambda name: of_one(database=name), topology)
            yield from families
            yield FOLDED_ROWS.samples({("dbStats",): others})
        yield from operations(ask("currentOp", 1, _LONG), topology)

    @staticmethod
    def _topology(ask: "Session.Asking", hello: Document, state: Document, configured: Document) -> Labels:
        """Return what TOPOLOGY names; empty where there is no such thing, or nobody tells."""
        options = inner(ask("getCmdLineOpts"), "parsed.sharding")
        role = "mongos" if hello.get("msg") == "isdbgrid" else str(options.get("clusterRole") or "")
        cluster = inner(configured, "settings").get("replicaSetId")
        if role in ("mongos", "configsvr"):
            cluster = ask.first("clusterId", "config", "version", "clusterId").get("clusterId", cluster)
        mine = number(state, "myState")
        return (str(cluster or ""), role, str(hello.get("setName") or ""), "" if mine is None else f"{mine:.0f}")


def _version(build: Document) -> Iterator[Metric]:
    modules = build.get("modules")
    edition = "Enterprise" if isinstance(modules, list) and "enterprise" in modules else "Community"
    vendor = "Percona" if build.get("psmdbVersion") else "MongoDB"
    yield VERSION.samples({(str(build["version"]), edition, vendor): 1} if "version" in build else {})


def connect(target: Target) -> MongodbCollector:
    """Return a collector that connects at the first question. Raise MissingPackageError, BadUrlError."""
    return MongodbCollector(session(target.url, target.timeout, instance(target.url, "the server")))


KIND: Final = Kind(
    name="mongodb",
    up=UP,
    metrics=(UP, VERSION, *SERVER_METRICS, *REPLICA_SET_METRICS, *DATABASE_METRICS),
    connect=connect,
)
