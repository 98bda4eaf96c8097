"""``seawall exporter``."""

import logging
import os
import signal
from pathlib import Path
from threading import Event
from typing import Final

import click

from seawall.catalog import host_and_port
from seawall.conventions import EXPORTER_PORT

from .server import Settings, serve
from .system import Machine

_EPILOG: Final = """\b
Example:
  seawall exporter --catalog catalog.yaml
  curl http://127.0.0.1:9879/metrics

Exit codes: 0 after it was asked to stop, 1 where it cannot start, 2 for a wrong option.
"""
_FOLDER: Final = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command(epilog=_EPILOG)
@click.option("--catalog", type=click.Path(path_type=Path), required=True, help="The catalog: a file or a folder.")
@click.option("--listen", default=f"127.0.0.1:{EXPORTER_PORT}", show_default=True, help="HOST:PORT to serve on.")
@click.option("--proc", type=_FOLDER, default="/proc", show_default=True, help="Where the host's /proc is mounted.")
@click.option("--sys", type=_FOLDER, default="/sys", show_default=True, help="Where the host's /sys is mounted.")
@click.option(
    "--root", type=_FOLDER, default="/", show_default=True, help="Where the host's root filesystem is mounted."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=120),
    default=10.0,
    show_default=True,
    help="Seconds of a probe, where the scrape names none.",
)
@click.option(
    "--max-requests", type=click.IntRange(min=1), default=200, show_default=True, help="Requests answered at a time."
)
@click.option(
    "--web-config",
    default=None,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A web configuration: TLS, users and headers (the format of Prometheus' exporters).",
)
@click.option(
    "--collectors",
    default=None,
    type=_FOLDER,
    help="A folder of collectors of your own: each .py file in it is executed.",
)
@click.option(
    "--textfiles",
    default=None,
    type=click.Path(path_type=Path),
    help="A folder of .prom files, whose metrics are served with the host's.",
)
def exporter(
    catalog: Path,
    listen: str,
    proc: Path,
    sys: Path,
    root: Path,
    timeout: float,
    max_requests: int,
    web_config: Path | None,
    collectors: Path | None,
    textfiles: Path | None,
) -> None:
    """Serve the metrics of this host, and of every service of the catalog that has a url."""
    host, port = _address(listen)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    settings = Settings(
        catalog,
        host,
        port,
        Machine(proc, sys, root),
        timeout,
        max_requests,
        web_config=web_config,
        collectors=collectors,
        textfiles=textfiles,
    )
    serve(
        settings,
        os.environ,
        stop,
        started=lambda at: click.echo(f"The exporter is at {at} (Ctrl-C stops it).", err=True),
    )


def _address(listen: str) -> tuple[str, int]:
    found = host_and_port(listen)
    if found is None:
        raise click.BadParameter(f"{listen!r} is not HOST:PORT; write such as 127.0.0.1:9879", param_hint="--listen")
    return found
