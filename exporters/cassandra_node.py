"""What a node of Cassandra tells of itself and of its peers, by the queries that tell it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import Metric

from .cassandra_cql import Row
from .declaration import Labels, MetricInfo, counter, gauge

Rows = list[Row]
Values = dict[Labels, float | None]

MOST: Final = 200
"""Peers, thread pools and the like that are told one by one: the first by name, so that no counter falls."""
OTHERS: Final = "others"
_OTHER_PEERS: Final = (OTHERS, "", "")
_PEER: Final = ("endpoint", "endpoint_datacenter", "endpoint_rack")
INFO: Final = gauge(
    "seawall_cassandra_info", "", "The node's place and version; always 1.", "cluster", "datacenter", "rack", "version"
)
ACTIVE: Final = gauge("cassandra_endpoint_active", "", "1 while the node has a connection to the peer, else 0.", *_PEER)
SCHEMAS: Final = gauge(
    "seawall_cassandra_schema_versions", "", "Versions of the schema among the node and the peers that it reaches."
)
PENDING: Final = gauge("cassandra_endpoint_connection_pending_tasks", "", "Messages that wait for a peer.", *_PEER)
DROPPED: Final = counter(
    "cassandra_endpoint_connection_dropped_tasks_total", "", "Messages that never went out to a peer.", *_PEER
)
EXPIRED: Final = counter(
    "seawall_cassandra_inbound_expired_messages_total", "", "Messages that came from a peer, and too late.", *_PEER
)
HINT_FILES: Final = gauge("seawall_cassandra_hint_files", "", "Files of writes that a peer has missed.", *_PEER)
OLDEST_HINT: Final = gauge(
    "seawall_cassandra_oldest_hint_timestamp_seconds", "seconds", "When the oldest of these was begun.", *_PEER
)
_POOL: Final[Mapping[str, MetricInfo]] = {
    "active_tasks": gauge("cassandra_thread_pool_active_tasks", "", "Tasks at work.", "pool"),
    "active_tasks_limit": gauge("cassandra_thread_pool_maximum_tasks", "", "Tasks that may be at work.", "pool"),
    "pending_tasks": gauge("cassandra_thread_pool_pending_tasks", "", "Tasks that wait.", "pool"),
    "blocked_tasks": gauge("cassandra_thread_pool_blocked_tasks", "", "Tasks that not even wait in line.", "pool"),
    "blocked_tasks_all_time": counter("cassandra_thread_pool_blocked_tasks_total", "", "These, ever.", "pool"),
    "completed_tasks": counter("cassandra_thread_pool_completed_tasks_total", "", "Tasks that are done.", "pool"),
}
_CACHE: Final[Mapping[str, MetricInfo]] = {
    "capacity_bytes": gauge("cassandra_cache_capacity_bytes", "bytes", "Memory that the cache may use.", "cache"),
    "size_bytes": gauge("cassandra_cache_estimated_size_bytes", "bytes", "Memory that it uses.", "cache"),
    "entry_count": gauge("cassandra_cache_entries", "", "What it holds.", "cache"),
    "hit_count": counter("cassandra_cache_hits_total", "", "Look-ups that found theirs.", "cache"),
    "request_count": counter("cassandra_cache_requests_total", "", "Look-ups.", "cache"),
}
CONNECTIONS: Final = gauge("cassandra_client_native_connections", "", "Connections of clients.")
LIMIT: Final = gauge(
    "seawall_cassandra_native_connections_limit", "", "Connections that clients may have; nothing without a limit."
)
_LIMIT_SETTING: Final = "native_transport_max_concurrent_connections"
TASKS: Final = gauge("seawall_cassandra_sstable_tasks", "", "Tasks on sstables that run, such as compactions.", "kind")
TASK_BYTES: Final = gauge(
    "seawall_cassandra_sstable_tasks_remaining_bytes", "bytes", "What is left of these to do.", "kind"
)

NODE_METRICS: Final[tuple[MetricInfo, ...]] = (
    *(INFO, ACTIVE, SCHEMAS, PENDING, DROPPED, EXPIRED, HINT_FILES, OLDEST_HINT),
    *(*_POOL.values(), *_CACHE.values(), CONNECTIONS, LIMIT, TASKS, TASK_BYTES),
)
LOCAL: Final = "SELECT cluster_name, data_center, rack, release_version, schema_version FROM system.local"
PEERS: Final = "SELECT peer, peer_port, data_center, rack, schema_version FROM system.peers_v2"
OUTBOUND: Final = (
    "SELECT address, port, active_connections, pending_count, expired_count, overload_count, error_count "
    "FROM system_views.internode_outbound"
)


def number(row: Row, column: str) -> float | None:
    """Return a number, None where it is none."""
    value = row.get(column)
    return None if value is None or isinstance(value, str) else float(value)


def text(row: Row, column: str) -> str:
    """Return a text, empty where there is none."""
    value = row.get(column)
    return "" if value is None else str(value)


def local(rows: Rows) -> Iterator[Metric]:
    """Yield what the node is."""
    columns = ("cluster_name", "data_center", "rack", "release_version")
    yield INFO.samples({tuple(text(row, column) for column in columns): 1 for row in rows})


def cluster(me: Rows | None, peers: Rows | None, outbound: Rows | None) -> Iterator[Metric]:
    """Yield what the node says of its peers: the members of the cluster that system.peers_v2 has."""
    if peers is None:
        return
    if outbound is not None:
        told = {(row.get("address"), row.get("port")): row for row in outbound}
        links = {_peer(row): told.get((row.get("peer"), row.get("peer_port")), {}) for row in peers}
        yield from _links(links)
        peers = [row for row in peers if (number(links[_peer(row)], "active_connections") or 0) > 0]
    versions = {text(row, "schema_version") for row in [*(me or []), *peers]} - {""}
    yield SCHEMAS.value(len(versions))


def _links(links: Mapping[Labels, Row]) -> Iterator[Metric]:
    """Yield the connections to the first of the peers, those that are lost beyond these, and the sums of the rest."""
    up = {peer: (number(link, "active_connections") or 0) > 0 for peer, link in links.items()}
    names = sorted(links)
    lost = [peer for peer in names[MOST:] if not up[peer]][:MOST]
    yield ACTIVE.samples({peer: up[peer] for peer in [*names[:MOST], *lost]})
    pending = {peer: number(link, "pending_count") for peer, link in links.items()}
    yield PENDING.samples(_first(pending, _OTHER_PEERS))
    errors = ("expired_count", "overload_count", "error_count")
    yield DROPPED.samples(_first({peer: _sum(link, errors) for peer, link in links.items() if link}, _OTHER_PEERS))


def inbound(rows: Rows) -> Iterator[Metric]:
    """Yield what came too late."""
    late = {_peer(row, "address", "dc"): number(row, "expired_count") for row in rows}
    yield EXPIRED.samples(_first(late, _OTHER_PEERS))


def hints(rows: Rows) -> Iterator[Metric]:
    """Yield what is kept for peers that missed it."""
    yield HINT_FILES.samples(_first({_peer(row, "address", "dc"): number(row, "files") for row in rows}, _OTHER_PEERS))
    began = {_peer(row, "address", "dc"): number(row, "oldest") for row in rows}
    oldest = _first({peer: None if at is None else at / 1000 for peer, at in began.items()}, _OTHER_PEERS, min)
    yield OLDEST_HINT.samples(oldest)


def pools(rows: Rows) -> Iterator[Metric]:
    """Yield the thread pools."""
    for column, info in _POOL.items():
        yield info.samples(_first({(text(row, "name"),): number(row, column) for row in rows}, (OTHERS,)))


def caches(rows: Rows) -> Iterator[Metric]:
    """Yield the caches, named as JMX names them: key, row, counter, chunk."""
    for column, info in _CACHE.items():
        values: Values = {(text(row, "name").removesuffix("s"),): number(row, column) for row in rows}
        yield info.samples(_first(values, (OTHERS,)))


def clients(rows: Rows) -> Iterator[Metric]:
    """Yield how many there are."""
    yield CONNECTIONS.value(len(rows))


def settings(rows: Rows) -> Iterator[Metric]:
    """Yield the limit of connections; -1 is none."""
    limits = [text(row, "value") for row in rows]
    yield LIMIT.value(next((float(limit) for limit in limits if limit.isascii() and limit.isdecimal()), None))


def tasks(rows: Rows) -> Iterator[Metric]:
    """Yield what is done on sstables, by its kind; none of a kind is no sample."""
    count: Values = {}
    left: Values = {}
    for row in rows:
        kind = (text(row, "kind"),)
        count[kind] = (count.get(kind) or 0) + 1
        if row.get("unit") == "bytes":
            left[kind] = (left.get(kind) or 0) + (number(row, "total") or 0) - (number(row, "progress") or 0)
    yield TASKS.samples(_first(count, (OTHERS,)))
    yield TASK_BYTES.samples(_first(left, (OTHERS,)))


QUERIES: Final[Mapping[str, tuple[str, Callable[[Rows], Iterator[Metric]]]]] = {
    "internode_inbound": ("address, port, dc, rack, expired_count", inbound),
    "pending_hints": ("address, port, dc, rack, files, oldest", hints),
    "thread_pools": ("name, " + ", ".join(_POOL), pools),
    "caches": ("name, " + ", ".join(_CACHE), caches),
    "clients": ("port", clients),
    "sstable_tasks": ("kind, progress, total, unit", tasks),
}
"""Each table of system_views: its columns, and the families of its rows."""
SETTINGS: Final = f"SELECT value FROM system_views.settings WHERE name = '{_LIMIT_SETTING}'"


def _peer(row: Row, address: str = "peer", datacenter: str = "data_center") -> Labels:
    return text(row, address), text(row, datacenter), text(row, "rack")


def _first(values: Values, others: Labels, together: Callable[[list[float]], float] = sum) -> Values:
    """Return the first of *values* by name, and of the rest what they are *together*."""
    if len(values) <= MOST:
        return values
    names = sorted(values)
    rest = [value for name in names[MOST:] if (value := values[name]) is not None]
    return {name: values[name] for name in names[:MOST]} | ({others: together(rest)} if rest else {})


def _sum(row: Row, columns: tuple[str, ...]) -> float:
    return sum(number(row, column) or 0.0 for column in columns)
