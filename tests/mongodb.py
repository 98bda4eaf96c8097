"""MongoDB for the tests: FerretDB, a real server of its protocol, and recorded answers of a real mongod over that protocol."""

import shutil
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final

import bson
import pytest
from bson import Int64, ObjectId, Timestamp, json_util
from outside import tcp
from servers import Exposed, StartExporter, connects, eventually, exposed, free_port, process

RECORDINGS: Final = Path(__file__).parent / "exporters/recordings"
FERRETDB: Final = Path(__file__).parents[1] / ".cache/ferretdb/ferretdb"
REPLICA_SET_ID: Final = ObjectId("5f5a3c2e0000000000000001")
NEEDS_FERRETDB: Final = pytest.mark.skipif(
    not (FERRETDB.exists() or shutil.which("ferretdb")),
    reason="there is no FerretDB: tools/install-test-servers builds it where Go is",
)
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_UNAUTHORIZED, _UNKNOWN = 13, 59
Answers = dict[str, Any]


def recorded(name: str) -> Answers:
    """Return a recording's documents, with dates and timestamps."""
    found: Answers = json_util.loads((RECORDINGS / f"{name}.json").read_text())
    return {key: value for key, value in found.items() if not key.startswith("_")}


def primary() -> Answers:
    """Return what a primary answers: the recorded documents, and around them what a set of three has."""
    documents = recorded("mongodb_4_2_primary")
    members = [
        {"_id": each["_id"], "host": each["name"], "arbiterOnly": False, "hidden": False, "priority": 1, "votes": 1, "slaveDelay": 0}
        for each in documents["replSetGetStatus"]["members"]
    ]  # fmt: skip
    settings = {"electionTimeoutMillis": 10000, "replicaSetId": REPLICA_SET_ID}
    return {
        "isMaster": hello(setName="rs1", hosts=[each["host"] for each in members], me="db1:27017", primary="db1:27017"),
        "serverStatus": documents["serverStatus"],
        "replSetGetStatus": documents["replSetGetStatus"],
        "replSetGetConfig": {"config": {"_id": "rs1", "version": 3, "members": members, "settings": settings}},
        "collStats": documents["oplogStats"],
        "oplog.rs": [{"ts": Timestamp(1_599_400_000, 1)}, {"ts": Timestamp(1_599_759_587, 1)}],
        "getCmdLineOpts": {"parsed": {"replication": {"replSet": "rs1"}}},
        **_OF_ALL,
    }


def mongos() -> Answers:
    """Return what a mongos answers."""
    return {
        "isMaster": hello(msg="isdbgrid"),
        "serverStatus": recorded("mongodb_4_1_mongos")["serverStatus"],
        "version": [{"_id": 1, "clusterId": REPLICA_SET_ID}],
        "getCmdLineOpts": {"parsed": {"sharding": {"configDB": "configserver/config01:27017"}}},
        **_OF_ALL,
    }


def standalone() -> Answers:
    """Return what a mongod without a replica set answers."""
    answers = primary()
    for name in ("replSetGetStatus", "replSetGetConfig", "collStats", "oplog.rs"):
        del answers[name]
    return answers | {"isMaster": hello(), "getCmdLineOpts": {"parsed": {}}}


def as_of_8(answers: Answers) -> Answers:
    """Return *answers* with fields where newer versions have them: MongoDB 5 the delay, 7 checkpoints, 8 the tickets."""
    status = answers["serverStatus"]
    tickets = status["wiredTiger"].pop("concurrentTransactions")
    checkpoint = status["wiredTiger"]["transaction"].pop("transaction checkpoint most recent time (msecs)")
    status["queues"] = {"execution": {**tickets, "monitor": {"timesDecreased": 0}}}
    status["wiredTiger"]["checkpoint"] = {"most recent time (msecs)": checkpoint}
    status["metrics"]["queryExecutor"]["collectionScans"] = {"total": Int64(5), "nonTailable": Int64(4)}
    answers["replSetGetStatus"]["votingMembersCount"] = 3
    for member in answers["replSetGetConfig"]["config"]["members"]:
        member["secondaryDelaySecs"] = member.pop("slaveDelay")
    return answers


def hello(**further: Any) -> Answers:
    """Return the first answer of every server."""
    limits = {
        "maxBsonObjectSize": 16_777_216,
        "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000,
        "logicalSessionTimeoutMinutes": 30,
    }
    return {"ismaster": True, "minWireVersion": 0, "maxWireVersion": 21, **limits, **further}


_OPERATION: Final = {
    "opid": 155914227, "op": "getmore", "desc": "conn703087", "ns": "integration.movies", "microsecs_running": Int64(12_000_000)
}  # fmt: skip
_DBSTATS: Final = {
    "collections": 3, "views": 0, "objects": 316, "dataSize": 8708.0, "storageSize": 49152.0, "indexes": 3,
    "indexSize": 49152.0, "totalSize": 98304.0, "fsUsedSize": 45563658240.0, "fsTotalSize": 62725623808.0,
}  # fmt: skip
_OF_ALL: Final[Answers] = {
    "buildInfo": {"version": "4.2.8", "modules": []},
    "listDatabases": {"databases": [{"name": "test", "sizeOnDisk": 98304}, {"name": "local", "sizeOnDisk": 1}]},
    "dbStats": _DBSTATS,
    "currentOp": {"inprog": [_OPERATION, {**_OPERATION, "ns": "admin.$cmd"}, {**_OPERATION, "ns": ""}]},
}


