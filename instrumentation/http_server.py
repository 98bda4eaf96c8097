"""OpenTelemetry's HTTP server metrics, for every framework."""

from bisect import bisect_left
from collections.abc import Iterable
from time import time
from typing import Any, Final, NamedTuple

from . import exemplars
from .aggregation import DURATION_BOUNDARIES, NEEDS_LOCK, Histogram, UpDownCounter
from .bounds import OTHER
from .memory import Labels, heap_cells

# What a stranger may send as a method is not bounded; what becomes a label is.
METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
CLIENT_CLOSED_REQUEST: Final = 499
SERVER_ERROR: Final = 500
# A response that began and never ended: no status tells the truth, so the label is empty and error_type is not.
BROKEN_OFF: Final = 0
SIZE_BOUNDARIES: Final = tuple(float(4**power) for power in range(3, 14))  # bytes: 64 to 64 Mi

_DIGITS: Final = 15  # of a length that can be true: a stranger may claim one that no sum can hold
_SENT_SUM: Final = len(SIZE_BOUNDARIES) + 1
_STATUS: Final = {BROKEN_OFF: "", **{code: str(code) for code in range(100, 600)}}
_SCHEMES: Final = {"http": "http", "https": "https"}
_VERSIONS: Final = {
    f"{prefix}{said}": known
    for said, known in {"1.0": "1.0", "1.1": "1.1", "2": "2", "2.0": "2", "3": "3", "3.0": "3"}.items()
    for prefix in ("", "HTTP/")  # as ASGI has it, and as WSGI has
}
_ENCODINGS: Final = {"": "", "identity": "", **{each: each for each in ("br", "compress", "deflate", "gzip", "zstd")}}
_SIZED: Final = ("http.request.method", "http.route", "http.response.status_code", "url.scheme")


def _failed_beside(labels: Labels) -> Labels:
    method, route, _, _, scheme, version = labels
    return (method, route, "500", "500", scheme, version)


def is_length(said: str | bytes) -> bool:
    """Whether a ``Content-Length`` is one that can be true."""
    return said.isdigit() and said.isascii() and len(said) <= _DIGITS


class Begun:
    """A kind of request that came in, and where those that are being answered are counted."""

    __slots__ = ("active", "method", "scheme")

    def __init__(self, method: str, scheme: str, active: "memoryview[float]") -> None:
        self.method = method
        self.scheme = scheme
        self.active = active


class _Series(NamedTuple):
    duration: "memoryview[float]"
    sent: "memoryview[float]"
    sized: Labels  # most requests have no body: these are counted where they are found each time


