"""What Memcached answers to its ``stats`` commands, and which family each of its fields is."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, counter, gauge

Stats = Mapping[str, str]

VERSION: Final = gauge("memcached_version", "", "The server's version; always 1.", "version")
COMMANDS: Final = counter(
    "memcached_commands_total", "", "Commands, by whether they found their key.", "command", "status"
)
MAX_CONNECTIONS: Final = gauge("memcached_max_connections", "", "Connections that may be open.")
_STATUSES: Final = {"hits": "hit", "misses": "miss", "badval": "badval"}
_READING: Final = ("get", "delete", "incr", "decr", "cas", "touch")
_SETS: Final = ("cas_hits", "cas_misses", "cas_badval")  # which cmd_set counts again

_STATS: Final = {
    "uptime": counter("memcached_uptime_seconds", "seconds", "Seconds since the server started."),
    "time": gauge("memcached_time_seconds", "seconds", "The server's clock, since 1970."),
    "rusage_user": counter("memcached_process_user_cpu_seconds_total", "seconds", "CPU time in the server."),
    "rusage_system": counter("memcached_process_system_cpu_seconds_total", "seconds", "CPU time in the kernel."),
    "bytes": gauge("memcached_current_bytes", "bytes", "Memory of the items that are kept."),
    "limit_maxbytes": gauge("memcached_limit_bytes", "bytes", "Memory that items may use."),
    "curr_items": gauge("memcached_current_items", "", "Items that are kept."),
    "total_items": counter("memcached_items_total", "", "Items that were ever stored."),
    "evictions": counter("memcached_items_evicted_total", "", "Items evicted before their time, for want of memory."),
    "reclaimed": counter("memcached_items_reclaimed_total", "", "Items stored in the memory of expired ones."),
    "store_too_large": counter("memcached_item_too_large_total", "", "Items refused as larger than an item may be."),
    "store_no_memory": counter("memcached_item_no_memory_total", "", "Items refused for want of memory."),
    "direct_reclaims": counter("memcached_direct_reclaims_total", "", "Times that a write had to evict by itself."),
    "bytes_read": counter("memcached_read_bytes_total", "bytes", "Bytes received."),
    "bytes_written": counter("memcached_written_bytes_total", "bytes", "Bytes sent."),
    "curr_connections": gauge("memcached_current_connections", "", "Connections that are open."),
    "total_connections": counter("memcached_connections_total", "", "Connections ever opened."),
    "rejected_connections": counter("memcached_connections_rejected_total", "", "Connections refused at the limit."),
    "conn_yields": counter("memcached_connections_yielded_total", "", "Connections set back for asking too much."),
    "listen_disabled_num": counter(
        "memcached_connections_listener_disabled_total", "", "Times that the limit kept new connections waiting."
    ),
    "accepting_conns": gauge("memcached_accepting_connections", "", "1 while new connections are accepted, else 0."),
    "lru_crawler_starts": counter("memcached_lru_crawler_starts_total", "", "Runs of what looks for expired items."),
    "crawler_items_checked": counter("memcached_lru_crawler_items_checked_total", "", "Items that it looked at."),
    "crawler_reclaimed": counter("memcached_lru_crawler_reclaimed_total", "", "Expired items that it freed."),
    "moves_to_cold": counter("memcached_lru_crawler_moves_to_cold_total", "", "Items moved to the cold list."),
    "moves_to_warm": counter("memcached_lru_crawler_moves_to_warm_total", "", "Items moved to the warm list."),
    "moves_within_lru": counter("memcached_lru_crawler_moves_within_lru_total", "", "Items moved within their list."),
}
_ITEMS: Final = {
    "number": gauge("memcached_slab_current_items", "", "Items of each class of sizes.", "slab"),
    "number_hot": gauge("memcached_slab_hot_items", "", "Items of its hot list.", "slab"),
    "number_warm": gauge("memcached_slab_warm_items", "", "Items of its warm list.", "slab"),
    "number_cold": gauge("memcached_slab_cold_items", "", "Items of its cold list.", "slab"),
    "age": gauge("memcached_slab_items_age_seconds", "seconds", "Age of its oldest item.", "slab"),
    "age_hot": gauge("memcached_slab_hot_age_seconds", "seconds", "Age of the oldest item of its hot list.", "slab"),
    "age_warm": gauge("memcached_slab_warm_age_seconds", "seconds", "Age of the oldest of its warm list.", "slab"),
    "evicted": counter("memcached_slab_items_evicted_total", "", "Items evicted from it.", "slab"),
    "evicted_nonzero": counter("memcached_slab_items_evicted_nonzero_total", "", "Of these, with an expiry.", "slab"),
    "evicted_unfetched": counter("memcached_slab_items_evicted_unfetched_total", "", "Of these, never read.", "slab"),
    "evicted_time": counter(
        "memcached_slab_items_evicted_time_seconds", "seconds", "How long the last one evicted was not read.", "slab"
    ),
    "expired_unfetched": counter("memcached_slab_items_expired_unfetched_total", "", "Expired, never read.", "slab"),
    "outofmemory": counter("memcached_slab_items_outofmemory_total", "", "Items that found no memory in it.", "slab"),
    "reclaimed": counter("memcached_slab_items_reclaimed_total", "", "Stored in the memory of expired ones.", "slab"),
    "crawler_reclaimed": counter("memcached_slab_items_crawler_reclaimed_total", "", "Expired ones freed.", "slab"),
    "tailrepairs": counter("memcached_slab_items_tailrepairs_total", "", "Items set free that hung.", "slab"),
    "moves_to_cold": counter("memcached_slab_items_moves_to_cold", "", "Items moved to its cold list.", "slab"),
    "moves_to_warm": counter("memcached_slab_items_moves_to_warm", "", "Items moved to its warm list.", "slab"),
    "moves_within_lru": counter("memcached_slab_items_moves_within_lru", "", "Items moved within a list.", "slab"),
    "mem_requested": counter("memcached_slab_mem_requested_bytes", "bytes", "Memory that its items ask for.", "slab"),
}
_SLABS: Final = {
    "chunk_size": gauge("memcached_slab_chunk_size_bytes", "bytes", "Memory for one item of the class.", "slab"),
    "chunks_per_page": gauge("memcached_slab_chunks_per_page", "", "Items that one page takes.", "slab"),
    "total_pages": gauge("memcached_slab_current_pages", "", "Pages of the class.", "slab"),
    "total_chunks": gauge("memcached_slab_current_chunks", "", "Items that its pages take.", "slab"),
    "used_chunks": gauge("memcached_slab_chunks_used", "", "Places for items that are taken.", "slab"),
    "free_chunks": gauge("memcached_slab_chunks_free", "", "Places that are free.", "slab"),
    "free_chunks_end": gauge("memcached_slab_chunks_free_end", "", "Places of its last page never used.", "slab"),
}
MALLOCED: Final = gauge("memcached_malloced_bytes", "bytes", "Memory of all pages.")
LRU_HITS: Final = counter("memcached_slab_lru_hits_total", "", "Items found, by list.", "slab", "lru")
_LRUS: Final = {"hot": "hot", "warm": "warm", "cold": "cold", "temp": "temporary"}

STATS_METRICS: Final[tuple[MetricInfo, ...]] = (
    *(VERSION, COMMANDS, *_STATS.values(), MAX_CONNECTIONS),
    *(*_ITEMS.values(), LRU_HITS, *_SLABS.values(), MALLOCED),
)


def general(stats: Stats) -> Iterator[Metric]:
    """Yield the families of ``stats``."""
    yield VERSION.samples({(stats["version"],): 1} if "version" in stats else {})
    commands: dict[Labels, float | None] = {
        (command, status): number(stats, f"{command}_{field}")
        for command in _READING
        for field, status in _STATUSES.items()
    }
    sets, again = number(stats, "cmd_set"), [number(stats, key) for key in _SETS]
    commands["set", "hit"] = None if sets is None or None in again else sets - sum(each or 0.0 for each in again)
    commands["flush", "hit"] = number(stats, "cmd_flush")
    yield COMMANDS.samples(commands)
    for key, family in _STATS.items():
        yield family.value(number(stats, key))


def settings(stats: Stats) -> Iterator[Metric]:
    """Yield the families of ``stats settings``."""
    yield MAX_CONNECTIONS.value(number(stats, "maxconns"))


def items(stats: Stats) -> Iterator[Metric]:
    """Yield the families of ``stats items``, whose keys are such as ``items:1:number``."""
    rows = _by_slab({key.removeprefix("items:"): text for key, text in stats.items() if key.startswith("items:")})
    yield from _families(_ITEMS, rows)
    hits: dict[Labels, float | None] = {
        (slab, name): number(row, f"hits_to_{field}") for slab, row in rows.items() for field, name in _LRUS.items()
    }
    yield LRU_HITS.samples(hits)


def slabs(stats: Stats) -> Iterator[Metric]:
    """Yield the families of ``stats slabs``, whose keys are such as ``1:chunk_size``."""
    yield from _families(_SLABS, _by_slab(stats))
    yield MALLOCED.value(number(stats, "total_malloced"))


QUERIES: Final[Mapping[str, Callable[[Stats], Iterator[Metric]]]] = {
    "stats": general,
    "stats settings": settings,
    "stats items": items,
    "stats slabs": slabs,
}
"""Each command, and the families of its answer."""


def number(stats: Stats, key: str) -> float | None:
    """Return the field *key*; None where the server did not answer it, or answered no number."""
    try:
        return float(stats[key])
    except (KeyError, ValueError):
        return None


def _families(of: Mapping[str, MetricInfo], rows: Mapping[str, Stats]) -> Iterator[Metric]:
    for key, family in of.items():
        yield family.samples({(slab,): number(row, key) for slab, row in rows.items()})


def _by_slab(stats: Stats) -> dict[str, dict[str, str]]:
    """Return the fields of each class; there are 64 at most, and what claims to be another is not looked at."""
    rows: dict[str, dict[str, str]] = {}
    for key, text in stats.items():
        slab, colon, field = key.partition(":")
        if colon and slab.isascii() and slab.isdecimal() and len(slab) <= 2:
            rows.setdefault(slab, {})[field] = text
    return rows
