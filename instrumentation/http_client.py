"""OpenTelemetry's metric of HTTP requests that the application makes, whichever library makes them."""

from typing import Final

from .aggregation import Histogram
from .bounds import OTHER
from .http_server import METHODS
from .memory import Labels
from .outgoing import ClientCalls, Peers

_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_STATUSES: Final = range(100, 600)
_ERROR: Final = 400  # what a server calls a client's mistake failed its client, the conventions say


def _failed_beside(labels: Labels) -> Labels:
    return (*labels[:3], "", OTHER)


class HttpClientMetrics(ClientCalls):
    """Count requests: from before the connection until the headers of the response.

    A key is the method, scheme, host and port of the URL (no port for the scheme's own), the status (0 for none), and
    the class of the exception.
    """

    def __init__(self, methods: frozenset[str] = METHODS) -> None:
        self._methods = methods
        self._peers = Peers()
        duration = Histogram(
            "http.client.request.duration",
            "Duration of HTTP client requests.",
            ("http.request.method", "server.address", "server.port", "http.response.status_code", "error.type"),
            zero_beside=_failed_beside,
        )
        super().__init__(duration, self._label, _failed_beside)

    def _label(self, method: str, scheme: str, host: object, port: object, status: int, error: str) -> Labels:
        address, number = self._peers.labels(host, port or _PORTS.get(scheme, ""))
        code = "" if not status else str(status) if status in _STATUSES else OTHER
        failed = error or (code if status >= _ERROR else "")
        return (method if method in self._methods else OTHER, address, number, code, failed)
