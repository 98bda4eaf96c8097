"""Which family of varnish_exporter's each of Varnish's counters is."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client import Metric

from .declaration import Labels, MetricInfo, counter, gauge
from .own import FOLDED_ROWS

UP: Final = gauge("varnish_up", "", "1 if Varnish answered, else 0.")
VERSION: Final = gauge(
    "varnish_version", "", "Its version; always 1.", "version", "major", "minor", "patch", "revision"
)
MOST_BACKENDS: Final = 200
_OTHERS: Final = "others"
_SERVER: Final = "unknown"  # Varnish has not named the address of a backend since 4.1


def _counters(prefix: str, unit: str, labels: Labels, meanings: Mapping[str, str]) -> dict[str, MetricInfo]:
    return {key: counter(f"varnish_{prefix}_{key}", unit, text, *labels) for key, text in meanings.items()}


def _gauges(prefix: str, unit: str, labels: Labels, meanings: Mapping[str, str]) -> dict[str, MetricInfo]:
    return {key: gauge(f"varnish_{prefix}_{key}", unit, text, *labels) for key, text in meanings.items()}


_MAIN: Final[dict[str, MetricInfo]] = {
    **_counters("main", "", (), {
        "uptime": "Seconds since the child process started, whose cache was empty then.",
        "client_req": "Requests of clients that could be read.",
        "client_req_400": "Requests answered with 400 for what they are.",
        "client_req_417": "Requests answered with 417.",
        "client_resp_500": "Answers that failed for want of workspace.",
        "cache_hit": "Look-ups that found an object.",
        "cache_hit_grace": "Of these, one past its time.",
        "cache_hitpass": "Look-ups that found a note to pass.",
        "cache_hitmiss": "Look-ups that found a note that it cannot be kept; these are misses too.",
        "cache_miss": "Look-ups that found nothing.",
        "beresp_uncacheable": "Answers of backends that cannot be kept.",
        "beresp_shortlived": "Answers of backends that are kept for too short to matter.",
        "backend_unhealthy": "Fetches not tried, because the backend was sick.",
        "backend_busy": "Fetches not tried, because the backend had all its connections.",
        "backend_fail": "Connections to backends that failed.",
        "backend_reuse": "Connections to backends that were used again.",
        "backend_recycle": "Connections to backends that were kept.",
        "backend_retry": "Fetches tried again on a new connection.",
        "backend_req": "Requests sent to backends.",
        "threads_limited": "Times that another thread was wanted beyond the most there may be.",
        "threads_created": "Threads started.",
        "threads_destroyed": "Threads ended.",
        "threads_failed": "Threads that the system did not grant.",
        "busy_sleep": "Requests that waited for another's fetch of the same object.",
        "busy_wakeup": "Requests that were woken when it came.",
        "busy_killed": "Requests that waited for it in vain.",
        "req_dropped": "Requests of HTTP/2 dropped for want of a thread.",
        "n_expired": "Objects whose time was over.",
        "n_lru_nuked": "Objects thrown away before their time, for want of room.",
        "n_lru_moved": "Objects moved in the list of the least used.",
        "n_lru_limited": "Fetches that failed, because throwing away made no room in time.",
        "s_pass": "Requests passed to a backend without a look.",
        "s_pipe": "Connections piped to a backend.",
        "s_synth": "Answers that Varnish made itself.",
        "s_bgfetch": "Fetches in the background, of objects in grace.",
        "fetch_total": "Fetches begun.",
        "sessions_total": "Connections of clients.",
        "vcl_fail": "Failures in VCL.",
        "losthdr": "Headers that did not fit.",
        "n_purges": "Purges.",
        "n_obj_purged": "Objects purged.",
        "bans_added": "Bans added.",
        "bans_obj_killed": "Objects that a ban ended when they were looked up.",
        "esi_req": "Requests for parts of a page.",
        "esi_errors": "Pages whose parts could not be read.",
        "n_gzip": "Times that something was packed.",
        "n_gunzip": "Times that something was unpacked.",
    }),
    **_counters("main", "bytes", (), {
        "s_req_hdrbytes": "Headers of requests.",
        "s_req_bodybytes": "Bodies of requests.",
        "s_resp_hdrbytes": "Headers of answers.",
        "s_resp_bodybytes": "Bodies of answers.",
    }),
    **_gauges("main", "", (), {
        "pools": "Pools of threads.",
        "threads": "Threads.",
        "thread_queue_len": "Requests that wait for a thread.",
        "n_object": "Objects that are kept.",
        "n_objectcore": "Objects that are kept or being fetched.",
        "n_backend": "Backends.",
        "n_vcl": "Programs in VCL that are loaded.",
        "bans": "Bans.",
    }),
    "backend_conn": counter("varnish_main_backend_conn", "", "Connections to backends that succeeded."),
}  # fmt: skip
_RENAMED: Final = {"s_fetch": "fetch_total", "s_sess": "sessions_total"}
_GROUPS: Final = {
    "fetch_": counter("varnish_main_fetch", "", "Fetches, by how the body came or why none did.", "type"),
    "sess_": counter("varnish_main_sessions", "", "Connections of clients, by what became of them.", "type"),
}
_MGT: Final = {
    **_counters("mgt", "", (), {
        "uptime": "Seconds since the manager started.",
        "child_start": "Times that the child process was started.",
        "child_stop": "Times that it was stopped.",
        "child_exit": "Times that it ended in order.",
        "child_died": "Times that a signal ended it.",
        "child_dump": "Times that it left a core.",
        "child_panic": "Times that it panicked.",
    }),
}  # fmt: skip
_BACKEND_LABELS: Final = ("backend", "server")
_VBE: Final = {
    **_counters("backend", "", _BACKEND_LABELS, {
        "req": "Requests sent to it.",
        "unhealthy": "Fetches not tried, because it was sick.",
        "busy": "Fetches not tried, because it had all its connections.",
        "fail": "Connections to it that failed.",
        "helddown": "Connections not tried soon after one failed.",
    }),
    **_counters("backend", "bytes", _BACKEND_LABELS, {
        "bereq_hdrbytes": "Headers of requests to it.",
        "bereq_bodybytes": "Bodies of requests to it.",
        "beresp_hdrbytes": "Headers of its answers.",
        "beresp_bodybytes": "Bodies of its answers.",
    }),
    **_gauges("backend", "", _BACKEND_LABELS, {
        "conn": "Connections to it that are in use.",
        "happy": "Its last 64 health probes, a bit each, the newest last; 0 where it has no probe.",
    }),
}  # fmt: skip
BACKEND_UP: Final = gauge(
    "varnish_backend_up", "", "1 if its last health probe was well, else 0; 0 where it has none.", *_BACKEND_LABELS
)
_STORED: Final = {
    "c_req": ("counter", "", "Times that room was asked for."),
    "c_fail": ("counter", "", "Times that there was none."),
    "c_bytes": ("counter", "bytes", "Room given."),
    "c_freed": ("counter", "bytes", "Room given back."),
    "g_alloc": ("gauge", "", "Pieces that are in use."),
    "g_bytes": ("gauge", "bytes", "Room that is in use."),
    "g_space": ("gauge", "bytes", "Room that is free; 0 of what has no limit."),
}
_STORES: Final = {
    store: {
        key: (counter if kind == "counter" else gauge)(f"varnish_{store.lower()}_{key}", unit, text, "type")
        for key, (kind, unit, text) in _STORED.items()
    }
    for store in ("SMA", "SMF")  # in memory, and in a file
}
COUNTERS: Final = (
    *_MAIN.values(),
    *_GROUPS.values(),
    *_MGT.values(),
    *_VBE.values(),
    BACKEND_UP,
    *(info for store in _STORES.values() for info in store.values()),
)

Values = dict[MetricInfo, dict[Labels, float | None]]


def families(counters: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield the families of *counters*, by Varnish's names such as ``MAIN.cache_hit`` and ``VBE.boot.default.req``."""
    found: Values = {}
    backends: dict[tuple[str, str], dict[str, float]] = {}
    for name, value in sorted(counters.items()):
        if not isinstance(value, int | float):
            continue
        section, _, rest = name.partition(".")
        if section == "VBE":
            middle, _, key = rest.rpartition(".")
            vcl, _, backend = middle.partition(".")
            backends.setdefault((backend, vcl), {})[key] = value
        else:
            _plain(found, section, rest, float(value))
    yield from (info.samples(values) for info, values in found.items())
    yield from _backends(_newest(backends))


