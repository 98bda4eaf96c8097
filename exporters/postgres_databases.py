"""What PostgreSQL tells of each database and of its sessions."""

from typing import Final

from .declaration import MetricInfo, counter, gauge
from .postgres_query import Query, Server, alone, bounded, label, whole

# By transactions: to ask the size of each of many databases takes seconds.
_RANKED: Final = (
    "SELECT oid, datname, datallowconn, datconnlimit, datfrozenxid, datminmxid, row_number() OVER (ORDER BY "
    "pg_stat_get_db_xact_commit(oid) + pg_stat_get_db_xact_rollback(oid) DESC, oid) AS place FROM pg_database"
)
_DATABASE: Final = {"datname": label("datname")}
_IDENTIFIED: Final = {"datid": label("datid", "''"), "datname": label("s.datname")}


def _stat(name: str, meaning: str, unit: str = "") -> MetricInfo:
    return counter(f"pg_stat_database_{name}", unit, meaning, "datid", "datname")


_COUNTERS: Final = {
    "xact_commit": _stat("xact_commit", "Transactions committed."),
    "xact_rollback": _stat("xact_rollback", "Transactions rolled back."),
    "blks_read": _stat("blks_read", "Blocks that were not in shared buffers."),
    "blks_hit": _stat("blks_hit", "Blocks that were in shared buffers."),
    "tup_returned": _stat("tup_returned", "Rows read by scans."),
    "tup_fetched": _stat("tup_fetched", "Rows fetched by index scans."),
    "tup_inserted": _stat("tup_inserted", "Rows inserted."),
    "tup_updated": _stat("tup_updated", "Rows updated."),
    "tup_deleted": _stat("tup_deleted", "Rows deleted."),
    "conflicts": _stat("conflicts", "Queries that a standby cancelled so that it could go on replaying."),
    "temp_files": _stat("temp_files", "Temporary files that queries wrote."),
    "temp_bytes": _stat("temp_bytes", "What they wrote to temporary files.", "bytes"),
    "deadlocks": _stat("deadlocks", "Deadlocks."),
    "blk_read_time": _stat("blk_read_time", "Time spent reading blocks, with track_io_timing.", "milliseconds"),
    "blk_write_time": _stat("blk_write_time", "Time spent writing blocks, with track_io_timing.", "milliseconds"),
}
_ACTIVE: Final = _stat("active_time_seconds_total", "Time that sessions were busy; from version 14 on.", "seconds")
_RESET: Final = _stat("stats_reset", "When these were reset, since 1970; no counter in spite of its type.", "seconds")


def _databases(server: Server) -> str:
    values = {name: alone(name) for name in _COUNTERS} | {"reset": alone("extract(epoch FROM stats_reset)")}
    if server.version >= 140000:
        values["active"] = alone("active_time / 1000")
    values["numbackends"] = whole("numbackends", "sum(pg_stat_get_db_numbackends(oid))")
    return bounded(_RANKED, "ranked JOIN pg_stat_database s ON s.datid = ranked.oid", _IDENTIFIED, values)


DATABASES: Final = Query(
    "stat_database",
    {
        "numbackends": gauge("pg_stat_database_numbackends", "", "Sessions in the database.", "datid", "datname"),
        **_COUNTERS,
        "active": _ACTIVE,
        "reset": _RESET,
    },
    _databases,
)

LIMITS: Final = Query(
    "database",
    {
        "limit": gauge("pg_database_connection_limit", "", "Sessions that it may have; -1 is no limit.", "datname"),
        "xids": gauge(
            "pg_database_wraparound_age_datfrozenxid_seconds",
            "transactions",
            "Age of the oldest row that is not frozen; transactions, in spite of the name.",
            "datname",
        ),
        "mxids": gauge(
            "pg_database_wraparound_age_datminmxid_seconds",
            "transactions",
            "Age of the oldest multixact; transactions, in spite of the name.",
            "datname",
        ),
    },
    bounded(
        _RANKED,
        "ranked",
        _DATABASE,
        {
            "limit": alone("datconnlimit"),
            "xids": whole("age(datfrozenxid)", "max(age(datfrozenxid))"),
            "mxids": whole("mxid_age(datminmxid)", "max(mxid_age(datminmxid))"),
        },
    ),
)

SIZES: Final = Query(
    "database_size",
    {"size": gauge("pg_database_size_bytes", "bytes", "Size on disk.", "datname")},
    lambda server: bounded(
        _RANKED,
        "ranked",
        _DATABASE,
        {
            "size": alone(
                "CASE WHEN "
                f"{'true' if server.sees_all else 'has_database_privilege(oid, $$CONNECT$$)'} "
                "THEN pg_database_size(oid) END"
            )
        },
    ),
)

_SESSION: Final = ("datname", "state", "usename", "application_name", "backend_type", "wait_event_type", "wait_event")
_STATES: Final = (
    "active",
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "fastpath function call",
    "disabled",
)
_GROUPED: Final = (
    "SELECT datname, state, usename, application_name, backend_type, wait_event_type, wait_event, count(*) AS many, "
    "max(extract(epoch FROM clock_timestamp() - xact_start)) AS age FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname IS NOT NULL AND state IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6, 7 "
    "UNION ALL SELECT current_database(), state, '', '', '', '', '', 0, 0 FROM (VALUES "
    + ", ".join(f"('{state}')" for state in _STATES)
    + ") AS every (state)"
)
SESSIONS: Final = Query(
    "stat_activity",
    {
        "many": gauge("pg_stat_activity_count", "", "Sessions; of the url's database in every state.", *_SESSION),
        "age": gauge(
            "pg_stat_activity_max_tx_duration", "seconds", "Age of the oldest transaction of these sessions.", *_SESSION
        ),
    },
    bounded(
        f"SELECT *, row_number() OVER (ORDER BY many DESC, age DESC NULLS LAST) AS place FROM ({_GROUPED}) grouped",
        "ranked",
        {
            "datname": label("datname"),
            "state": label("state", "state"),
            "usename": label("usename"),
            "application_name": label("application_name"),
            "backend_type": label("backend_type"),
            "wait_event_type": label("wait_event_type", "wait_event_type"),
            "wait_event": label("wait_event"),
        },
        {"many": whole("many", "sum(many)"), "age": whole("coalesce(age, 0)", "coalesce(max(age), 0)")},
        by="state, wait_event_type",
    ),
    needs_stats=True,
)

_MODES: Final = (
    "accesssharelock",
    "rowsharelock",
    "rowexclusivelock",
    "shareupdateexclusivelock",
    "sharelock",
    "sharerowexclusivelock",
    "exclusivelock",
    "accessexclusivelock",
    "sireadlock",
)
LOCKS: Final = Query(
    "locks",
    {
        "many": gauge(
            "pg_locks_count", "", "Locks held or waited for; of the url's database in every mode.", "datname", "mode"
        )
    },
    bounded(
        "SELECT *, row_number() OVER (ORDER BY many DESC) AS place FROM (SELECT d.datname, lower(l.mode) AS mode, "
        "count(*) AS many FROM pg_locks l JOIN pg_database d ON d.oid = l.database GROUP BY 1, 2 "
        "UNION ALL SELECT current_database(), mode, 0 FROM (VALUES "
        + ", ".join(f"('{mode}')" for mode in _MODES)
        + ") AS every (mode)) grouped",
        "ranked",
        {"datname": label("datname"), "mode": label("mode", "mode")},
        {"many": whole("many", "sum(many)")},
        by="mode",
    ),
)

DATABASE_QUERIES: Final = (DATABASES, LIMITS, SIZES, SESSIONS, LOCKS)
