"""What MongoDB says of its databases, the largest of them, and of the operations that run for long."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, gauge
from .mongodb_fields import TOPOLOGY, Document, declared, number

KEPT: Final = 50  # databases
LONG: Final = 10_000_000  # microseconds after which an operation is told of
_MOST_OPERATIONS: Final = 10
_OTHERS: Final = "others"
_DBSTATS: Final = {
    field: declared(f"dbstats.{field}", meaning, "database")
    for field, meaning in {
        "collections": "Collections of each database.",
        "views": "Views of each database.",
        "objects": "Documents of each database.",
        "dataSize": "Bytes of its documents, before compression.",
        "storageSize": "Bytes of its collections on disk.",
        "indexes": "Its indexes.",
        "indexSize": "Bytes of its indexes on disk.",
        "totalSize": "Bytes of both; of those beyond the largest, together as others, what listDatabases says.",
        "fsUsedSize": "Bytes used on the disk that it is on.",
        "fsTotalSize": "Bytes of that disk.",
    }.items()
}
OPERATIONS: Final = gauge(
    "mongodb_currentop_query_uptime",
    "",
    "Microseconds that an operation runs: the ten longest of those that run for more than ten seconds.",
    *(*TOPOLOGY, "opid", "op", "desc", "database", "collection", "ns"),
)
FSYNC_LOCK: Final = gauge("mongodb_currentop_fsync_lock_state", "", "1 while fsyncLock holds writes back, else 0.")
DATABASE_METRICS: Final[tuple[MetricInfo, ...]] = (*_DBSTATS.values(), OPERATIONS, FSYNC_LOCK)
_SYSTEM: Final = frozenset({"admin", "config", "local", ""})


def databases(listed: Document, ask: Callable[[str], Document], topology: Labels) -> tuple[list[Metric], int]:
    """Return the families of those *listed*, by *ask* the ``dbStats`` of the largest, and how many others there are."""
    found = [each for each in _list(listed, "databases") if isinstance(each.get("name"), str)]
    found.sort(key=lambda each: number(each, "sizeOnDisk") or 0.0, reverse=True)
    answers = {str(each["name"]): ask(str(each["name"])) for each in found[:KEPT]}
    others = found[KEPT:]
    families = []
    for field, info in _DBSTATS.items():
        values = {(*topology, name): number(answer, field) for name, answer in answers.items()}
        if others and field == "totalSize":
            values[(*topology, _OTHERS)] = sum(number(each, "sizeOnDisk") or 0.0 for each in others)
        families.append(info.samples(values))
    return families, len(others)


def operations(answer: Document, topology: Labels) -> Iterator[Metric]:
    """Yield the families of ``currentOp``, which was asked for those beyond LONG; the server's own are left out."""
    running = [each for each in _list(answer, "inprog") if _database(each) not in _SYSTEM]
    running.sort(key=lambda each: number(each, "microsecs_running") or 0.0, reverse=True)
    yield OPERATIONS.samples(
        {(*topology, *_operation(each)): number(each, "microsecs_running") for each in running[:_MOST_OPERATIONS]}
    )
    yield FSYNC_LOCK.value(number(answer, "fsyncLock") or 0.0)


def _operation(each: Document) -> Labels:
    namespace = str(each.get("ns"))
    database, _, collection = namespace.partition(".")
    words = (str(each.get(field, "")) for field in ("opid", "op", "desc"))
    return (*words, database, collection, namespace)


def _database(each: Document) -> str:
    return str(each.get("ns") or "").partition(".")[0]


def _list(answer: Document, field: str) -> list[dict[str, Any]]:
    found = answer.get(field)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
