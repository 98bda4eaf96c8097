"""What PostgreSQL tells of the server as a whole: version, transactions, checkpoints, write-ahead log, archive."""

from typing import Final

from .declaration import counter, gauge, untyped
from .postgres_query import Query

STATIC: Final = Query(
    "server",
    {
        "static": untyped("pg_static", "", "The server's version; always 1.", "version", "short_version"),
        "start": gauge("pg_postmaster_start_time_seconds", "seconds", "When the server started, since 1970."),
        "location": gauge(
            "pg_xlog_location_bytes", "bytes", "How far the write-ahead log was written, or replayed on a standby."
        ),
    },
    "SELECT 1 AS static, version()::text AS version, current_setting('server_version')::text AS short_version, "
    "extract(epoch FROM pg_postmaster_start_time()) AS start, "
    "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0' AS location",
)

TRANSACTIONS: Final = Query(
    "long_running_transactions",
    {
        "transactions": gauge("pg_long_running_transactions", "", "Transactions that are open."),
        "oldest": gauge(
            "pg_long_running_transactions_oldest_timestamp_seconds", "seconds", "Age of the oldest open transaction."
        ),
    },
    "SELECT count(*) AS transactions, coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) AS oldest "
    "FROM pg_stat_activity WHERE state IS DISTINCT FROM 'idle' AND query NOT LIKE 'autovacuum:%' "
    "AND xact_start IS NOT NULL AND pid <> pg_backend_pid()",
    needs_stats=True,
)

_BGWRITER: Final = "pg_stat_bgwriter_"
# Version 17 moved the checkpoints to a view of their own, and dropped what backends write.
BGWRITER: Final = Query(
    "stat_bgwriter",
    {
        "checkpoints_timed": counter(f"{_BGWRITER}checkpoints_timed_total", "", "Checkpoints that were due."),
        "checkpoints_req": counter(f"{_BGWRITER}checkpoints_req_total", "", "Checkpoints that were asked for."),
        "checkpoint_write_time": counter(
            f"{_BGWRITER}checkpoint_write_time_total", "milliseconds", "Time that checkpoints wrote."
        ),
        "checkpoint_sync_time": counter(
            f"{_BGWRITER}checkpoint_sync_time_total", "milliseconds", "Time that checkpoints synchronised files."
        ),
        "buffers_checkpoint": counter(f"{_BGWRITER}buffers_checkpoint_total", "", "Buffers that checkpoints wrote."),
        "buffers_clean": counter(f"{_BGWRITER}buffers_clean_total", "", "Buffers that the background writer wrote."),
        "maxwritten_clean": counter(
            f"{_BGWRITER}maxwritten_clean_total", "", "Times that the background writer had to stop early."
        ),
        "buffers_backend": counter(f"{_BGWRITER}buffers_backend_total", "", "Buffers that backends wrote themselves."),
        "buffers_backend_fsync": counter(
            f"{_BGWRITER}buffers_backend_fsync_total", "", "Times that a backend had to synchronise a file itself."
        ),
        "buffers_alloc": counter(f"{_BGWRITER}buffers_alloc_total", "", "Buffers allocated."),
        "stats_reset_at": counter(
            f"{_BGWRITER}stats_reset_total",
            "seconds",
            "When these were reset, since 1970; no counter in spite of its name.",
        ),
    },
    "SELECT *, extract(epoch FROM stats_reset) AS stats_reset_at FROM pg_stat_bgwriter",
)

_CHECKPOINTER: Final = "pg_stat_checkpointer_"
CHECKPOINTER: Final = Query(
    "stat_checkpointer",
    {
        "num_timed": counter(f"{_CHECKPOINTER}num_timed_total", "", "Checkpoints that were due; from version 17 on."),
        "num_requested": counter(
            f"{_CHECKPOINTER}num_requested_total", "", "Checkpoints that were asked for; from version 17 on."
        ),
        "restartpoints_timed": counter(
            f"{_CHECKPOINTER}restartpoints_timed_total", "", "Restartpoints of a standby that were due."
        ),
        "restartpoints_req": counter(
            f"{_CHECKPOINTER}restartpoints_req_total", "", "Restartpoints of a standby that were asked for."
        ),
        "restartpoints_done": counter(f"{_CHECKPOINTER}restartpoints_done_total", "", "Restartpoints performed."),
        "write_time": counter(f"{_CHECKPOINTER}write_time_total", "milliseconds", "Time that checkpoints wrote."),
        "sync_time": counter(
            f"{_CHECKPOINTER}sync_time_total", "milliseconds", "Time that checkpoints synchronised files."
        ),
        "buffers_written": counter(f"{_CHECKPOINTER}buffers_written_total", "", "Buffers that checkpoints wrote."),
        "stats_reset_at": counter(
            f"{_CHECKPOINTER}stats_reset_total",
            "seconds",
            "When these were reset, since 1970; no counter in spite of its name.",
        ),
    },
    "SELECT *, extract(epoch FROM stats_reset) AS stats_reset_at FROM pg_stat_checkpointer",
    since=170000,
)

ARCHIVER: Final = Query(
    "stat_archiver",
    {
        "archived_count": counter("pg_stat_archiver_archived_count", "", "Files of the write-ahead log archived."),
        "failed_count": counter("pg_stat_archiver_failed_count", "", "Attempts to archive such a file that failed."),
        "age": gauge("pg_stat_archiver_last_archive_age", "seconds", "Seconds since the last file was archived."),
    },
    "SELECT archived_count, failed_count, extract(epoch FROM clock_timestamp() - last_archived_time) AS age "
    "FROM pg_stat_archiver",
)

WAL: Final = Query(
    "wal",
    {
        "segments": gauge("pg_wal_segments", "", "Files of the write-ahead log on disk."),
        "size": gauge("pg_wal_size_bytes", "bytes", "Size of the write-ahead log on disk."),
    },
    "SELECT count(*) AS segments, sum(size) AS size FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'",
)

SERVER_QUERIES: Final = (STATIC, TRANSACTIONS, BGWRITER, CHECKPOINTER, ARCHIVER, WAL)
