"""NGINX: nginx-prometheus-exporter's metrics, from its stub_status page."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final
from urllib.parse import SplitResult, parse_qs

from prometheus_client import Metric

from .declaration import counter, gauge
from .errors import AnswerError
from .kept_socket import Address
from .kinds import Target
from .probe_deadline import Deadline
from .web_pages import PageError, Pages, Site, basic

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
_MOST_LINES: Final = 5  # one more than there are
_PORTS: Final = {"nginx": 80, "nginxs": 443}


class Nginx:
    """Asks one page, over a new connection each time; it needs to be among those that the page allows."""

    up: Final = UP

    def __init__(self, pages: Pages, path: str, timeout: float) -> None:
        self._pages, self._path, self._timeout = pages, path, timeout

    def collect(self) -> Iterator[Metric]:
        """Yield the families; raise OSError, AnswerError."""
        try:
            body = "\n".join(islice(self._pages.lines(self._path, Deadline(self._timeout)), _MOST_LINES))
        except PageError as error:
            raise AnswerError(f"the page answers {error.status}; write its path in the url") from None
        finally:
            self.close()  # one that is kept would be among the connections that it tells of
        found = _PAGE.fullmatch(body)
        if found is None:
            raise AnswerError("the page is not one of stub_status")
        for name, family in _FAMILIES.items():
            yield family.value(float(found[name]))

    def close(self) -> None:
        """End the connection, also under whoever waits on it."""
        self._pages.close()


def nginx(target: Target, url: SplitResult) -> Nginx:
    """Return what asks the NGINX of *url*."""
    ca = parse_qs(url.query).get("ca", [""])[-1]
    address = Address(url.hostname or "", url.port or _PORTS[url.scheme], url.scheme == "nginxs", ca)
    path = url.path if url.path.strip("/") else "/stub_status"
    return Nginx(Pages(Site(address, authorization=basic(url))), path, target.timeout)
