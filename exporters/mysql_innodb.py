"""What InnoDB tells by information_schema: open transactions, the purge, deadlocks, and how large the tables are."""

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import Metric

from .declaration import Labels, counter, gauge
from .mysql_query import LIMIT, OTHERS, Query, Row, Server, number

# mysqld_exporter tells nothing of them, so the names are our own.
TRANSACTIONS: Final = gauge("seawall_mysql_transactions", "", "Open transactions of InnoDB, by state.", "state")
OLDEST: Final = gauge(
    "seawall_mysql_oldest_transaction_age_seconds", "seconds", "Age of the oldest transaction in each state.", "state"
)
_STATES: Final = ("idle", "running", "waiting")


def _transactions(rows: Sequence[Row]) -> Iterator[Metric]:
    found = {row["state"]: row for row in rows}
    for info, column in ((TRANSACTIONS, "many"), (OLDEST, "age")):
        yield info.samples({(state,): number(found.get(state, {column: "0"})[column]) for state in _STATES})


_OPEN: Final = Query(
    "innodb_trx",
    (TRANSACTIONS, OLDEST),
    "SELECT CASE WHEN trx_state = 'LOCK WAIT' THEN 'waiting' WHEN trx_query IS NULL THEN 'idle' ELSE 'running' END "
    "AS state, COUNT(*) AS many, MAX(GREATEST(0, TIMESTAMPDIFF(SECOND, trx_started, NOW()))) AS age "
    "FROM information_schema.innodb_trx GROUP BY 1",
    _transactions,
)

_METRIC: Final = "mysql_info_schema_innodb_metrics_"
HISTORY: Final = gauge(f"{_METRIC}transaction_trx_rseg_history_len", "", "Changes whose old rows are not yet purged.")
DEADLOCKS_BEFORE: Final = gauge(f"{_METRIC}lock_lock_deadlocks", "", "Deadlocks, as MariaDB counts them.")
DEADLOCKS: Final = counter(f"{_METRIC}lock_lock_deadlocks_total", "", "Deadlocks, as MySQL counts them.")


def _metrics(rows: Sequence[Row]) -> Iterator[Metric]:
    """Yield the families; what is a counter and what is not differs between the servers."""
    found = {(row["name"], "counter" in (row["type"] or "")): number(row["count"]) for row in rows}
    yield HISTORY.value(found.get(("trx_rseg_history_len", False)))
    yield DEADLOCKS_BEFORE.value(found.get(("lock_deadlocks", False)))
    yield DEADLOCKS.value(found.get(("lock_deadlocks", True)))


METRICS: Final = Query(
    "innodb_metrics",
    (HISTORY, DEADLOCKS_BEFORE, DEADLOCKS),
    "SELECT name, type, count FROM information_schema.innodb_metrics "
    "WHERE name IN ('trx_rseg_history_len', 'lock_deadlocks')",
    _metrics,
)

_SPACE: Final = "mysql_info_schema_innodb_tablespace_"
_SIZES: Final = {
    "allocated": gauge(f"{_SPACE}allocated_size_bytes", "bytes", "Size on disk.", "tablespace_name"),
    "size": gauge(f"{_SPACE}file_size_bytes", "bytes", "Apparent size, also of holes.", "tablespace_name"),
}


def _spaces(server: Server) -> str:
    table = "innodb_tablespaces" if not server.is_mariadb and server.version >= (8,) else "innodb_sys_tablespaces"
    # The row without a name is of all of them, and so the largest: one look at the files is enough.
    return (
        "SELECT * FROM (SELECT name, SUM(file_size) AS size, SUM(allocated_size) AS allocated, COUNT(*) AS many "
        f"FROM information_schema.{table} GROUP BY name WITH ROLLUP) AS spaces ORDER BY many DESC, allocated DESC "
        f"LIMIT {LIMIT + 1}"
    )


def _tablespaces(rows: Sequence[Row]) -> Iterator[Metric]:
    kept = [row for row in rows if row["name"] is not None]
    for column, info in _SIZES.items():
        values: dict[Labels, float | None] = {(row["name"] or "",): number(row[column]) for row in kept}
        if beyond(rows):
            total = sum(number(row[column]) or 0.0 for row in rows if row["name"] is None)
            values[OTHERS,] = total - sum(value or 0.0 for value in values.values())
        yield info.samples(values)


def beyond(rows: Sequence[Row]) -> float:
    """Return how many tables there are beyond those that are kept."""
    total = sum(number(row["many"]) or 0.0 for row in rows if row["name"] is None)
    return max(0.0, total - sum(row["name"] is not None for row in rows))


TABLESPACES: Final = Query("innodb_tablespaces", tuple(_SIZES.values()), _spaces, _tablespaces, folded=beyond)

INNODB_QUERIES: Final = (_OPEN, METRICS, TABLESPACES)
