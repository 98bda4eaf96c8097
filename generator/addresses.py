"""Where the parts of the stack answer; host:port, as rendered configuration names them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from seawall import conventions
from seawall.catalog import Catalog, host_and_port


@dataclass(frozen=True)
class Addresses:
    """The stack's own addresses as Prometheus and Alertmanager reach them.

    *watch*, *grafana* and *collector*, of which that is where it tells its own metrics, are None where they do not run.
    *exporter_client* is what Prometheus presents to the exporter: its
    ``scheme``, ``basic_auth`` and ``tls_config``. *remote_write* is the URL of a storage that gets all samples, if any.
    """

    prometheus: str = f"localhost:{conventions.PROMETHEUS_PORT}"
    alertmanager: str = f"localhost:{conventions.ALERTMANAGER_PORT}"
    exporter: str = f"localhost:{conventions.EXPORTER_PORT}"
    portal: str = f"localhost:{conventions.PORTAL_PORT}"
    watch: str | None = field(default=None, kw_only=True)
    grafana: str | None = field(default=None, kw_only=True)
    collector: str | None = field(default=None, kw_only=True)
    exporter_client: dict[str, Any] = field(default_factory=dict, kw_only=True)
    remote_write: str | None = field(default=None, kw_only=True)

    @property
    def exporter_url(self) -> str:
        """The exporter's address with its scheme."""
        return f"{self.exporter_client.get('scheme', 'http')}://{self.exporter}"

    @property
    def jobs(self) -> dict[str, str]:
        """The address of each part that runs, by its job."""
        found = {f"{conventions.STACK_SERVICE}-{part}": getattr(self, part) for part in conventions.STACK_PARTS}
        return {job: address for job, address in found.items() if address}


def given_addresses(options: Iterable[str]) -> dict[str, str]:
    """Return the addresses that options of the form ``NAME=HOST:PORT`` give, by name; raise ValueError for another."""
    given: dict[str, str] = {}
    for option in options:
        name, _, address = option.partition("=")
        if name not in conventions.STACK_PARTS or host_and_port(address) is None:
            names = ", ".join(conventions.STACK_PARTS)
            raise ValueError(f"{option!r}: the names are {names}; write such as prometheus=prometheus:9090")
        given[name] = address
    return given


def addresses_of(catalog: Catalog) -> Addresses:
    """Return the addresses that *catalog* says; its exporter is not the one that ``seawall up`` starts."""
    access = catalog.defaults.exporter
    client: dict[str, Any] = {"scheme": access.scheme} if access.scheme != "http" else {}
    if access.username:
        client["basic_auth"] = {"username": access.username, "password_file": access.password_file}
    tls = {key: getattr(access, key) for key in ("ca_file", "cert_file", "key_file", "server_name")}
    if given := {key: value for key, value in tls.items() if value}:
        client["tls_config"] = given
    return Addresses(exporter=access.address or Addresses.exporter, exporter_client=client)
