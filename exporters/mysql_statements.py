"""What MySQL and MariaDB tell of the sessions now, and of the statements that took most time."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, counter, gauge
from .mysql_query import LIMIT, OTHERS, Query, Row, columns, number

_STATE: Final = ("command", "state")
THREADS: Final = gauge("mysql_info_schema_processlist_threads", "", "Threads, by what they do.", *_STATE)
SECONDS: Final = gauge(
    "mysql_info_schema_processlist_seconds", "seconds", "For how long they have been doing it, summed.", *_STATE
)
USERS: Final = gauge("mysql_info_schema_processlist_processes_by_user", "", "Threads of each user.", "mysql_user")
_ALWAYS: Final = (("query", "waiting_for_table_metadata_lock"),)
_DROPPED: Final = re.compile(r"[;,:.()]")
_MOST_GROUPS: Final = 10_000


def _sessions(rows: Sequence[Row]) -> Iterator[Metric]:
    threads: dict[Labels, float] = defaultdict(float, dict.fromkeys(_ALWAYS, 0.0))
    seconds, users = defaultdict[Labels, float](float), defaultdict[Labels, float](float)
    for row in rows:
        labels = (word(row["command"]), word(row["state"]))
        many = number(row["many"]) or 0.0
        threads[labels] += many
        seconds[labels] += number(row["age"]) or 0.0
        users[row["user"] or "",] += many
    yield THREADS.samples(threads)
    yield SECONDS.samples(seconds)
    yield USERS.samples(_largest(users))


def word(text: str | None) -> str:
    """Return a command or state as mysqld_exporter writes it: ``waiting_for_table_metadata_lock``."""
    return _DROPPED.sub("", (text or "unknown").lower()).replace(" ", "_").replace("-", "_")


def _largest(values: dict[Labels, float]) -> dict[Labels, float]:
    ranked = sorted(values, key=lambda labels: values[labels], reverse=True)
    kept = {labels: values[labels] for labels in ranked[:LIMIT]}
    rest = sum(values[labels] for labels in ranked[LIMIT:])
    return kept if not rest else {**kept, (OTHERS,): kept.get((OTHERS,), 0.0) + rest}


def _users_beyond(rows: Sequence[Row]) -> float:
    return float(max(0, len({row["user"] for row in rows}) - LIMIT))


SESSIONS: Final = Query(
    "processlist",
    (THREADS, SECONDS, USERS),
    "SELECT user, command, state, COUNT(*) AS many, SUM(GREATEST(0, COALESCE(time, 0))) AS age "
    "FROM information_schema.processlist WHERE id <> CONNECTION_ID() "
    # Without PROCESS one's own threads would pass for all of them; this is refused then.
    "AND (SELECT COUNT(*) FROM information_schema.innodb_metrics) >= 0 GROUP BY user, command, state "
    f"ORDER BY many DESC LIMIT {_MOST_GROUPS}",
    _sessions,
    folded=_users_beyond,
)

_KEPT: Final = 100
_STATEMENT: Final = ("schema", "digest", "digest_text")


def _statements(name: str, meaning: str, unit: str = "") -> MetricInfo:
    return counter(f"mysql_perf_schema_events_statements_{name}", unit, meaning, *_STATEMENT)


_DIGESTS: Final = {
    "count_star": _statements("total", "Executions of the statement."),
    "seconds": _statements("seconds_total", "Time spent in the statement.", "seconds"),
    "sum_errors": _statements("errors_total", "Executions that failed."),
    "sum_warnings": _statements("warnings_total", "Warnings of it."),
    "sum_rows_affected": _statements("rows_affected_total", "Rows that it changed."),
    "sum_rows_sent": _statements("rows_sent_total", "Rows that it returned."),
    "sum_rows_examined": _statements("rows_examined_total", "Rows that it read."),
    "sum_created_tmp_disk_tables": _statements("tmp_disk_tables_total", "Temporary tables of it that went to disk."),
    "sum_created_tmp_tables": _statements("tmp_tables_total", "Temporary tables of it, also those."),
    "sum_sort_merge_passes": _statements("sort_merge_passes_total", "Merges of its sorts."),
    "sum_sort_rows": _statements("sort_rows_total", "Rows that it sorted."),
    "sum_no_index_used": _statements("no_index_used_total", "Executions that read a whole table."),
}

STATEMENTS: Final = Query(
    "eventsstatements",
    tuple(_DIGESTS.values()),
    "SELECT schema_name AS `schema`, digest, LEFT(digest_text, 120) AS digest_text, sum_timer_wait / 1e12 AS seconds, "
    + ", ".join(column for column in _DIGESTS if column != "seconds")
    + " FROM performance_schema.events_statements_summary_by_digest "
    "WHERE schema_name NOT IN ('mysql', 'performance_schema', 'information_schema') "
    f"ORDER BY sum_timer_wait DESC LIMIT {_KEPT}",
    lambda rows: columns(_DIGESTS, rows),
    fits=lambda server: server.has("performance_schema"),
)

STATEMENT_QUERIES: Final = (SESSIONS, STATEMENTS)
