"""``seawall portal``."""

from pathlib import Path
from urllib.parse import urlsplit

import click

from seawall.catalog import SeawallError, host_and_port
from seawall.conventions import ALERTMANAGER_PORT, PORTAL_PORT, PROMETHEUS_PORT

from .settings import DAY, Settings


class MissingPackageError(SeawallError):
    """The optional packages of the portal are not installed."""


_EPILOG = """\b
Example:
  seawall portal --catalog catalog.yaml --build build --data .seawall/portal

Exit codes: 0 after it was asked to stop, 1 where it cannot start, 2 for a wrong option.
"""


@click.command(epilog=_EPILOG)
@click.option("--catalog", type=click.Path(path_type=Path), required=True, help="The catalog: a file or a folder.")
@click.option("--build", type=click.Path(path_type=Path), required=True, help="The folder that seawall render wrote.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Where the inbox is kept.")
@click.option(
    "--prometheus", default=f"http://127.0.0.1:{PROMETHEUS_PORT}", show_default=True, help="Prometheus' address."
)
@click.option(
    "--alertmanager", default=f"http://127.0.0.1:{ALERTMANAGER_PORT}", show_default=True, help="Alertmanager's address."
)
@click.option("--listen", default=f"127.0.0.1:{PORTAL_PORT}", show_default=True, help="HOST:PORT to serve on.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A further name that browsers may open it by.")
@click.option(
    "--retention-days",
    type=click.IntRange(min=1),
    default=90,
    show_default=True,
    help="How long ended alerts are kept.",
)
@click.option(
    "--templates", type=click.Path(path_type=Path), default=None, help="The folder of overrides that render was given."
)
def portal(
    catalog: Path,
    build: Path,
    data: Path,
    prometheus: str,
    alertmanager: str,
    listen: str,
    allow_host: tuple[str, ...],
    retention_days: int,
    templates: Path | None,
) -> None:
    """Serve the fleet, the runbooks with live evidence and the alert inbox as web pages."""
    host, port = _address(listen)
    settings = Settings(
        catalog=catalog,
        build=build,
        data=data,
        prometheus=_url(prometheus, "--prometheus"),
        alertmanager=_url(alertmanager, "--alertmanager"),
        hosts=frozenset(name.lower() for name in allow_host),
        retention=retention_days * DAY,
    )
    try:
        from .server import serve
    except ModuleNotFoundError as error:
        raise MissingPackageError(f'the portal needs {error.name}; run: pip install "seawall[portal]"') from None
    serve(
        settings,
        host,
        port,
        templates,
        started=lambda at: click.echo(f"The portal is at {at} (Ctrl-C stops it).", err=True),
    )


def _address(listen: str) -> tuple[str, int]:
    found = host_and_port(listen)
    if found is None:
        raise click.BadParameter(f"{listen!r} is not HOST:PORT; write such as 127.0.0.1:8800", param_hint="--listen")
    return found


def _url(url: str, option: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter(f"{url!r} is not an address; write such as http://127.0.0.1:9090", param_hint=option)
    return url