class RecordedMongod:
    """Answers each command with the document of its name, which a test may replace, over the real protocol."""

    def __init__(self, answers: Answers) -> None:
        self._answers, self._lock = answers, Lock()
        self.refused: set[str] = set()
        self.asked: list[str] = []
        self.says = "not authorized on admin to execute it"
        self._hangs, self._goes_on = "", Event()
        self.port = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"mongodb://127.0.0.1:{self.port}"

    @contextmanager
    def but(self, name: str, **changes: Any) -> Iterator[None]:
        """Answer *name* with *changes*, by their path with __ for a dot, until the end of the block."""
        with self._lock:
            before = self._answers[name]
            after = deepcopy(before)
            for path, value in changes.items():
                *outer, last = path.split("__")
                found = after
                for word in outer:
                    found = found[int(word) if word.isdigit() else word]
                found[last] = value
            self._answers[name] = after
        try:
            yield
        finally:
            with self._lock:
                self._answers[name] = before

    @contextmanager
    def entries(self, collection: str, documents: list[Answers]) -> Iterator[None]:
        """Find *documents* in *collection* until the end of the block."""
        with self._lock:
            before, self._answers[collection] = self._answers[collection], documents
        try:
            yield
        finally:
            with self._lock:
                self._answers[collection] = before

    @contextmanager
    def hanging(self, name: str) -> Iterator[None]:
        """Answer *name* only at the end of the block."""
        self._goes_on.clear()
        self._hangs = name
        try:
            yield
        finally:
            self._hangs = ""
            self._goes_on.set()

    def answer(self, command: Answers) -> Answers:
        """Return the answer to *command*."""
        name = next(iter(command))
        if name == self._hangs:
            self._goes_on.wait(60)
        with self._lock:
            self.asked.append(name)
            if name in self.refused:
                return {"ok": 0.0, "errmsg": self.says, "code": _UNAUTHORIZED}
            if name in ("ismaster", "hello"):
                name = "isMaster"
            if name == "find":
                return self._found(command)
            if name not in self._answers:
                return {"ok": 0.0, "errmsg": f"no such command: '{name}'", "code": _UNKNOWN}
            return {**self._answers[name], "ok": 1.0}

    def _found(self, command: Answers) -> Answers:
        documents = self._answers.get(command["find"], [])
        last = documents[-1:] if command["sort"]["$natural"] < 0 else documents[:1]
        first = [{field: each.get(field) for field in command["projection"]} for each in last]
        return {"cursor": {"id": Int64(0), "ns": f"{command['$db']}.{command['find']}", "firstBatch": first}, "ok": 1.0}

    def behave(self, client: socket.socket, stop: Event) -> None:
        """Serve one connection until it ends."""
        client.settimeout(0.1)  # it looks as often whether that is so
        while not stop.is_set():
            head = _exactly(client, 16, stop)
            length, request, _, code = struct.unpack("<iiii", head)
            body = _exactly(client, length - 16, stop)
            if code == _OP_QUERY:
                start = body.index(b"\0", 4) + 9
                told = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(self.answer(bson.decode(body[start:])))
            else:
                told = struct.pack("<ib", 0, 0) + bson.encode(self.answer(bson.decode(body[5:])))
            code = _OP_REPLY if code == _OP_QUERY else _OP_MSG
            client.sendall(struct.pack("<iiii", 16 + len(told), 0, request, code) + told)


@contextmanager
def serving_recorded(answers: Answers) -> Iterator[RecordedMongod]:
    """Serve *answers* on a free port until the end of the block."""
    server = RecordedMongod(answers)
    with tcp(server.behave) as server.port:
        yield server


def _exactly(client: socket.socket, size: int, stop: Event) -> bytes:
    found = b""
    while len(found) < size:
        if stop.is_set():
            raise ConnectionAbortedError
        with suppress(TimeoutError):
            piece = client.recv(size - len(found))
            if not piece:
                raise ConnectionResetError
            found += piece
    return found


StartFerretdb = Callable[..., str]


@pytest.fixture(scope="module")
def start_ferretdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartFerretdb]:
    """Return a function that starts FerretDB over SQLite, with a user of a password where they are given; it returns the url."""
    with ExitStack() as stack:

        def start(user: str = "", password: str = "") -> str:
            folder, port = tmp_path_factory.mktemp("ferretdb"), free_port()
            program = str(FERRETDB) if FERRETDB.exists() else "ferretdb"
            login = ("--test-enable-new-auth", "--setup-database=admin", f"--setup-username={user}", f"--setup-password={password}")  # fmt: skip
            flags = (
                "--handler=sqlite",
                f"--sqlite-url=file:{folder}/",
                f"--listen-addr=127.0.0.1:{port}",
                "--debug-addr=-",
            )
            quiet = ("--telemetry=disable", f"--state-dir={folder}", "--log-level=error")
            stack.enter_context(process(program, *flags, *quiet, *(login if user else ()), cwd=folder))
            eventually(lambda: connects(port), 60)
            return f"mongodb://127.0.0.1:{port}/"

        yield start


@pytest.fixture(scope="module")
def mongodb_by_seawall(start_exporter: StartExporter) -> Exposed:
    """Return what Seawall's exporter tells of recorded answers, with fields where old and new versions have them."""
    with serving_recorded(primary()) as old, serving_recorded(as_of_8(primary())) as new:
        exporter = start_exporter({"old": old.url, "new": new.url})
        return exposed([exporter.scrape(f"/probe?service={name}") for name in ("old", "new")])
