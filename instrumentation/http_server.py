"""OpenTelemetry's HTTP server metrics, for every framework."""

from collections.abc import Iterable
from typing import Final

from .aggregation import DURATION_BOUNDARIES, Histogram, Labels, UpDownCounter

# What a stranger may send as a method is not bounded; what becomes a label is.
METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
OTHER: Final = "_OTHER"
CLIENT_CLOSED_REQUEST: Final = 499
SERVER_ERROR: Final = 500
# A response that began and never ended: no status tells the truth, so the label is empty and error_type is not.
BROKEN_OFF: Final = 0

_STATUS: Final = {BROKEN_OFF: "", **{code: str(code) for code in range(100, 600)}}
_SCHEMES: Final = {"http": "http", "https": "https"}
_VERSIONS: Final = {"1.0": "1.0", "1.1": "1.1", "2": "2", "2.0": "2", "3": "3", "3.0": "3"}


def _failed_beside(labels: Labels) -> Labels:
    method, route, _, _, scheme, version = labels
    return (method, route, "500", "500", scheme, version)


class HttpServerMetrics:
    """Count requests: how long they took, and how many are being answered now."""

    def __init__(self, thresholds: Iterable[float] = (), methods: frozenset[str] = METHODS) -> None:
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
        )
        self.active = UpDownCounter(
            "http.server.active_requests",
            "Number of active HTTP server requests.",
            ("http.request.method", "url.scheme"),
            unit="{request}",
        )
        self._methods = {method: method for method in methods}

    def begin(self, method: str, scheme: str) -> Labels:
        """Count a request that came in; return the labels to end it with."""
        labels = (self._methods.get(method, OTHER), _SCHEMES.get(scheme, ""))
        self.active.add(labels, 1)
        return labels

    def end(self, begun: Labels, route: str, status: int, error: str, version: str, seconds: float) -> None:
        """Count a request that was answered with *status* after *seconds*; *error* is the class of what failed it."""
        method, scheme = begun
        code = _STATUS.get(status, OTHER)
        protocol = _VERSIONS.get(version, "")
        try:
            if error:
                self.duration.record_failure((method, route, code, error, scheme, protocol), seconds)
            else:
                failed = code if status >= SERVER_ERROR else ""
                self.duration.record((method, route, code, failed, scheme, protocol), seconds)
        finally:
            self.active.add(begun, -1)
