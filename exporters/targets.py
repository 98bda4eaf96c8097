"""What the exporter probes, as Prometheus' HTTP service discovery wants it told."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from seawall.catalog import Catalog, SeawallError, Service
from seawall.catalog.environment import expand

from .kinds import Kind
from .redaction import instance


def find(catalog: Catalog, name: str, known: Mapping[str, Kind]) -> tuple[Service, Kind] | None:
    """Return the service *name* and its kind; None unless it has a url, and one of the *known* kinds probes."""
    service = catalog.services.get(name)
    kind = known.get(service.kind) if service is not None and service.is_probed else None
    return (service, kind) if service is not None and kind is not None and kind.connect is not None else None


def probed(catalog: Catalog, known: Mapping[str, Kind]) -> Iterator[tuple[Service, Kind]]:
    """Yield every service that can be probed, by name."""
    for name in sorted(catalog.services):
        found = find(catalog, name, known)
        if found is not None:
            yield found


def target_groups(services: Iterable[Service], address: str, environ: Mapping[str, str], *, is_secure: bool) -> bytes:
    """Return JSON: a group for each of *services*, all at *address*, the exporter's own host:port."""
    # Not http: a proxy in front of the exporter may be the one that speaks TLS.
    scheme = {"__scheme__": "https"} if is_secure else {}
    groups = [{"targets": [address], "labels": _labels(service, environ) | scheme} for service in services]
    return json.dumps(groups).encode()


def _labels(service: Service, environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        **service.match,  # the rules select by it
        "job": service.name,
        "instance": _instance(service, environ),
        "__metrics_path__": "/probe",
        "__param_service": service.name,
    }


def _instance(service: Service, environ: Mapping[str, str]) -> str:
    try:
        return instance(expand(service.url or "", environ), service.name)
    except SeawallError:  # the probe says which variable is missing
        return service.name
