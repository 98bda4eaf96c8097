"""Where the parts of the stack answer; host:port, as rendered configuration names them."""

from dataclasses import dataclass, field
from typing import Any

from seawall import conventions
from seawall.catalog import Catalog


@dataclass(frozen=True)
class Addresses:
    """The stack's own addresses as Prometheus and Alertmanager reach them.

    *watch* is None where no ``seawall watch`` runs. *exporter_client* is what Prometheus presents to the exporter: its
    ``scheme``, ``basic_auth`` and ``tls_config``.
    """

    prometheus: str = f"localhost:{conventions.PROMETHEUS_PORT}"
    alertmanager: str = f"localhost:{conventions.ALERTMANAGER_PORT}"
    exporter: str = f"localhost:{conventions.EXPORTER_PORT}"
    portal: str = f"localhost:{conventions.PORTAL_PORT}"
    watch: str | None = field(default=None, kw_only=True)
    exporter_client: dict[str, Any] = field(default_factory=dict, kw_only=True)

    @property
    def exporter_url(self) -> str:
        """The exporter's address with its scheme."""
        return f"{self.exporter_client.get('scheme', 'http')}://{self.exporter}"


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
