"""Where the parts of the stack answer; host:port, as rendered configuration names them."""

from dataclasses import dataclass

from seawall import conventions


@dataclass(frozen=True)
class Addresses:
    """The stack's own addresses as Prometheus and Alertmanager reach them."""

    prometheus: str = f"localhost:{conventions.PROMETHEUS_PORT}"
    alertmanager: str = f"localhost:{conventions.ALERTMANAGER_PORT}"
    exporter: str = f"localhost:{conventions.EXPORTER_PORT}"
    portal: str = f"localhost:{conventions.PORTAL_PORT}"
