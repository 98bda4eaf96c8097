"""``seawall watch``."""

import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any, Final
from urllib.parse import urlsplit

import click

from seawall.catalog import SeawallError, host_and_port
from seawall.conventions import FOLLOWED, WATCH_PORT
from seawall.generator import Addresses, ends_tidily, find_tools
from seawall.generator.address_option import address_option

from .following import Follower, Look
from .reloads import Reloads
from .rendering import Source
from .watch_server import WatchStatus, serving

_log: Final = logging.getLogger(__name__)
_TOOLS: Final = ("promtool", "amtool")
_CLOCKS_DIFFER: Final = 60.0  # seconds; less is what a clock is corrected by
_EPILOG: Final = """\b
Examples:
  seawall watch catalog.yaml --out build
  seawall watch catalog.d --out build --reload http://localhost:9093/-/reload
  seawall watch catalog.yaml --out build --once

Exit codes: 0 after it was asked to stop, with --once where OUT serves the catalog or the last good set;
1 where nothing serves or it cannot start; 2 for a wrong option.
"""


@click.command(epilog=_EPILOG)
@click.argument("catalog", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The folder to keep; new, empty or Seawall's."
)
@click.option("--templates", type=click.Path(path_type=Path), help="A folder of templates that override the packs'.")
@click.option("--once", is_flag=True, help="Look once, and end.")
@click.option("--reload", "urls", multiple=True, metavar="URL", help="POST here when a new set serves; repeatable.")
@address_option
@click.option(
    "--remote-write", "storage", metavar="URL", envvar="SEAWALL_REMOTE_WRITE", show_envvar=True,
    help="Where Prometheus sends every sample too, but those that rules make.",
)  # fmt: skip
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks at the files; a change is rendered once it is the same in two.",
)
@click.option(
    "--listen", default=f"127.0.0.1:{WATCH_PORT}", show_default=True, help="HOST:PORT of /metrics and /health."
)
@click.option("--no-check", is_flag=True, help="Let a set serve that promtool and amtool have not read.")
@ends_tidily
def watch(
    catalog: Path, out: Path, templates: Path | None, once: bool, urls: tuple[str, ...], addresses: dict[str, Any],
    storage: str | None, interval: float, listen: str, no_check: bool,
) -> None:  # fmt: skip
    """Keep OUT what CATALOG renders to: on every change render, check, and only then let the new set serve.

    A broken file of a folder is held back alone, and its last good copy stands for it; where nothing else helps, the
    last good set serves on. OUT/catalog is the catalog that serves, for the exporter and the portal.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    for option, url in (*(("--reload", url) for url in urls), *([("--remote-write", storage)] if storage else [])):
        if not _is_address(url):
            said = "write an http:// or https:// address such as http://prometheus:9090/-/reload"
            raise click.BadParameter(said, param_hint=option)  # which may hold a password, and is not shown
    tools = None if no_check else _tools()
    follower = Follower(
        Source(catalog, templates), out, replace(Addresses(), **addresses, remote_write=storage or None), tools, _tell
    )
    if behind := seconds_behind(out / FOLLOWED, time.time()):
        _log.warning(
            "the clock stands %.0f s before what was written here last: set it, as with timedatectl set-ntp true; "
            "until it is past that, Prometheus refuses what it scrapes", behind,
        )  # fmt: skip
    status, reloads = WatchStatus(), Reloads(urls)
    if once:
        look = follower.look(date.today())
        assert look is not None  # the first one always renders
        _show(look, out)
        sys.exit(0 if look.serves else 1)
    host, port = _listen(listen)
    with ExitStack() as stack:
        where = stack.enter_context(serving(status, host, port))
        click.echo(f"Watching {catalog}; /metrics and /health are at http://{where}/ (Ctrl-C stops it).", err=True)
        status.serves = follower.serves  # while the first look takes its time
        reloads.want()  # an earlier watch may have ended before it told them
        follow(follower, reloads, status, Event().wait, date.today, interval)


def seconds_behind(file: Path, now: float) -> float:
    """Return by how many seconds *now* is before *file* was written, 0 where it is not or by less than a minute."""
    try:
        behind = file.stat().st_mtime - now
    except OSError:
        return 0
    return behind if behind >= _CLOCKS_DIFFER else 0


def follow(
    follower: Follower,
    reloads: Reloads,
    status: WatchStatus,
    wait: Callable[[float], bool],
    today: Callable[[], date],
    interval: float,
) -> None:
    """Look every *interval* seconds, and have a new set read by those who serve it, until *wait* returns True."""
    while True:
        look = follower.look(today())
        if look is not None:
            status.note(look)
            if look.has_changed:
                reloads.want()
        if status.serves:
            reloads.attempt()
        status.beat(sum(reloads.pending.values()))
        if wait(interval):
            return


def _show(look: Look, out: Path) -> None:
    for warning in look.warnings:
        click.secho(str(warning), fg="yellow", err=True)
    said = "serves the catalog" if look.is_current else "serves the last good set" if look.serves else "serves nothing"
    if look.held_back and look.serves:
        said = f"serves the catalog without the changes of {', '.join(look.held_back)}"
    click.echo(f"{out}: {said}")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _tools() -> dict[str, Path]:
    found = find_tools(_TOOLS, os.environ)
    missing = [name for name, path in found.items() if path is None]
    if missing:
        names = " and ".join(missing)
        raise SeawallError(
            f"{names}: not on PATH, and nothing serves that was not checked; install them "
            "(Debian: prometheus, prometheus-alertmanager), or go on without: --no-check"
        )
    return {name: path for name, path in found.items() if path is not None}


def _listen(listen: str) -> tuple[str, int]:
    found = host_and_port(listen)
    if found is None:
        raise click.BadParameter(f"{listen!r} is not HOST:PORT; write such as 127.0.0.1:8801", param_hint="--listen")
    return found


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        click.secho(f"… {text}", dim=True, err=True)
