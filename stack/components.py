"""The stack's own processes: Prometheus, Alertmanager, the exporter and the portal, and how each is started."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seawall import conventions
from seawall.catalog import SeawallError
from seawall.generator import Addresses

from .archive import home_of
from .layout import Layout
from .state import OnReload, ProcessSpec

PORTS: Final[Mapping[str, int]] = {
    "alertmanager": conventions.ALERTMANAGER_PORT,
    "portal": conventions.PORTAL_PORT,
    "exporter": conventions.EXPORTER_PORT,
    "prometheus": conventions.PROMETHEUS_PORT,
}
_SEAWALL: Final = (
    sys.executable,
    "-P",
    "-m",
    "seawall.cli",
)  # -P: a folder called seawall in the user's own is not ours


class PortOptionError(SeawallError):
    """What ``--port`` was given cannot be used."""


def parse_ports(options: tuple[str, ...]) -> dict[str, int]:
    """Return the port of every component, those of *options* (``NAME=PORT``) in place of the usual ones."""
    ports = dict(PORTS)
    for option in options:
        name, _, number = option.partition("=")
        if name not in PORTS:
            raise PortOptionError(
                f"--port {option}: the names are {', '.join(sorted(PORTS))}; write such as prometheus=19090"
            )
        if not number.isascii() or not number.isdecimal() or not 1 <= int(number) <= 65535:
            raise PortOptionError(f"--port {option}: a port is a number from 1 to 65535; write such as {name}=19090")
        ports[name] = int(number)
    return ports


def addresses(ports: Mapping[str, int]) -> Addresses:
    """Return where the components answer, as rendered configuration names them."""
    return Addresses(*(f"localhost:{ports[name]}" for name in ("prometheus", "alertmanager", "exporter", "portal")))


@dataclass(frozen=True)
class Setting:
    """What the components are started with: *tools* by name, *ports* by component, *retention* as Prometheus' flag."""

    layout: Layout
    catalog: Path
    tools: Mapping[str, Path]
    ports: Mapping[str, int]
    retention: str
    templates: Path | None = None

    def listen(self, name: str) -> str:
        """Return where the component *name* listens: loopback alone."""
        return f"127.0.0.1:{self.ports[name]}"


def components(setting: Setting) -> tuple[ProcessSpec, ...]:
    """Return the stack's own processes in the order of starting."""
    return (
        _component(setting, "alertmanager", _alertmanager(setting), "/-/ready", "signal"),
        _component(setting, "portal", _portal(setting), "/health", "keep"),
        _component(setting, "exporter", _exporter(setting), "/health", "restart"),
        _component(setting, "prometheus", _prometheus(setting), "/-/ready", "signal"),
    )


def _component(setting: Setting, name: str, command: tuple[str, ...], health: str, on_reload: OnReload) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        command=command,
        folder=home_of(Path(command[0])),
        ports=(setting.ports[name],),
        health=f"http://{setting.listen(name)}{health}",
        address=f"http://localhost:{setting.ports[name]}",
        on_reload=on_reload,
        port_option=name,
    )


def _prometheus(setting: Setting) -> tuple[str, ...]:
    return (
        str(setting.tools["prometheus"]),
        f"--config.file={setting.layout.build / conventions.PROMETHEUS_CONFIG}",
        f"--storage.tsdb.path={setting.layout.data / 'prometheus'}",
        setting.retention,
        f"--web.listen-address={setting.listen('prometheus')}",
        f"--web.external-url=http://localhost:{setting.ports['prometheus']}/",
        "--enable-feature=exemplar-storage,native-histograms",
    )


def _alertmanager(setting: Setting) -> tuple[str, ...]:
    return (
        str(setting.tools["alertmanager"]),
        f"--config.file={setting.layout.build / conventions.ALERTMANAGER_CONFIG}",
        f"--storage.path={setting.layout.data / 'alertmanager'}",
        f"--web.listen-address={setting.listen('alertmanager')}",
        f"--web.external-url=http://localhost:{setting.ports['alertmanager']}/",
        "--cluster.listen-address=",
    )


def _exporter(setting: Setting) -> tuple[str, ...]:
    return (*_SEAWALL, "exporter", "--catalog", str(setting.catalog), "--listen", setting.listen("exporter"))


def _portal(setting: Setting) -> tuple[str, ...]:
    options = {
        "--catalog": setting.catalog,
        "--build": setting.layout.build,
        "--prometheus": f"http://{setting.listen('prometheus')}",
        "--alertmanager": f"http://{setting.listen('alertmanager')}",
        "--data": setting.layout.data / "portal",
        "--listen": setting.listen("portal"),
        **({"--templates": setting.templates} if setting.templates else {}),
    }
    return (*_SEAWALL, "portal", *(str(part) for pair in options.items() for part in pair))
