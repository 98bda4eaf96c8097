"""What each address of the exporter answers; knows nothing of sockets."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from prometheus_client import Metric, generate_latest
from prometheus_client.registry import Collector

from seawall.catalog import Catalog

from .host import HostCollector
from .kinds import Kind
from .own import CATALOG_SUCCESS, CATALOG_TIME, PROBES, SERVICES, WEB_CONFIG_SUCCESS, OwnMetrics
from .probe import Prober
from .targets import find, probed, target_groups
from .watch import CatalogWatch
from .web_config import WebConfigWatch

TEXT: Final = "text/plain; charset=utf-8"
EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"
JSON: Final = "application/json"

_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_TIMEOUT_HEADER: Final = "x-prometheus-scrape-timeout-seconds"
_MARGIN: Final = 0.5  # seconds that are left to bring the answer home
_LONGEST_TIMEOUT: Final = 120.0


@dataclass(frozen=True)
class Request:
    """What a page looks at; the names of *headers* are in lower case; *is_secure* is what came by TLS."""

    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    is_secure: bool = False


@dataclass(frozen=True)
class Response:
    """An answer to GET; to HEAD without its body."""

    status: int
    body: bytes
    content_type: str = TEXT


class App:
    """The exporter's pages; *timeout* in seconds is a probe's where the scrape does not say.

    *known* are the kinds that have a collector, by name.
    """

    def __init__(
        self,
        watch: CatalogWatch,
        prober: Prober,
        host: HostCollector,
        own: OwnMetrics,
        *,
        environ: Mapping[str, str],
        timeout: float,
        known: Mapping[str, Kind],
        web: WebConfigWatch,
    ) -> None:
        self.watch, self.own = watch, own
        self._prober, self._host = prober, host
        self._environ, self._timeout, self._known = environ, timeout, known
        self._web = web
        self._pages = {
            "/metrics": self._metrics,
            "/probe": self._probe,
            "/targets": self._targets,
            "/health": self._health,
        }

    def answer(self, target: str, headers: Mapping[str, str], *, is_secure: bool = False) -> Response:
        """Return the answer to GET of *target*, a path with its query; see Request for the rest."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return Response(400, b"this is no address\n")
        page = self._pages.get(parts.path)
        if page is None:
            return Response(404, f"no such page; there are {', '.join(self._pages)}\n".encode())
        return page(Request(parse_qs(parts.query), headers, is_secure))

    def changed(self, catalog: Catalog) -> None:
        """Let go of the services that *catalog* no longer has."""
        self._prober.keep(service.name for service, _ in probed(catalog, self._known))

    def _health(self, _request: Request) -> Response:
        return Response(200, b"ok\n")

    def _targets(self, request: Request) -> Response:
        # By the address that Prometheus came here it can come again; ours may be 0.0.0.0, or behind a container's port.
        address = request.headers.get("host", "")
        if not _ADDRESS.fullmatch(address):
            return Response(400, b"the Host header must be host:port: it becomes the targets' address\n")
        services = (service for service, _ in probed(self.watch.catalog, self._known))
        groups = target_groups(services, address, self._environ, is_secure=request.is_secure)
        return Response(200, groups, JSON)

    def _metrics(self, _request: Request) -> Response:
        self.own.put(CATALOG_SUCCESS, self.watch.is_current)
        self.own.put(CATALOG_TIME, self.watch.loaded_at)
        if self._web.path is not None:
            self.own.put(WEB_CONFIG_SUCCESS, self._web.is_current)
        self.own.put(SERVICES, sum(1 for _ in probed(self.watch.catalog, self._known)))
        return Response(200, generate_latest(self.own) + generate_latest(self._host), EXPOSITION)

    def _probe(self, request: Request) -> Response:
        names = request.query.get("service", [])
        if len(names) != 1:
            return Response(400, b"name one service of the catalog: /probe?service=NAME\n")
        found = find(self.watch.catalog, names[0], self._known)
        if found is None:
            return Response(404, b"the catalog has no such service that can be probed; /targets lists them\n")
        success, families = self._prober.probe(*found, self._deadline(request))
        self.own.add(PROBES, 1, names[0], "success" if success else "failure")
        return Response(200, _exposition(families), EXPOSITION)

    def _deadline(self, request: Request) -> float:
        try:
            asked = float(request.headers.get(_TIMEOUT_HEADER, ""))
        except ValueError:
            return self._timeout
        if not math.isfinite(asked) or asked <= 0:
            return self._timeout
        return min(max(asked - _MARGIN, asked / 2), _LONGEST_TIMEOUT)


def _exposition(families: list[Metric]) -> bytes:
    return generate_latest(_Once(families))


class _Once(Collector):
    """Families that are at hand already, as generate_latest wants them."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """Return the families."""
        return self._families
