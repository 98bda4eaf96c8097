"""Which fields of MongoDB's answers are metrics, and the names that mongodb_exporter gives them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, counter, untyped

Document = Mapping[str, Any]

TOPOLOGY: Final = ("cl_id", "cl_role", "rs_nm", "rs_state")
"""What every family carries first: the cluster's id and role, the replica set's name, this member's state in it."""
_PREFIXES: Final = {
    "serverStatus.wiredTiger.transaction.": "ss_wt_txn.",
    "serverStatus.wiredTiger.": "ss_wt.",
    "serverStatus.": "ss.",
    "replSetGetStatus.": "rs.",
}
_UNITS: Final = {"[bB]ytes|[sS]ize$": "bytes", "^uptime(Estimate)?$|DelaySecs$|^slaveDelay$": "seconds"}
_MOST_VALUES: Final = 50  # of a label that is a field's name


def named(path: str) -> str:
    """Return the name of the field at *path*, whose words become one."""
    prefix = next((each for each in _PREFIXES if path.startswith(each)), "")
    words = re.sub(r"\W+", "_", _PREFIXES.get(prefix, "") + path.removeprefix(prefix))
    return "mongodb_" + re.sub("__+", "_", words).strip("_")


def declared(path: str, meaning: str, *labels: str) -> MetricInfo:
    """Declare the field at *path*: a counter where its name ends in count, else untyped, as mongodb_exporter has it."""
    make = counter if path.lower().endswith("count") else untyped
    unit = next((unit for words, unit in _UNITS.items() if re.search(words, path.rpartition(".")[2])), "")
    return make(named(path), unit, meaning, *TOPOLOGY, *labels)


def number(document: Document, path: str) -> float | None:
    """Return the number at *path*, whose words are divided by dots; None where there is none."""
    found: Any = document
    for word in path.split("."):
        found = found.get(word) if isinstance(found, Mapping) else None
    return as_number(found)


def as_number(value: Any) -> float | None:
    """Return a number, a truth, a date in milliseconds or a timestamp in seconds; None of anything else."""
    if isinstance(value, bool | int | float):
        return float(value)
    if type(value).__name__ == "DatetimeMS":
        return float(int(value))
    return float(value.time) if type(value).__name__ == "Timestamp" else None


def inner(document: Document, path: str) -> Document:
    """Return the document at *path*, an empty one where there is none."""
    found: Any = document
    for word in path.split("."):
        found = found.get(word) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


_WORDS: Final = {
    "uptime": "Seconds since the server started.",
    "uptimeMillis": "Milliseconds since the server started.",
    "uptimeEstimate": "Seconds since the server started, by its coarse clock.",
    "localTime": "The server's clock, in milliseconds since 1970.",
    "extra_info.page_faults": "Page faults that read from disk.",
    "extra_info.user_time_us": "CPU time in the server, in microseconds.",
    "extra_info.system_time_us": "CPU time in the kernel, in microseconds.",
    "flowControl.enabled": "1 if the primary may slow writes down, else 0.",
    "flowControl.isLagged": "1 while it slows writes down because the majority lags, else 0.",
    "flowControl.isLaggedCount": "Times that it began to.",
    "flowControl.isLaggedTimeMicros": "Microseconds that it did.",
    "flowControl.targetRateLimit": "Tickets a second that writes may take.",
    "flowControl.sustainerRate": "Operations a second that the slowest of the majority applies.",
    "flowControl.timeAcquiringMicros": "Microseconds that writes waited for such a ticket.",
    "globalLock.totalTime": "Microseconds since the global lock was made.",
    "globalLock.activeClients.total": "Clients that work or wait, the server's own among them.",
    "globalLock.activeClients.readers": "Clients that read.",
    "globalLock.activeClients.writers": "Clients that write.",
    "mem.resident": "Memory that the server holds, in mebibytes.",
    "mem.virtual": "Its address space, in mebibytes.",
    "network.bytesIn": "Bytes received, before compression.",
    "network.bytesOut": "Bytes sent, before compression.",
    "network.physicalBytesIn": "Bytes received.",
    "network.physicalBytesOut": "Bytes sent.",
    "network.numRequests": "Requests received.",
    "electionMetrics.electionTimeout.called": "Elections that it called because it heard of no primary.",
    "electionMetrics.electionTimeout.successful": "Of these, won.",
    "electionMetrics.priorityTakeover.called": "Elections that it called because its priority is higher.",
    "electionMetrics.stepUpCmd.called": "Elections that a command made it call.",
    "electionMetrics.catchUpTakeover.called": "Elections that it called because it was ahead of the primary.",
    "electionMetrics.numStepDownsCausedByHigherTerm": "Times that it stepped down for a newer primary.",
    "metrics.cursor.timedOut": "Cursors that were closed because nobody read on.",
    "metrics.getLastError.wtime.num": "Writes that waited for a write concern.",
    "metrics.getLastError.wtime.totalMillis": "Milliseconds that they waited.",
    "metrics.getLastError.wtimeouts": "Writes whose write concern was not met in time.",
    "metrics.operation.scanAndOrder": "Queries that sorted without an index.",
    "metrics.operation.writeConflicts": "Writes that met another's and were tried again.",
    "metrics.queryExecutor.scanned": "Keys of indexes that queries looked at.",
    "metrics.queryExecutor.scannedObjects": "Documents that queries looked at.",
    "metrics.queryExecutor.collectionScans.total": "Queries that looked at a whole collection.",
    "metrics.queryExecutor.collectionScans.nonTailable": "Of these, those that do not follow a collection's end.",
    "metrics.repl.apply.batches.num": "Batches that replication applied.",
    "metrics.repl.apply.batches.totalMillis": "Milliseconds that this took.",
    "metrics.repl.apply.ops": "Operations that replication applied.",
    "metrics.repl.buffer.count": "Operations that wait to be applied.",
    "metrics.repl.buffer.sizeBytes": "Bytes of them.",
    "metrics.repl.buffer.maxSizeBytes": "Bytes that may wait.",
    "metrics.repl.network.bytes": "Bytes read from where it replicates from.",
    "metrics.repl.network.ops": "Operations read from there.",
    "metrics.repl.network.getmores.num": "Times that it asked there.",
    "metrics.repl.network.getmores.totalMillis": "Milliseconds that it waited there.",
    "metrics.ttl.deletedDocuments": "Documents deleted because they expired.",
    "metrics.ttl.passes": "Runs of what deletes them.",
    "transactions.currentOpen": "Transactions that are open.",
    "transactions.currentActive": "Of these, working.",
    "transactions.currentInactive": "Of these, idle.",
    "transactions.totalStarted": "Transactions begun.",
    "transactions.totalCommitted": "Transactions committed.",
    "transactions.totalAborted": "Transactions aborted.",
    "logicalSessionRecordCache.activeSessionsCount": "Sessions used since they were last written down.",
    "wiredTiger.cache.bytes currently in the cache": "Bytes in the cache.",
    "wiredTiger.cache.maximum bytes configured": "Bytes that the cache may have.",
    "wiredTiger.cache.tracked dirty bytes in the cache": "Bytes of the cache that are not yet written.",
    "wiredTiger.cache.bytes read into cache": "Bytes read from disk.",
    "wiredTiger.cache.bytes written from cache": "Bytes written to disk.",
    "wiredTiger.cache.pages read into cache": "Pages read from disk.",
    "wiredTiger.cache.pages requested from the cache": "Pages asked for.",
    "wiredTiger.cache.pages evicted by application threads": "Pages that operations had to evict by themselves.",
    "wiredTiger.cache.modified pages evicted": "Pages evicted that had to be written.",
    "wiredTiger.cache.unmodified pages evicted": "Pages evicted that had not.",
    "wiredTiger.transaction.transaction checkpoint most recent time (msecs)": "The same, before MongoDB 7.",
    "wiredTiger.checkpoint.most recent time (msecs)": "Milliseconds of the last checkpoint.",
    "wiredTiger.transaction.transactions committed": "Transactions of the storage engine that committed.",
    "wiredTiger.transaction.transactions rolled back": "Transactions of the storage engine that were rolled back.",
    "wiredTiger.log.log bytes written": "Bytes written to the journal.",
    "wiredTiger.log.log sync operations": "Times that the journal was synced.",
}
FIELDS: Final = {path: declared(f"serverStatus.{path}", meaning) for path, meaning in _WORDS.items()}