class HttpServerMetrics:
    """Count requests: how long they took, how much went each way, and how many are being answered now.

    The series of a kind of request are found by one look-up; what is asked of them then is additions alone.
    """

    def __init__(
        self, thresholds: Iterable[float] = (), methods: frozenset[str] = METHODS, *, exemplars: bool = True
    ) -> None:
        self.duration = Histogram(
            "http.server.request.duration",
            "Duration of HTTP server requests.",
            (
                "http.request.method",
                "http.route",
                "http.response.status_code",
                "error.type",
                "url.scheme",
                "network.protocol.version",
            ),
            boundaries=(*DURATION_BOUNDARIES, *thresholds),
            zero_beside=_failed_beside,
            exemplars=exemplars,
        )
        self.active = UpDownCounter(
            "http.server.active_requests",
            "Number of active HTTP server requests.",
            ("http.request.method", "url.scheme"),
            unit="{request}",
        )
        self.received = Histogram(
            "http.server.request.body.size",
            "Size of HTTP server request bodies as they came.",
            _SIZED,
            boundaries=SIZE_BOUNDARIES,
            unit="By",
        )
        self.sent = Histogram(
            "http.server.response.body.size",
            "Size of HTTP server response bodies as they went, compressed or not.",
            (*_SIZED, "http.response.header.content-encoding"),
            boundaries=SIZE_BOUNDARIES,
            unit="By",
        )
        self._methods = {method: method for method in methods}
        self._boundaries = self.duration.boundaries
        self._sum_at = self.duration.sum_at
        self._begun: dict[tuple[str, str], Begun] = {}
        self._series: dict[tuple[Any, ...], _Series] = {}
        self.duration.on_reset = self._forget

    @property
    def families(self) -> tuple[Histogram | UpDownCounter, ...]:
        """Everything to expose."""
        return (self.duration, self.active, self.received, self.sent)

    def begin(self, method: str, scheme: str) -> Begun:
        """Count a request that came in; return what to end it with."""
        begun = self._begun.get((method, scheme))
        if begun is None:
            begun = self._known(self._methods.get(method, OTHER), _SCHEMES.get(scheme, ""))
        if NEEDS_LOCK:
            self.active.add_in(begun.active, 1)
        else:
            begun.active[0] += 1.0
        return begun

    def end(
        self,
        begun: Begun,
        route: str,
        status: int,
        error: str,
        version: str,
        seconds: float,
        received: int = 0,
        sent: int = 0,
        encoding: str = "",
        trace: tuple[int, int] | None = None,
    ) -> None:
        """Count a request that was answered with *status* after *seconds*.

        *error* is the class of what failed it; *received* and *sent* are the bytes of its bodies, the latter in the
        content *encoding*; *trace* are the ids of its trace and span, where they were sampled.
        """
        key = (begun, route, status, error, version, encoding)
        try:
            series = self._series.get(key)
            if series is None:
                series = self._find(*key)
            duration, given, sized = series
            if received:
                self.received.record(sized, received)
            if NEEDS_LOCK:
                self.duration.record_in(duration, seconds)
                self.sent.record_in(given, sent)
                return
            # To add 1.0 rather than 1 is one step of the interpreter's own.
            bucket = bisect_left(self._boundaries, seconds)
            duration[bucket] += 1.0
            duration[self._sum_at] += seconds
            given[bisect_left(SIZE_BOUNDARIES, sent)] += 1.0
            given[_SENT_SUM] += sent
            if trace is not None and self.duration.exemplars:
                exemplars.write(duration, self._sum_at + 1, bucket, (time(), seconds, *trace))
        finally:
            if NEEDS_LOCK:
                self.active.add_in(begun.active, -1)
            else:
                begun.active[0] -= 1.0

    def _known(self, method: str, scheme: str) -> Begun:
        found = self._begun.get((method, scheme))
        if found is None:
            found = self._begun[method, scheme] = Begun(method, scheme, self.active.series((method, scheme)))
        return found

    def _find(self, begun: Begun, route: str, status: int, error: str, version: str, encoding: str) -> _Series:
        """Return the series of a kind of request; those that will be the same next time are kept."""
        code = _STATUS.get(status, OTHER)
        failed = error or (code if status >= SERVER_ERROR else "")
        coding = _ENCODINGS.get(encoding, OTHER)
        labels = (begun.method, route, code, failed, begun.scheme, _VERSIONS.get(version, ""))
        sized = (begun.method, route, code, begun.scheme)
        duration = self.duration
        is_told = not error or duration.is_published(labels) or duration.is_full(labels)
        cells = duration.add_with_failure(labels)
        if not is_told:
            cells = duration.series(_failed_beside(labels))
        given = (*sized, coding)
        found = _Series(cells, self.sent.series(given), sized)
        is_bounded = version in _VERSIONS and encoding in _ENCODINGS
        if is_told and is_bounded and duration.is_counted(labels) and self.sent.is_counted(given):
            self._series[begun, route, status, error, version, encoding] = found
        return found

    def _forget(self) -> None:
        # A request that a forked child still answers is its parent's to count.
        for begun in self._begun.values():
            begun.active = heap_cells(1)
        self._begun.clear()
        self._series.clear()
