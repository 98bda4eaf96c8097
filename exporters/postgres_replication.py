"""What PostgreSQL tells of replication, as a primary of its standbys and slots, and as a standby of itself."""

from typing import Final

from .declaration import counter, gauge
from .postgres_query import Query, bounded, label, whole

_HERE: Final = "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END"
_REPLAY_AGE: Final = "greatest(0, extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()))"

REPLICATION: Final = Query(
    "replication",
    {
        "lag": gauge(
            "pg_replication_lag_seconds",
            "seconds",
            "How far behind a standby is; 0 of a primary, and of a standby that has replayed all that it received.",
        ),
        "is_replica": gauge("pg_replication_is_replica", "", "1 of a standby, else 0."),
        "last_replay": gauge(
            "pg_replication_last_replay_seconds", "seconds", "Age of the last transaction replayed; 0 of a primary."
        ),
    },
    f"SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 "
    f"ELSE {_REPLAY_AGE} END AS lag, pg_is_in_recovery()::int AS is_replica, {_REPLAY_AGE} AS last_replay",
)

_STANDBY: Final = ("application_name", "client_addr", "state", "slot_name")
STANDBYS: Final = Query(
    "stat_replication",
    {
        "current": gauge(
            "pg_stat_replication_pg_current_wal_lsn_bytes",
            "bytes",
            "How far the write-ahead log was written.",
            *_STANDBY,
        ),
        "diff": gauge(
            "pg_stat_replication_pg_wal_lsn_diff", "bytes", "How much of it each standby has yet to replay.", *_STANDBY
        ),
    },
    # The most of those that have all four in common, as one could not tell them apart.
    bounded(
        "SELECT application_name, client_addr, state, slot_name, max(behind) AS behind, max(here) AS here, "
        "row_number() OVER (ORDER BY max(behind) DESC NULLS FIRST) AS place FROM (SELECT r.application_name, "
        f"r.client_addr, r.state, s.slot_name, ({_HERE}) - r.replay_lsn AS behind, ({_HERE}) - '0/0' AS here "
        "FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid) one "
        "GROUP BY application_name, client_addr, state, slot_name",
        "ranked",
        {
            "application_name": label("application_name"),
            "client_addr": ("host(client_addr)", "''"),
            "state": label("state", "''"),
            "slot_name": label("slot_name", "''"),
        },
        {"current": whole("here", "max(here)"), "diff": whole("behind", "max(behind)")},
    ),
    needs_stats=True,
)

_SLOT: Final = ("slot_name", "database")
_TYPED: Final = ("slot_name", "slot_type")
SLOTS: Final = Query(
    "replication_slots",
    {
        "active": gauge("pg_replication_slots_active", "", "1 if the slot is in use, else 0.", *_SLOT),
        "retained": gauge(
            "pg_replication_slots_pg_wal_lsn_diff", "bytes", "Write-ahead log that is kept for the slot.", *_SLOT
        ),
        "is_active": gauge("pg_replication_slots_slot_is_active", "", "1 if the slot is in use, else 0.", *_TYPED),
        "current": gauge(
            "pg_replication_slots_slot_current_wal_lsn", "bytes", "How far the write-ahead log was written.", *_TYPED
        ),
        "confirmed": gauge(
            "pg_replication_slots_slot_confirmed_flush_lsn",
            "bytes",
            "How far the reader of a logical slot has come.",
            *_TYPED,
        ),
        "safe": gauge(
            "pg_replication_slots_safe_wal_size_bytes",
            "bytes",
            "What can be written before the slot is lost, where max_slot_wal_keep_size limits it; from version 13 on.",
            *_TYPED,
        ),
        "status": gauge(
            "pg_replication_slots_wal_status",
            "",
            "Whether what the slot needs is still there: reserved, extended, unreserved or lost; always 1.",
            *_TYPED,
            "wal_status",
        ),
    },
    lambda server: (
        "SELECT slot_name::text AS slot_name, slot_type::text AS slot_type, database::text AS database, "
        f"active::int AS active, active::int AS is_active, ({_HERE}) - restart_lsn AS retained, "
        f"({_HERE}) - '0/0' AS current, confirmed_flush_lsn - '0/0' AS confirmed"
        + (
            ", safe_wal_size AS safe, wal_status::text AS wal_status, CASE WHEN wal_status <> '' THEN 1 END AS status"
            if server.version >= 130000
            else ""
        )
        + " FROM pg_replication_slots ORDER BY slot_name LIMIT 1000"  # there is a setting for the most of them
    ),
)

_RECEIVER: Final = ("upstream_host", "slot_name", "status")
RECEIVER: Final = Query(
    "stat_wal_receiver",
    {
        "flushed": counter("pg_stat_wal_receiver_flushed_lsn", "bytes", "How far it was written to disk.", *_RECEIVER),
        "sent_at": counter(
            "pg_stat_wal_receiver_last_msg_send_time",
            "seconds",
            "When the last message was sent, since 1970, by the primary's clock.",
            *_RECEIVER,
        ),
        "received_at": counter(
            "pg_stat_wal_receiver_last_msg_receipt_time", "seconds", "When it was received, since 1970.", *_RECEIVER
        ),
        "latest": counter(
            "pg_stat_wal_receiver_latest_end_lsn", "bytes", "How far the primary was, as it said last.", *_RECEIVER
        ),
        "latest_at": counter(
            "pg_stat_wal_receiver_latest_end_time", "seconds", "When that was, since 1970.", *_RECEIVER
        ),
    },
    lambda server: (
        "SELECT coalesce(sender_host, '')::text AS upstream_host, slot_name::text AS slot_name, "
        "status::text AS status, "
        f"{'flushed_lsn' if server.version >= 130000 else 'received_lsn'} - '0/0' AS flushed, "
        "extract(epoch FROM last_msg_send_time) AS sent_at, extract(epoch FROM last_msg_receipt_time) AS received_at, "
        "latest_end_lsn - '0/0' AS latest, extract(epoch FROM latest_end_time) AS latest_at FROM pg_stat_wal_receiver"
    ),
    since=110000,
    needs_stats=True,
)

REPLICATION_QUERIES: Final = (REPLICATION, STANDBYS, SLOTS, RECEIVER)
