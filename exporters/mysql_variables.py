"""The settings of MySQL and MariaDB that alerts, panels and readers look at; they say what a server is, too."""

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import Metric

from .declaration import gauge
from .mysql_query import Query, Row, named, number

_UNITS: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "back_log",
            "event_scheduler",
            "gtid_strict_mode",
            "innodb_deadlock_detect",
            "innodb_file_per_table",
            "innodb_flush_log_at_trx_commit",
            "innodb_io_capacity",
            "innodb_io_capacity_max",
            "innodb_log_files_in_group",
            "innodb_open_files",
            "log_bin",
            "max_connect_errors",
            "max_connections",
            "max_prepared_stmt_count",
            "max_user_connections",
            "open_files_limit",
            "performance_schema",
            "query_cache_type",
            "read_only",
            "server_id",
            "slave_parallel_threads",
            "slow_query_log",
            "super_read_only",
            "sync_binlog",
            "table_definition_cache",
            "table_open_cache",
            "thread_cache_size",
            "wsrep_on",
        ),
        "",
    ),
    **dict.fromkeys(
        (
            "innodb_buffer_pool_size",
            "innodb_log_buffer_size",
            "innodb_log_file_size",
            "innodb_page_size",
            "innodb_redo_log_capacity",
            "join_buffer_size",
            "key_buffer_size",
            "max_allowed_packet",
            "max_binlog_size",
            "max_heap_table_size",
            "query_cache_size",
            "read_buffer_size",
            "read_rnd_buffer_size",
            "sort_buffer_size",
            "thread_stack",
            "tmp_table_size",
        ),
        "bytes",
    ),
    **dict.fromkeys(
        (
            "binlog_expire_logs_seconds",
            "connect_timeout",
            "innodb_lock_wait_timeout",
            "interactive_timeout",
            "lock_wait_timeout",
            "long_query_time",
            "max_statement_time",
            "slave_net_timeout",
            "wait_timeout",
        ),
        "seconds",
    ),
    "innodb_max_dirty_pages_pct": "per cent",
    "max_execution_time": "milliseconds",
}
_SETTINGS: Final = {
    name: gauge(f"mysql_global_variables_{name}", unit, f"The setting {name}.") for name, unit in _UNITS.items()
}
VERSION: Final = gauge(
    "mysql_version_info",
    "",
    "What the server is; always 1.",
    *("innodb_version", "version", "version_comment"),
)
_NAMES: Final = sorted((*_UNITS, *VERSION.labels))


def _read(rows: Sequence[Row]) -> Iterator[Metric]:
    settings = named(rows)
    for name, info in _SETTINGS.items():
        yield info.value(number(settings.get(name)))
    yield VERSION.samples({tuple(settings.get(label, "") for label in VERSION.labels): 1})


VARIABLES: Final = Query(
    "global_variables",
    (*_SETTINGS.values(), VERSION),
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN (" + ", ".join(f"'{name}'" for name in _NAMES) + ")",
    _read,
)
