"""What PostgreSQL tells of the tables of the url's database, and of the statements that take its time."""

from typing import Final

from .declaration import MetricInfo, counter, gauge
from .postgres_query import FOLDED, Query, Server, alone, bounded, label, whole

STATEMENTS_LIMIT: Final = 100

_TABLE: Final = ("datname", "schemaname", "relname")


def _count(name: str, meaning: str) -> MetricInfo:
    return counter(f"pg_stat_user_tables_{name}", "", meaning, *_TABLE)


def _now(name: str, unit: str, meaning: str) -> MetricInfo:
    return gauge(f"pg_stat_user_tables_{name}", unit, meaning, *_TABLE)


_COUNTERS: Final = {
    "seq_scan": _count("seq_scan", "Sequential scans."),
    "seq_tup_read": _count("seq_tup_read", "Rows read by sequential scans."),
    "idx_scan": _count("idx_scan", "Index scans."),
    "idx_tup_fetch": _count("idx_tup_fetch", "Rows fetched by index scans."),
    "n_tup_ins": _count("n_tup_ins", "Rows inserted."),
    "n_tup_upd": _count("n_tup_upd", "Rows updated."),
    "n_tup_del": _count("n_tup_del", "Rows deleted."),
    "n_tup_hot_upd": _count("n_tup_hot_upd", "Rows updated without a change to an index."),
    "vacuum_count": _count("vacuum_count", "Vacuums that somebody asked for."),
    "autovacuum_count": _count("autovacuum_count", "Vacuums by autovacuum."),
    "analyze_count": _count("analyze_count", "Analyses that somebody asked for."),
    "autoanalyze_count": _count("autoanalyze_count", "Analyses by autovacuum."),
}
_TIMES: Final = {
    "last_vacuum": _now("last_vacuum", "seconds", "When somebody vacuumed it last, since 1970."),
    "last_autovacuum": _now("last_autovacuum", "seconds", "When autovacuum vacuumed it last, since 1970."),
    "last_analyze": _now("last_analyze", "seconds", "When somebody analysed it last, since 1970."),
    "last_autoanalyze": _now("last_autoanalyze", "seconds", "When autovacuum analysed it last, since 1970."),
}
_ROWS: Final = {
    "n_live_tup": _now("n_live_tup", "", "Rows, estimated."),
    "n_dead_tup": _now("n_dead_tup", "", "Dead rows, estimated: what a vacuum would free."),
}
_MODIFIED: Final = _now("n_mod_since_analyze", "", "Rows changed since it was analysed.")
_SIZES: Final = {
    "table_size": _now("table_size_bytes", "bytes", "Size on disk without its indexes."),
    "index_size": _now("index_size_bytes", "bytes", "Size of its indexes on disk."),
}
# To ask the size of a table waits for whoever has it to himself, such as an ALTER TABLE.
_FREE: Final = (
    "CASE WHEN s.relid NOT IN (SELECT relation FROM pg_locks WHERE mode = 'AccessExclusiveLock' "
    "AND relation IS NOT NULL) THEN {}(s.relid) END"
)

TABLES: Final = Query(
    "stat_user_tables",
    {**_COUNTERS, **_TIMES, **_ROWS, "n_mod_since_analyze": _MODIFIED, **_SIZES},
    bounded(
        "SELECT c.oid, c.relpages, row_number() OVER (ORDER BY c.relpages DESC, "
        "pg_stat_get_tuples_returned(c.oid) DESC, c.oid) AS place FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') "
        "AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
        "ranked JOIN pg_stat_user_tables s ON s.relid = ranked.oid",
        {
            "datname": ("current_database()::text", "current_database()::text"),
            "schemaname": label("schemaname"),
            "relname": label("s.relname"),
        },
        {
            **{name: alone(f"coalesce({name}, 0)") for name in _COUNTERS},  # none of a table without an index
            **{name: alone(f"extract(epoch FROM {name})") for name in _TIMES},
            "n_mod_since_analyze": whole("n_mod_since_analyze", "sum(pg_stat_get_mod_since_analyze(oid))"),
            "n_live_tup": whole("n_live_tup", "sum(pg_stat_get_live_tuples(oid))"),
            "n_dead_tup": whole("n_dead_tup", "sum(pg_stat_get_dead_tuples(oid))"),
            "table_size": whole(_FREE.format("pg_table_size"), "sum(relpages * current_setting('block_size')::bigint)"),
            "index_size": alone(_FREE.format("pg_indexes_size")),
        },
    ),
)

_STATEMENT: Final = ("user", "datname", "queryid")
_SHOWN: Final = {
    "calls": counter("pg_stat_statements_calls_total", "", "Executions of the statement.", *_STATEMENT),
    "seconds": counter("pg_stat_statements_seconds_total", "seconds", "Time spent in the statement.", *_STATEMENT),
    "rows": counter("pg_stat_statements_rows_total", "", "Rows that the statement returned or changed.", *_STATEMENT),
    "read": counter(
        "pg_stat_statements_block_read_seconds_total",
        "seconds",
        "Time it read blocks, with track_io_timing.",
        *_STATEMENT,
    ),
    "written": counter(
        "pg_stat_statements_block_write_seconds_total",
        "seconds",
        "Time it wrote blocks, with track_io_timing.",
        *_STATEMENT,
    ),
}


def _statements(server: Server) -> str:
    """Return SQL in the words of the extension's version, which an upgrade of the server leaves as it was."""
    total = "total_exec_time" if server.statements_version >= (1, 8) else "total_time"
    blocks = "shared_blk" if server.statements_version >= (1, 11) else "blk"
    return (
        'WITH grouped AS (SELECT pg_get_userbyid(userid)::text AS "user", datname::text AS datname, '
        f"queryid::text AS queryid, sum(calls)::float8 AS calls, sum({total})::float8 / 1000 AS seconds, "
        f"sum(rows)::float8 AS rows, sum({blocks}_read_time)::float8 / 1000 AS read, "
        f"sum({blocks}_write_time)::float8 / 1000 AS written FROM {server.statements}(false) "
        "JOIN pg_database d ON d.oid = dbid WHERE queryid IS NOT NULL GROUP BY 1, 2, 3) "
        f"(SELECT *, NULL::bigint AS {FOLDED} FROM grouped ORDER BY seconds DESC LIMIT {STATEMENTS_LIMIT}) UNION ALL "
        "SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
        f"count(*) - {STATEMENTS_LIMIT} FROM grouped HAVING count(*) > {STATEMENTS_LIMIT}"
    )


STATEMENTS: Final = Query("stat_statements", _SHOWN, _statements, needs_stats=True, of_statements=True)

TABLE_QUERIES: Final = (TABLES, STATEMENTS)