def _plain(found: Values, section: str, rest: str, value: float) -> None:
    store, _, key = rest.rpartition(".")
    labels: Labels = ()
    if section == "MAIN":
        info = _MAIN.get(_RENAMED.get(rest, rest))
        group = next((each for each in _GROUPS if rest.startswith(each)), None) if info is None else None
        if group is not None:
            info, labels = _GROUPS[group], (rest.removeprefix(group),)
    elif section == "MGT":
        info = _MGT.get(rest)
    else:
        info, labels = _STORES.get(section, {}).get(key), (store.lower(),)
    if info is not None:
        found.setdefault(info, {})[labels] = value


def _newest(backends: Mapping[tuple[str, str], dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return the fields of each backend in the VCL loaded last; Debian calls it ``reload_DATE`` after ``boot``."""
    return {backend: backends[backend, vcl] for backend, vcl in sorted(backends)}


def _backends(rows: Mapping[str, dict[str, float]]) -> Iterator[Metric]:
    """Yield the families of the busiest backends, and the connections of the rest as one.

    Their counters have no sum: whoever enters or leaves the busiest would make it fall, which is a restart to ``rate``.
    """
    largest = sorted(rows, key=lambda backend: rows[backend].get("req", 0.0), reverse=True)
    kept, folded = largest[:MOST_BACKENDS], largest[MOST_BACKENDS:]
    shown = {backend: rows[backend] for backend in kept}
    if folded:
        shown[_OTHERS] = {"conn": sum(rows[each].get("conn", 0.0) for each in folded)}
    for key, info in _VBE.items():
        yield info.samples({(name, _SERVER): row.get(key) for name, row in shown.items()})
    yield BACKEND_UP.samples({(name, _SERVER): int(row["happy"]) & 1 for name, row in shown.items() if "happy" in row})
    yield FOLDED_ROWS.samples({("backends",): len(folded)})