_GROUPS: Final = {
    "asserts": ("assert_type", "Assertions that failed, by kind; user: errors of clients."),
    "connections": ("conn_type", "Connections: current, available, active, totalCreated."),
    "globalLock.currentQueue": ("count_type", "Operations that wait for a lock or a ticket."),
    "metrics.cursor.open": ("csr_type", "Cursors that are open."),
    "metrics.document": ("doc_op_type", "Documents, by what was done to them."),
    "opcounters": ("legacy_op_type", "Operations, by kind."),
    "opcountersRepl": ("legacy_op_type", "Operations that replication applied, by kind."),
}
GROUPS: Final = {
    path: untyped(named(f"serverStatus.{path}"), "", meaning, *TOPOLOGY, label)
    for path, (label, meaning) in _GROUPS.items()
}
TICKETS: Final = {
    field: untyped(f"mongodb_ss_wt_concurrentTransactions_{field}", "", meaning, *TOPOLOGY, "txn_rw")
    for field, meaning in {
        "out": "Operations that are let into the storage engine.",
        "available": "Further ones that are let in at once.",
        "totalTickets": "How many are let in; from MongoDB 7 on the server moves it by itself.",
    }.items()
}
LATENCIES: Final = {
    field: untyped(f"mongodb_ss_opLatencies_{field}", "", meaning, *TOPOLOGY, "op_type")
    for field, meaning in {"latency": "Microseconds that operations took.", "ops": "Operations, by kind."}.items()
}
SERVER_METRICS: Final[tuple[MetricInfo, ...]] = (
    *FIELDS.values(),
    *GROUPS.values(),
    *TICKETS.values(),
    *LATENCIES.values(),
)


def server_status(status: Document, topology: Labels) -> Iterator[Metric]:
    """Yield the families of ``serverStatus``."""
    for path, info in FIELDS.items():
        yield info.samples({topology: number(status, path)})
    for path, info in GROUPS.items():
        leaves = list(inner(status, path).items())[:_MOST_VALUES]
        yield info.samples({(*topology, field): as_number(value) for field, value in leaves})
    tickets = inner(status, "queues.execution") or inner(status, "wiredTiger.concurrentTransactions")
    yield from _crossed(TICKETS, tickets, ("read", "write"), topology)
    yield from _crossed(
        LATENCIES, inner(status, "opLatencies"), ("commands", "reads", "transactions", "writes"), topology
    )


def _crossed(
    of: Mapping[str, MetricInfo], found: Document, rows: tuple[str, ...], topology: Labels
) -> Iterator[Metric]:
    for field, info in of.items():
        yield info.samples({(*topology, row): number(found, f"{row}.{field}") for row in rows})
