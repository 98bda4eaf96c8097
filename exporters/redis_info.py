"""The text that Redis answers to INFO, and which family each of its fields is."""

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, counter, gauge

Info = Mapping[str, str]

# What a server may have without end is bounded: the largest by name, the rest as one.
LIMIT: Final = 200
OTHERS: Final = "others"

_NUMBERS: Final = {
    "uptime_in_seconds": gauge("redis_uptime_in_seconds", "seconds", "Seconds since the server started."),
    "connected_clients": gauge("redis_connected_clients", "", "Clients connected now."),
    "blocked_clients": gauge("redis_blocked_clients", "", "Clients that wait in a blocking command."),
    "maxclients": gauge("redis_config_maxclients", "", "Clients that may be connected."),
    "used_memory": gauge("redis_memory_used_bytes", "bytes", "Memory that the server allocated."),
    "used_memory_rss": gauge("redis_memory_used_rss_bytes", "bytes", "Memory that the server holds of the machine."),
    "used_memory_peak": gauge("redis_memory_used_peak_bytes", "bytes", "Most memory that the server ever allocated."),
    "used_memory_dataset": gauge("redis_memory_used_dataset_bytes", "bytes", "Memory of the data alone."),
    "used_memory_overhead": gauge("redis_memory_used_overhead_bytes", "bytes", "Memory of everything but the data."),
    "maxmemory": gauge("redis_memory_max_bytes", "bytes", "Memory that the data may use; 0 is no limit."),
    "mem_fragmentation_ratio": gauge("redis_mem_fragmentation_ratio", "ratio", "Memory held ÷ memory allocated."),
    "mem_fragmentation_bytes": gauge("redis_mem_fragmentation_bytes", "bytes", "Memory held less memory allocated."),
    "mem_clients_normal": gauge("redis_mem_clients_normal", "bytes", "Memory of the clients' buffers."),
    "mem_clients_slaves": gauge("redis_mem_clients_slaves", "bytes", "Memory of the replicas' buffers."),
    "active_defrag_running": gauge("redis_active_defrag_running", "", "1 if memory is being defragmented."),
    "lazyfree_pending_objects": gauge("redis_lazyfree_pending_objects", "", "Objects that wait to be freed."),
    "loading": gauge("redis_loading_dump_file", "", "1 while the data is loaded from disk, else 0."),
    "rdb_changes_since_last_save": gauge("redis_rdb_changes_since_last_save", "", "Changes since the last snapshot."),
    "rdb_bgsave_in_progress": gauge("redis_rdb_bgsave_in_progress", "", "1 while a snapshot is written, else 0."),
    "rdb_last_save_time": gauge(
        "redis_rdb_last_save_timestamp_seconds", "seconds", "When the last snapshot was written, since 1970."
    ),
    "aof_enabled": gauge("redis_aof_enabled", "", "1 if the append-only file is on, else 0."),
    "aof_rewrite_in_progress": gauge("redis_aof_rewrite_in_progress", "", "1 while the append-only file is rewritten."),
    "total_connections_received": counter("redis_connections_received_total", "", "Connections accepted."),
    "total_commands_processed": counter("redis_commands_processed_total", "", "Commands processed."),
    "total_net_input_bytes": counter("redis_net_input_bytes_total", "bytes", "Bytes received."),
    "total_net_output_bytes": counter("redis_net_output_bytes_total", "bytes", "Bytes sent."),
    "rejected_connections": counter("redis_rejected_connections_total", "", "Connections refused at the client limit."),
    "expired_keys": counter("redis_expired_keys_total", "", "Keys that expired."),
    "evicted_keys": counter("redis_evicted_keys_total", "", "Keys evicted for want of memory."),
    "keyspace_hits": counter("redis_keyspace_hits_total", "", "Lookups that found their key."),
    "keyspace_misses": counter("redis_keyspace_misses_total", "", "Lookups that did not find their key."),
    "pubsub_channels": gauge("redis_pubsub_channels", "", "Channels with subscribers."),
    "pubsub_patterns": gauge("redis_pubsub_patterns", "", "Patterns with subscribers."),
    "connected_slaves": gauge("redis_connected_slaves", "", "Replicas connected."),
    "master_repl_offset": gauge("redis_master_repl_offset", "bytes", "How far the replication stream has come."),
    "repl_backlog_size": gauge("redis_replication_backlog_bytes", "bytes", "Size of the replication backlog."),
    "repl_backlog_active": gauge("redis_repl_backlog_is_active", "", "1 if the replication backlog is kept, else 0."),
    "sync_full": gauge("redis_replica_resyncs_full", "", "Full synchronisations that replicas asked for."),
    "sync_partial_ok": gauge("redis_replica_partial_resync_accepted", "", "Partial synchronisations granted."),
    "sync_partial_err": gauge("redis_replica_partial_resync_denied", "", "Partial synchronisations refused."),
    "slave_priority": gauge("redis_slave_priority", "", "The replica's rank in a failover."),
    "used_cpu_sys": counter("redis_cpu_sys_seconds_total", "seconds", "CPU time in the kernel."),
    "used_cpu_user": counter("redis_cpu_user_seconds_total", "seconds", "CPU time in the server."),
    "used_cpu_sys_children": counter(
        "redis_cpu_sys_children_seconds_total", "seconds", "CPU time of forks in the kernel."
    ),
    "used_cpu_user_children": counter("redis_cpu_user_children_seconds_total", "seconds", "CPU time of forks."),
    "cluster_enabled": gauge("redis_cluster_enabled", "", "1 if the server is a member of a cluster, else 0."),
}
_FORK: Final = gauge("redis_latest_fork_seconds", "seconds", "How long the last fork stopped the server.")
_STATUSES: Final = {
    "rdb_last_bgsave_status": gauge("redis_rdb_last_bgsave_status", "", "1 if the last snapshot was written, else 0."),
    "aof_last_write_status": gauge(
        "redis_aof_last_write_status", "", "1 if the last append to the file succeeded, else 0."
    ),
    "aof_last_bgrewrite_status": gauge(
        "redis_aof_last_bgrewrite_status", "", "1 if the last rewrite succeeded, else 0."
    ),
}

