"""What MySQL and MariaDB say of themselves in ``SHOW GLOBAL STATUS``: counters since they started, and gauges."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, counter, gauge, untyped
from .mysql_query import Query, Row, named, number

_PLAIN: Final[dict[str, tuple[str, str]]] = {
    "aborted_clients": ("", "Connections that ended without a farewell."),
    "aborted_connects": ("", "Attempts to connect that failed."),
    "access_denied_errors": ("", "Attempts that were denied, to connect or within a connection; MariaDB."),
    "binlog_bytes_written": ("bytes", "Written to the binary log; MariaDB."),
    "binlog_cache_disk_use": ("", "Transactions too large for the binary log's cache, which went to a file."),
    "binlog_cache_use": ("", "Transactions that used the binary log's cache."),
    "bytes_received": ("bytes", "Received from clients."),
    "bytes_sent": ("bytes", "Sent to clients."),
    "connections": ("", "Attempts to connect, also those that failed."),
    "created_tmp_disk_tables": ("", "Temporary tables that went to disk."),
    "created_tmp_files": ("", "Temporary files."),
    "created_tmp_tables": ("", "Temporary tables, also those that went to disk."),
    "innodb_buffer_pool_bytes_data": ("bytes", "Of the buffer pool that holds data."),
    "innodb_buffer_pool_bytes_dirty": ("bytes", "Of the buffer pool that is not yet written."),
    "innodb_buffer_pool_read_requests": ("", "Pages that were asked of the buffer pool."),
    "innodb_buffer_pool_reads": ("", "Pages that it did not have, and that were read from disk."),
    "innodb_buffer_pool_wait_free": ("", "Times that somebody waited for a free page of it."),
    "innodb_buffer_pool_write_requests": ("", "Writes to pages of it."),
    "innodb_checkpoint_age": ("bytes", "Of the redo log that a checkpoint has yet to free; MariaDB."),
    "innodb_checkpoint_max_age": ("bytes", "Of it at which writes have to wait; MariaDB."),
    "innodb_data_fsyncs": ("", "Synchronisations of InnoDB's files."),
    "innodb_data_pending_reads": ("", "Reads under way."),
    "innodb_data_pending_writes": ("", "Writes under way."),
    "innodb_data_read": ("bytes", "Read from InnoDB's files."),
    "innodb_data_reads": ("", "Reads of InnoDB's files."),
    "innodb_data_writes": ("", "Writes to InnoDB's files."),
    "innodb_data_written": ("bytes", "Written to InnoDB's files."),
    "innodb_deadlocks": ("", "Deadlocks; MariaDB."),
    "innodb_history_list_length": ("", "Changes whose old rows are not yet purged; MariaDB."),
    "innodb_log_waits": ("", "Times that the log buffer was too small."),
    "innodb_log_write_requests": ("", "Writes to the log buffer."),
    "innodb_log_writes": ("", "Writes to the redo log."),
    "innodb_num_open_files": ("", "Files that InnoDB has open."),
    "innodb_os_log_written": ("bytes", "Written to the redo log."),
    "innodb_page_size": ("bytes", "Size of a page."),
    "innodb_row_lock_current_waits": ("", "Row locks that are waited for."),
    "innodb_row_lock_time": ("milliseconds", "Time spent waiting for row locks."),
    "innodb_row_lock_time_avg": ("milliseconds", "Mean wait for a row lock since the start."),
    "innodb_row_lock_time_max": ("milliseconds", "Longest wait for a row lock since the start."),
    "innodb_row_lock_waits": ("", "Row locks that were waited for."),
    "key_read_requests": ("", "Blocks of MyISAM indexes that were asked for."),
    "key_reads": ("", "Blocks of them that were read from disk."),
    "key_write_requests": ("", "Writes to blocks of MyISAM indexes."),
    "key_writes": ("", "Blocks of them that were written to disk."),
    "max_statement_time_exceeded": ("", "Statements that were ended for their time; MariaDB."),
    "max_used_connections": ("", "Most connections at once since the start."),
    "memory_used": ("bytes", "Memory that the server allocated; MariaDB."),
    "open_files": ("", "Files that are open, without InnoDB's."),
    "open_table_definitions": ("", "Definitions of tables that are cached."),
    "open_tables": ("", "Tables that are open."),
    "opened_files": ("", "Files opened."),
    "opened_table_definitions": ("", "Definitions of tables read."),
    "opened_tables": ("", "Tables opened."),
    "prepared_stmt_count": ("", "Prepared statements that are kept."),
    "qcache_free_memory": ("bytes", "Memory of the query cache that is free; not of MySQL 8."),
    "qcache_hits": ("", "Queries that it answered."),
    "qcache_inserts": ("", "Answers that it took in."),
    "qcache_lowmem_prunes": ("", "Answers that it dropped for want of memory."),
    "qcache_not_cached": ("", "Queries that it does not take."),
    "queries": ("", "Statements, also those within procedures."),
    "questions": ("", "Statements that clients sent."),
    "rpl_semi_sync_master_clients": ("", "Replicas that confirm what they received."),
    "rpl_semi_sync_master_no_tx": ("", "Transactions that no replica confirmed."),
    "rpl_semi_sync_master_status": ("", "1 while commits wait for a replica, else 0."),
    "rpl_semi_sync_master_yes_tx": ("", "Transactions that a replica confirmed."),
    "rpl_semi_sync_slave_status": ("", "1 while the replica confirms, else 0."),
    "select_full_join": ("", "Joins without an index."),
    "select_full_range_join": ("", "Joins by a range of another table."),
    "select_range": ("", "Joins by a range of the first table."),
    "select_range_check": ("", "Joins that look for an index at each row."),
    "select_scan": ("", "Joins that read the whole first table."),
    "slaves_connected": ("", "Replicas that are connected to it; MariaDB."),
    "slow_launch_threads": ("", "Threads that took more than slow_launch_time to create."),
    "slow_queries": ("", "Statements that took more than long_query_time."),
    "sort_merge_passes": ("", "Merges of sorts too large for their buffer."),
    "sort_range": ("", "Sorts of ranges."),
    "sort_rows": ("", "Rows sorted."),
    "sort_scan": ("", "Sorts of whole tables."),
    "table_locks_immediate": ("", "Locks of tables had at once."),
    "table_locks_waited": ("", "Locks of tables that were waited for."),
    "table_open_cache_hits": ("", "Tables that were open already."),
    "table_open_cache_misses": ("", "Tables that had to be opened."),
    "table_open_cache_overflows": ("", "Tables closed because more are open than the cache has room for."),
    "threads_cached": ("", "Threads kept for the next connection."),
    "threads_connected": ("", "Connections that are open."),
    "threads_created": ("", "Threads created for connections."),
    "threads_running": ("", "Threads that are not idle."),
    "uptime": ("seconds", "Seconds since the server started."),
    "wsrep_cluster_size": ("", "Nodes of the Galera cluster that this one sees."),
    "wsrep_cluster_status": ("", "1 if the node is of the part of the cluster that has a majority, else 0."),
    "wsrep_connected": ("", "1 if the node is connected to its cluster, else 0."),
    "wsrep_flow_control_paused_ns": ("nanoseconds", "Time that writes were held back for a slow node."),
    "wsrep_flow_control_recv": ("", "Times that some node asked for that."),
    "wsrep_flow_control_sent": ("", "Times that this node asked for that."),
    "wsrep_local_bf_aborts": ("", "Local transactions rolled back for those of other nodes."),
    "wsrep_local_cert_failures": ("", "Local transactions that conflicted with those of other nodes."),
    "wsrep_local_recv_queue": ("", "Writes of other nodes that wait here."),
    "wsrep_local_send_queue": ("", "Writes of this node that wait to be sent."),
    "wsrep_local_state": ("", "1 joining, 2 donor, 3 joined, 4 synced."),
    "wsrep_ready": ("", "1 if the node takes queries, else 0."),
}
_STATUS: Final = {
    name: untyped(f"mysql_global_status_{name}", unit, meaning) for name, (unit, meaning) in _PLAIN.items()
}
COMMANDS: Final = counter(
    "mysql_global_status_commands_total", "", "Statements, by what they do, of what ever came.", "command"
)
_HANDLERS: Final = counter("mysql_global_status_handlers_total", "", "Requests to storage engines.", "handler")
_ERRORS: Final = counter(
    "mysql_global_status_connection_errors_total", "", "Connections that failed, by the reason.", "error"
)
_PAGES: Final = gauge("mysql_global_status_buffer_pool_pages", "", "Pages of the buffer pool.", "state")
_DIRTY: Final = gauge("mysql_global_status_buffer_pool_dirty_pages", "", "Pages of it that are not yet written.")
_CHANGES: Final = counter(
    "mysql_global_status_buffer_pool_page_changes_total", "", "Changes of pages of the buffer pool.", "operation"
)
ROWS: Final = counter("mysql_global_status_innodb_row_ops_total", "", "Rows read and changed; MySQL.", "operation")
_LOST: Final = counter(
    "mysql_global_status_performance_schema_lost_total",
    "",
    "What the performance schema had no memory for.",
    "instrumentation",
)

_GROUPS: Final = {
    "com_": COMMANDS,
    "handler_": _HANDLERS,
    "connection_errors_": _ERRORS,
    "innodb_rows_": ROWS,
    "performance_schema_": _LOST,
}
_POOL: Final = "innodb_buffer_pool_pages_"
_STATES: Final = ("data", "free", "misc", "old")
_SUMS: Final = ("total", "dirty")
# What is looked at before it ever came.
_ALWAYS: Final = (
    *("begin", "call_procedure", "commit", "delete", "insert", "load", "replace", "rollback", "select", "update"),
    *("stmt_close", "stmt_execute", "stmt_prepare"),
)
_GROUP: Final = re.compile("|".join(_GROUPS))


def _read(rows: Sequence[Row]) -> Iterator[Metric]:
    status = named(rows)
    for name, info in _STATUS.items():
        yield info.value(number(status.get(name)))
    groups: dict[MetricInfo, dict[Labels, float | None]] = {info: {} for info in _GROUPS.values()}
    for name, text in status.items():
        found = _GROUP.match(name)
        if found:
            value, word = number(text), name.removeprefix(found[0])
            if value or found[0] != "com_" or word in _ALWAYS:
                groups[_GROUPS[found[0]]][word,] = value
    for info, values in groups.items():
        yield info.samples(values)
    pages = {name: text for name, text in status.items() if name.startswith(_POOL)}
    yield from _pool({name.removeprefix(_POOL): number(text) for name, text in pages.items()})


def _pool(pages: dict[str, float | None]) -> Iterator[Metric]:
    yield _PAGES.samples({(state,): pages.get(state) for state in _STATES})
    yield _DIRTY.value(pages.get("dirty"))
    yield _CHANGES.samples({(name,): value for name, value in pages.items() if name not in (*_STATES, *_SUMS)})


STATUS: Final = Query(
    "global_status",
    (*_STATUS.values(), *_GROUPS.values(), _PAGES, _DIRTY, _CHANGES),
    "SHOW GLOBAL STATUS",
    _read,
)
