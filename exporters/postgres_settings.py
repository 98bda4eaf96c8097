"""The settings of a PostgreSQL server that its alerts, panels and readers look at."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import Metric

from .declaration import MetricInfo, gauge
from .postgres_query import Query, Row

_BYTES: Final = {"B": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_UNIT: Final = re.compile(r"(\d*)([A-Za-z]+)")
_UNITS: Final = {"": "", "_bytes": "bytes", "_seconds": "seconds"}

_NAMES: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "autovacuum",
            "autovacuum_freeze_max_age",
            "autovacuum_max_workers",
            "autovacuum_multixact_freeze_max_age",
            "autovacuum_vacuum_scale_factor",
            "autovacuum_vacuum_threshold",
            "checkpoint_completion_target",
            "data_checksums",
            "default_statistics_target",
            "effective_io_concurrency",
            "fsync",
            "full_page_writes",
            "hot_standby",
            "hot_standby_feedback",
            "max_connections",
            "max_locks_per_transaction",
            "max_parallel_workers",
            "max_prepared_transactions",
            "max_replication_slots",
            "max_wal_senders",
            "max_worker_processes",
            "random_page_cost",
            "superuser_reserved_connections",
            "track_io_timing",
        ),
        "",
    ),
    **dict.fromkeys(
        (
            "effective_cache_size",
            "maintenance_work_mem",
            "max_slot_wal_keep_size",
            "max_wal_size",
            "min_wal_size",
            "shared_buffers",
            "temp_buffers",
            "wal_buffers",
            "wal_keep_size",
            "wal_segment_size",
            "work_mem",
        ),
        "_bytes",
    ),
    **dict.fromkeys(
        (
            "checkpoint_timeout",
            "deadlock_timeout",
            "idle_in_transaction_session_timeout",
            "lock_timeout",
            "log_min_duration_statement",
            "max_standby_streaming_delay",
            "statement_timeout",
        ),
        "_seconds",
    ),
}
_FAMILIES: Final[dict[str, MetricInfo]] = {
    name: gauge(f"pg_settings_{name}{suffix}", _UNITS[suffix], f"The setting {name}; -1 means what it means there.")
    for name, suffix in sorted(_NAMES.items())
}


def _read(rows: Sequence[Row]) -> Iterator[Metric]:
    for row in rows:
        family = _FAMILIES[row["name"]]
        yield family.value(_value(str(row["value"]), row["unit"]))


def _value(text: str, unit: str | None) -> float | None:
    if text in ("on", "off"):
        return float(text == "on")
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number < 0 else number * factor(unit or "")  # -1 is a word: none, or the default


def factor(unit: str) -> float:
    """Return what one *unit* of pg_settings is in bytes or seconds, such as of ``8kB`` or ``min``."""
    found = _UNIT.fullmatch(unit)
    base = found[2] if found else ""
    return int(found[1] or 1) * _BYTES.get(base, _SECONDS.get(base, 1.0)) if found else 1.0


# What a session of the role begins with: the probe's own timeouts are no setting of the server.
SETTINGS: Final = Query(
    "settings",
    _FAMILIES,
    "SELECT name::text AS name, unit::text AS unit, reset_val::text AS value FROM pg_settings WHERE name IN ("
    + ", ".join(f"'{name}'" for name in _FAMILIES)
    + ")",
    read=_read,
)