_INSTANCE_FIELDS: Final = (
    ("role", "role"),
    ("redis_version", "redis_version"),
    ("redis_build_id", "redis_build_id"),
    ("redis_mode", "redis_mode"),
    ("os", "os"),
    ("maxmemory_policy", "maxmemory_policy"),
    ("tcp_port", "tcp_port"),
    ("run_id", "run_id"),
    ("process_id", "process_id"),
)
INSTANCE: Final = gauge(
    "redis_instance_info", "", "What the server is; always 1.", *(label for label, _ in _INSTANCE_FIELDS)
)

_MASTER: Final = ("master_host", "master_port")
LINK_UP: Final = gauge("redis_master_link_up", "", "1 if the replica is connected to its master, else 0.", *_MASTER)
LAST_IO: Final = gauge(
    "redis_master_last_io_seconds_ago", "seconds", "Seconds since the master was last heard of.", *_MASTER
)
SYNCING: Final = gauge("redis_master_sync_in_progress", "", "1 while the replica copies all data, else 0.", *_MASTER)
REPLICA_OFFSET: Final = gauge("redis_slave_repl_offset", "bytes", "How far the replica has come.", *_MASTER)
REPLICA: Final = gauge("redis_slave_info", "", "Whose replica this is; always 1.", *_MASTER, "read_only")

_REPLICA_LABELS: Final = ("slave_ip", "slave_port", "slave_state")
LAG: Final = gauge(
    "redis_connected_slave_lag_seconds", "seconds", "Seconds since the replica was last heard of.", *_REPLICA_LABELS
)
OFFSET: Final = gauge("redis_connected_slave_offset_bytes", "bytes", "How far the replica has come.", *_REPLICA_LABELS)

_COMMANDS: Final = {
    "calls": (counter("redis_commands_total", "", "Calls of each command.", "cmd"), 1.0),
    "usec": (counter("redis_commands_duration_seconds_total", "seconds", "Time spent in each command.", "cmd"), 1e6),
    "failed_calls": (counter("redis_commands_failed_calls_total", "", "Calls that failed in the command.", "cmd"), 1.0),
    "rejected_calls": (
        counter("redis_commands_rejected_calls_total", "", "Calls refused before the command ran.", "cmd"),
        1.0,
    ),
}
KEYS: Final = gauge("redis_db_keys", "", "Keys of each database that has any, and of db0.", "db")
EXPIRING: Final = gauge("redis_db_keys_expiring", "", "Keys with a time to live, of each database.", "db")

