"""NGINX: nginx-prometheus-exporter's metrics, from its stub_status page."""

import base64
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, unquote

from prometheus_client import Metric

from seawall.catalog import SeawallError

from .declaration import counter, gauge
from .kinds import Target
from .probe_deadline import BoundSocket, Deadline

UP: Final = gauge("nginx_up", "", "1 if NGINX answered, else 0.")
_REQUESTS: Final = counter("nginx_http_requests_total", "", "Requests, those of this exporter among them.")
_FAMILIES: Final = {
    "active": gauge("nginx_connections_active", "", "Connections of clients that are open."),
    "accepted": counter("nginx_connections_accepted", "", "Connections accepted."),
    "handled": counter("nginx_connections_handled", "", "Of these, not dropped at a limit."),
    "requests": _REQUESTS,
    "reading": gauge("nginx_connections_reading", "", "Connections whose request is being read."),
    "writing": gauge("nginx_connections_writing", "", "Connections that wait for their answer, or get it."),
    "waiting": gauge("nginx_connections_waiting", "", "Connections that are idle."),
}
NGINX_METRICS: Final = (UP, *_FAMILIES.values())
_PAGE: Final = re.compile(
    r"Active connections: (?P<active>\d+)\s+server accepts handled requests\s+"
    r"(?P<accepted>\d+) (?P<handled>\d+) (?P<requests>\d+)\s+"
    r"Reading: (?P<reading>\d+) Writing: (?P<writing>\d+) Waiting: (?P<waiting>\d+)\s*"
)
_LONGEST: Final = 1 << 16  # bytes


class NginxAnswerError(SeawallError):
    """What answers is no stub_status page."""


class Nginx:
    """Asks one page, over a new connection each time; it needs to be among those that the page allows."""

    up: Final = UP

    def __init__(self, url: SplitResult, timeout: float) -> None:
        self._url, self._timeout = url, timeout
        self._opened: BoundSocket | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raise OSError, NginxAnswerError."""
        head, _, body = self._ask(Deadline(self._timeout)).partition("\r\n\r\n")
        status = head.split(" ", 2)[1:2]
        if status != ["200"]:
            raise NginxAnswerError(f"the page answers {' '.join(status) or 'no HTTP'}; write its path in the url")
        found = _PAGE.fullmatch(body)
        if found is None:
            raise NginxAnswerError("the page is not one of stub_status")
        for name, family in _FAMILIES.items():
            yield family.value(float(found[name]))

    def close(self) -> None:
        """End the connection, also under whoever waits on it."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _ask(self, deadline: Deadline) -> str:
        connection = socket.create_connection((self._url.hostname or "", self._port), deadline.left())
        self._opened = BoundSocket(connection, deadline)
        try:
            if self._url.scheme == "nginxs":
                context = ssl.create_default_context()
                connection.settimeout(deadline.left())
                sealed = context.wrap_socket(connection, server_hostname=self._url.hostname)
                self._opened = BoundSocket(sealed, deadline)
            opened = self._opened
            opened.sendall(self._request().encode())
            return opened.makefile("rb").read(_LONGEST).decode(errors="replace")
        finally:
            self.close()

    @property
    def _port(self) -> int:
        return self._url.port or (443 if self._url.scheme == "nginxs" else 80)

    def _request(self) -> str:
        path = self._url.path if self._url.path.strip("/") else "/stub_status"
        lines = [f"GET {path} HTTP/1.0", f"Host: {self._url.hostname}", "User-Agent: seawall"]
        if self._url.username:
            words = f"{unquote(self._url.username)}:{unquote(self._url.password or '')}"
            lines.append(f"Authorization: Basic {base64.b64encode(words.encode()).decode()}")
        return "\r\n".join([*lines, "", ""])


def nginx(target: Target, url: SplitResult) -> Nginx:
    """Return what asks the NGINX of *url*."""
    return Nginx(url, target.timeout)
