"""What MySQL and MariaDB tell of replication, as a replica of its sources, and of the binary logs."""

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import Metric

from .declaration import MetricInfo, gauge, untyped
from .mysql_query import Query, Row, Server, columns, number

_LABELS: Final = ("master_host", "master_uuid", "channel_name", "connection_name")
# By the names that they had before MySQL 8.0.22, which MariaDB has still.
_MEANINGS: Final[dict[str, tuple[str, str]]] = {
    "slave_io_running": ("", "1 if the thread that receives runs and is connected, else 0."),
    "slave_sql_running": ("", "1 if the thread that applies runs, else 0."),
    "seconds_behind_master": ("seconds", "How far behind the replica is; none while it does not run."),
    "sql_delay": ("seconds", "How far behind it is meant to be."),
    "last_errno": ("", "Number of the last error of applying; 0 is none."),
    "last_io_errno": ("", "Number of the last error of receiving; 0 is none."),
    "last_sql_errno": ("", "Number of the last error of applying; 0 is none."),
    "exec_master_log_pos": ("bytes", "How far it has applied, in the source's file."),
    "read_master_log_pos": ("bytes", "How far it has received, in the source's file."),
    "relay_log_space": ("bytes", "Size of what it received and keeps."),
    "skip_counter": ("", "Events that it is to skip."),
    "master_server_id": ("", "The source's server_id."),
}
_FAMILIES: Final[dict[str, MetricInfo]] = {
    name: untyped(f"mysql_slave_status_{name}", unit, meaning, *_LABELS) for name, (unit, meaning) in _MEANINGS.items()
}
_NEWER: Final = (("replica_", "slave_"), ("source_", "master_"), ("_source", "_master"))


def older(column: str) -> str:
    """Return what a column of ``SHOW REPLICA STATUS`` was called before."""
    for new, old in _NEWER:
        column = column.replace(new, old)
    return column


def _status(server: Server) -> str:
    if server.is_mariadb:
        return "SHOW ALL SLAVES STATUS"
    return "SHOW REPLICA STATUS" if server.version >= (8, 0, 22) else "SHOW SLAVE STATUS"


def _replica(rows: Sequence[Row]) -> Iterator[Metric]:
    yield from columns(_FAMILIES, [{older(column): value for column, value in row.items()} for row in rows])


REPLICA: Final = Query("slave_status", tuple(_FAMILIES.values()), _status, _replica)

_SIZE: Final = gauge("mysql_binlog_size_bytes", "bytes", "Size of all binary logs.")
_FILES: Final = gauge("mysql_binlog_files", "", "Files of the binary log.")


def _binlogs(rows: Sequence[Row]) -> Iterator[Metric]:
    yield _SIZE.value(sum(number(row.get("file_size")) or 0.0 for row in rows))
    yield _FILES.value(len(rows))


BINLOGS: Final = Query(
    "binlog_size", (_SIZE, _FILES), "SHOW BINARY LOGS", _binlogs, fits=lambda server: server.has("log_bin")
)

REPLICATION_QUERIES: Final = (REPLICA, BINLOGS)