INFO_METRICS: Final[tuple[MetricInfo, ...]] = (
    INSTANCE,
    *_NUMBERS.values(),
    _FORK,
    *_STATUSES.values(),
    *(LINK_UP, LAST_IO, SYNCING, REPLICA_OFFSET, REPLICA),
    *(LAG, OFFSET),
    *(info for info, _ in _COMMANDS.values()),
    *(KEYS, EXPIRING),
)


def parse(text: str) -> Info:
    """Return the fields of an answer to INFO or CLUSTER INFO."""
    pairs = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {key: value for key, colon, value in pairs if colon}


def number(info: Info, key: str, per: float = 1.0) -> float | None:
    """Return the field *key* divided by *per*; None where the server did not answer it, or answered no number."""
    try:
        return float(info[key]) / per
    except (KeyError, ValueError):
        return None


def families(info: Info) -> Iterator[Metric]:
    """Yield every family that an answer to ``INFO ALL`` holds."""
    yield INSTANCE.samples({tuple(info.get(key, "") for _, key in _INSTANCE_FIELDS): 1})
    for key, family in _NUMBERS.items():
        yield family.value(number(info, key))
    yield _FORK.value(number(info, "latest_fork_usec", 1e6))
    for key, family in _STATUSES.items():
        yield family.value(info[key] == "ok" if key in info else None)
    yield from _as_replica(info)
    yield from _as_master(info)
    yield from _commands(info)
    yield from _databases(info)


def _as_replica(info: Info) -> Iterator[Metric]:
    if info.get("role") != "slave":
        return
    master = (info.get("master_host", ""), info.get("master_port", ""))
    last = number(info, "master_last_io_seconds_ago")
    yield LINK_UP.samples({master: info.get("master_link_status") == "up"})
    yield LAST_IO.samples({master: None if last is None or last < 0 else last})  # -1: not connected
    yield SYNCING.samples({master: number(info, "master_sync_in_progress")})
    yield REPLICA_OFFSET.samples({master: number(info, "slave_repl_offset")})
    yield REPLICA.samples({(*master, info.get("slave_read_only", "")): 1})


def _as_master(info: Info) -> Iterator[Metric]:
    rows = [fields_of(value) for key, value in info.items() if key.startswith("slave") and key[5:].isdecimal()]
    labels: list[Labels] = [(row.get("ip", ""), row.get("port", ""), row.get("state", "")) for row in rows]
    yield LAG.samples({each: number(row, "lag") for each, row in zip(labels, rows, strict=True)})
    yield OFFSET.samples({each: number(row, "offset") for each, row in zip(labels, rows, strict=True)})


def _commands(info: Info) -> Iterator[Metric]:
    rows = {key.removeprefix("cmdstat_"): fields_of(value) for key, value in info.items() if key.startswith("cmdstat_")}
    rows = bounded(rows, "calls")
    for key, (family, per) in _COMMANDS.items():
        yield family.samples({(command,): number(row, key, per) for command, row in rows.items()})


def _databases(info: Info) -> Iterator[Metric]:
    rows = {key: fields_of(value) for key, value in info.items() if key.startswith("db") and key[2:].isdecimal()}
    if "redis_version" in info and info.get("redis_mode") != "sentinel":
        rows.setdefault("db0", {"keys": "0", "expires": "0"})  # INFO leaves an empty database out
    rows = bounded(rows, "keys")
    yield KEYS.samples({(db,): number(row, "keys") for db, row in rows.items()})
    yield EXPIRING.samples({(db,): number(row, "expires") for db, row in rows.items()})


def bounded(rows: Mapping[str, Info], by: str, limit: int = LIMIT) -> dict[str, Info]:
    """Return at most *limit* rows, the largest in the field *by*, and the sum of the rest as ``others``."""
    if len(rows) <= limit:
        return dict(rows)
    ranked = sorted(rows, key=lambda name: number(rows[name], by) or 0.0, reverse=True)
    rest = [rows[name] for name in ranked[limit:]]
    total = {key: str(sum(number(row, key) or 0.0 for row in rest)) for key in rest[0]}
    return {name: rows[name] for name in ranked[:limit]} | {OTHERS: total}


def fields_of(value: str) -> Info:
    """Return the fields of ``a=1,b=2``."""
    pairs = (part.partition("=") for part in value.split(","))
    return {key: text for key, equals, text in pairs if equals}
