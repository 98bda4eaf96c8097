"""What a node of Cassandra tells of its tables by virtual tables; beyond the largest of each, one sum."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import nlargest
from typing import Final

from prometheus_client import Metric

from .cassandra_cql import Row
from .cassandra_node import Rows, Values, number, text
from .declaration import Labels, MetricInfo, gauge, untyped

LIMIT: Final = 200
"""Tables that each virtual table is told of one by one: the largest, or those most asked for."""
OTHERS: Final = ("", "others")
"""The keyspace and the name of the rest; no keyspace is without a name."""
_TABLE: Final = ("keyspace", "table")
_OPERATION: Final = (*_TABLE, "operation")
_MIB: Final = 2.0**20
_MS: Final = 1e-3
_SECONDS_AS_MS: Final = ("4.1.", "5.0.")
"""Versions whose columns named ``_ms`` hold seconds: their timers count microseconds, and are taken for nanoseconds."""
_NO_SUM: Final = "Without a sum, which virtual tables do not have."


def _summary(name: str, unit: str, meaning: str, *labels: str) -> tuple[MetricInfo, MetricInfo]:
    return (
        untyped(name, unit, f"{meaning} {_NO_SUM}", *labels, "quantile"),
        untyped(f"{name}_count", "", "How many there were of these since the node started.", *labels),
    )


COORDINATOR: Final = _summary(
    "cassandra_table_coordinator_latency_seconds", "seconds", "How long clients' requests took.", *_OPERATION
)
OPERATION: Final = _summary(
    "cassandra_table_operation_latency_seconds", "seconds", "How long the node's own part took.", *_OPERATION
)
TOMBSTONES: Final = _summary("cassandra_table_tombstones_scanned", "", "Deleted cells that a read met.", *_TABLE)
LIVE_ROWS: Final = _summary("cassandra_table_live_rows_scanned", "", "Rows that a read met.", *_TABLE)
DISK: Final = gauge("cassandra_table_disk_space_bytes", "bytes", "Size on disk, in whole MiB.", *_TABLE)
PARTITION: Final = gauge(
    "cassandra_table_partition_size_maximum_bytes", "bytes", "The largest partition, in whole MiB.", *_TABLE
)
TABLE_METRICS: Final[tuple[MetricInfo, ...]] = (
    *(*COORDINATOR, *OPERATION, *TOMBSTONES, *LIVE_ROWS),
    *(DISK, PARTITION),
)


@dataclass(frozen=True)
class Histogram:
    """A virtual table of quantiles: the families that it tells, the label that it adds, and whether they are times."""

    families: tuple[MetricInfo, MetricInfo]
    operation: Labels = ()
    timed: bool = False
    columns: tuple[str, str] = ("p50th", "p99th")

    @property
    def selected(self) -> str:
        """Return the columns to ask for."""
        return ", ".join(("keyspace_name", "table_name", "count", *self.columns))


def _timed(families: tuple[MetricInfo, MetricInfo], operation: str) -> Histogram:
    return Histogram(families, (operation,), True, ("p50th_ms", "p99th_ms"))


HISTOGRAMS: Final[Mapping[str, Histogram]] = {
    "coordinator_read_latency": _timed(COORDINATOR, "read"),
    "coordinator_write_latency": _timed(COORDINATOR, "write"),
    "coordinator_scan_latency": _timed(COORDINATOR, "scan"),
    "local_read_latency": _timed(OPERATION, "read"),
    "local_write_latency": _timed(OPERATION, "write"),
    "local_scan_latency": _timed(OPERATION, "range_read"),
    "tombstones_per_read": Histogram(TOMBSTONES),
    "rows_per_read": Histogram(LIVE_ROWS),
}
SIZES: Final[Mapping[str, tuple[MetricInfo, Callable[[list[float]], float]]]] = {
    "disk_usage": (DISK, sum),
    "max_partition_size": (PARTITION, max),
}
SIZE_COLUMNS: Final = "keyspace_name, table_name, mebibytes"


class Tables:
    """Collects what several virtual tables of a node of *version* tell of the same families."""

    def __init__(self, version: str) -> None:
        self._scale = 1 if version.startswith(_SECONDS_AS_MS) else _MS
        self._values: dict[MetricInfo, Values] = {}
        self.folded: dict[str, int] = {}

    def families(self) -> Iterator[Metric]:
        """Yield them, once each."""
        yield from (info.samples(values) for info, values in self._values.items())

    def add_histogram(self, name: str, rows: Rows) -> None:
        """Take in *rows* of a table of HISTOGRAMS; a table that nobody asked for has no quantiles."""
        histogram = HISTOGRAMS[name]
        scale = self._scale if histogram.timed else 1
        quantiles, counts = (self._values.setdefault(info, {}) for info in histogram.families)
        kept, rest = self._largest(name, [row for row in rows if number(row, "count")], "count")
        for labels, group in [*((_table(row), [row]) for row in kept), *([(OTHERS, rest)] if rest else [])]:
            counts[labels + histogram.operation] = sum(number(row, "count") or 0 for row in group)
            for quantile, column in zip(("0.5", "0.99"), histogram.columns, strict=True):
                worst = max((number(row, column) or 0 for row in group), default=0)
                quantiles[(*labels, *histogram.operation, quantile)] = worst * scale

    def add_sizes(self, name: str, rows: Rows) -> None:
        """Take in *rows* of a table of SIZES."""
        info, together = SIZES[name]
        kept, rest = self._largest(name, rows, "mebibytes")
        values: Values = {_table(row): (number(row, "mebibytes") or 0) * _MIB for row in kept}
        if rest:
            values[OTHERS] = together([number(row, "mebibytes") or 0 for row in rest]) * _MIB
        self._values[info] = values

    def _largest(self, name: str, rows: Rows, column: str) -> tuple[Rows, Rows]:
        if len(rows) <= LIMIT:
            return rows, []
        kept = {id(row) for row in nlargest(LIMIT, rows, key=lambda row: (number(row, column) or 0, _table(row)))}
        self.folded[name] = len(rows) - LIMIT
        return [row for row in rows if id(row) in kept], [row for row in rows if id(row) not in kept]


def _table(row: Row) -> tuple[str, str]:
    return text(row, "keyspace_name"), text(row, "table_name")
