"""OpenTelemetry's HTTP server metrics, for every framework."""

from collections.abc import Iterable
from typing import Final

from .aggregation import DURATION_BOUNDARIES, Histogram, Labels, UpDownCounter

# What a stranger may send as a method is not bounded; what becomes a label is.
METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
OTHER: Final = "_OTHER"
CLIENT_CLOSED_REQUEST: Final = 499

_STATUS: Final = {code: str(code) for code in range(100, 600)}
_SCHEMES: Final = {"http": "http", "https": "https"}
_VERSIONS: Final = {"1.0": "1.0", "1.1": "1.1", "2": "2", "2.0": "2", "3": "3", "3.0": "3"}
_SERVER_ERROR: Final = 500


def _failed_beside(labels: Labels) -> Labels:
    method, route, _, _, scheme, version = labels
    return (method, route, "500", "500", scheme, version)


class HttpServerMetrics:
    """Count requests: how long they took, and how many are being answered now."""

    def __init__(self, thresholds: Iterable[float] = (), methods: frozenset[str] = METHODS) -> None:
        self.duration = Histogram(
            "http_server_request_duration_seconds",
            "Duration of HTTP server requests.",
            (
                "http_request_method",
                "http_route",
                "http_response_status_code",
                "error_type",
                "url_scheme",
                "network_protocol_version",
            ),
            boundaries=(*DURATION_BOUNDARIES, *thresholds),
            zero_beside=_failed_beside,
        )
        self.active = UpDownCounter(
            "http_server_active_requests",
            "Number of active HTTP server requests.",
            ("http_request_method", "url_scheme"),
        )
        self._methods = {method: method for method in methods}

    def begin(self, method: str, scheme: str) -> Labels:
        """Count a request that came in; return the labels to end it with."""
        labels = (self._methods.get(method, OTHER), _SCHEMES.get(scheme, ""))
        self.active.add(labels, 1)
        return labels

    def end(self, begun: Labels, route: str, status: int, error: str, version: str, seconds: float) -> None:
        """Count a request that was answered with *status* after *seconds*; *error* is the class of what failed it."""
        self.active.add(begun, -1)
        method, scheme = begun
        code = _STATUS.get(status, OTHER)
        protocol = _VERSIONS.get(version, "")
        if error:
            self.duration.record_failure((method, route, code, error, scheme, protocol), seconds)
        elif status >= _SERVER_ERROR:
            self.duration.record((method, route, code, code, scheme, protocol), seconds)
        else:
            self.duration.record((method, route, code, "", scheme, protocol), seconds)
