"""``seawall up``, ``status``, ``logs``, ``down`` and ``demo``."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from seawall.conventions import INBOX_PATH

from . import faults, lifecycle
from .components import parse_ports
from .display import progress, table
from .docker_commands import choose, containers_down, containers_logs, containers_status, containers_up
from .layout import Layout
from .logfile import follow, tail
from .naming import find_log
from .rendering import Source
from .state import StackState
from .up import Outcome, Request
from .up import up as start

EXIT_UNHEALTHY: Final = 1
EXIT_NOT_RUNNING: Final = 3
_STARTING: Final = 90.0  # seconds that processes may take to become healthy
_PULLING: Final = 600.0  # seconds that containers may take, their images pulled and built

_state = click.option(
    "--state",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".seawall"),
    envvar="SEAWALL_STATE",
    show_default=True,
    show_envvar=True,
    help="The folder that the stack keeps its files in.",
)

_UP = """\b
Examples:
  seawall up catalog.yaml
  seawall up catalog.d --docker
  seawall up examples/shop/catalog.yaml --processes examples/shop/processes.yaml
  seawall up --port prometheus=19090

Exit codes: 0 when everything is healthy or was running already, 1 where it cannot be started (nothing is left
running) or after Ctrl-C, 2 for a wrong option.
"""


@click.command(epilog=_UP)
@click.argument("catalog", type=click.Path(path_type=Path), default=Path("catalog.yaml"))
@click.option("--processes", type=click.Path(path_type=Path), help="A file of further processes to run: an example's.")
@click.option("--port", "ports", multiple=True, metavar="NAME=PORT", help="Another port for a component; repeatable.")
@click.option("--templates", type=click.Path(path_type=Path), help="A folder of templates that override the packs'.")
@click.option("--no-check", is_flag=True, help="Start without checking what was rendered.")
@click.option("--reload", is_flag=True, help="Render a changed catalog into the running stack.")
@click.option(
    "--docker/--no-docker", "docker", default=None,
    help="Run containers, or local processes. By default containers where a Docker engine answers, Seawall is a clone "
    "and nothing is asked for that only processes do: --processes, --templates, --no-check.",
)  # fmt: skip
@click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(min=1),
    default=None,
    show_default="90, of containers 600",
    help="Seconds until everything must be healthy.",
)
@_state
def up(
    catalog: Path, processes: Path | None, ports: tuple[str, ...], templates: Path | None,
    no_check: bool, reload: bool, docker: bool | None, seconds: float | None, folder: Path,
) -> None:  # fmt: skip
    """Start Prometheus, Alertmanager, the exporter and the portal for CATALOG (default: catalog.yaml).

    As containers there are Grafana and the OpenTelemetry Collector too, and the stack follows the catalog by itself.
    """
    layout = Layout.at(folder)
    local = {"--processes": processes, "--templates": templates, "--no-check": no_check}
    if engine := choose(docker, [option for option, given in local.items() if given], layout, _tell):
        containers_up(engine, catalog, parse_ports(ports), seconds or _PULLING, layout)
        return
    request = Request(
        source=Source(catalog, templates),
        layout=layout,
        processes=processes,
        ports=parse_ports(ports),
        check=not no_check,
        reload=reload,
        seconds=seconds or _STARTING,
    )
    with progress(sys.stderr.isatty()) as watch:
        outcome = start(request, os.environ, _tell, watch)
    for finding in outcome.findings:
        _tell(str(finding))
    _report(outcome)


def _report(outcome: Outcome) -> None:
    said = {
        "started": "The stack is up:",
        "reloaded": "The changed catalog is loaded. The stack:",
        "nothing": "The stack is running already; nothing was done:",
    }
    click.echo(said[outcome.did])
    for process in outcome.state.processes:
        click.echo(f"  {process.name:<14} {process.address}".rstrip())
    if outcome.broken:
        click.echo("The catalog is broken, so the last good one is served. Mend it, then: seawall down; seawall up")
    if outcome.changed:
        click.echo("The catalog or the options have changed since it was started. To load them: seawall up … --reload")
    click.echo("Next: seawall status | logs NAME | down" + (" | demo errors" if outcome.plan.has_example else ""))


@click.command(epilog="\b\nExample:\n  seawall down\n\nExit codes: 0 when nothing runs any more, 2 for a wrong option.")
@_state
def down(folder: Path) -> None:
    """Stop everything that up has started; what was collected and the logs stay."""
    layout = Layout.at(folder)
    if not layout.is_ours:
        click.echo(f"No stack is running in {layout.root}.")
        return
    if containers_down(layout):
        click.echo("The stack is down; its volumes stay.")
        return
    with lifecycle.locked(layout, _tell):
        was = lifecycle.running(layout)
        with progress(sys.stderr.isatty(), before=was) as watch:
            killed = lifecycle.shut_down(layout, watch)
    if killed:
        _tell(f"killed what a dead supervisor had left running: {', '.join(map(str, killed))}")
    nothing = was is None and not killed
    click.echo(f"No stack is running in {layout.root}." if nothing else "The stack is down.")


_STATUS = """\b
Examples:
  seawall status
  seawall status --json

Exit codes: 0 when everything is healthy, 1 when something is not, 3 when no stack is running, 2 for a wrong option.
"""


@click.command(epilog=_STATUS)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_state
@click.pass_context
def status(ctx: click.Context, as_json: bool, folder: Path) -> None:
    """Show every process: its state, health, uptime, restarts, address and log."""
    layout = Layout.at(folder)
    if (well := containers_status(layout, as_json)) is not None:
        ctx.exit(0 if well else EXIT_UNHEALTHY)
    state = lifecycle.running(layout)
    if as_json:
        click.echo(json.dumps(_as_json(state), indent=1))
    elif state is not None:
        click.echo("\n".join(table(state, time.time())))
    elif lifecycle.was_left(layout):
        click.echo("The supervisor has died. Start again with seawall up, or clean up after it with seawall down.")
    else:
        click.echo(f"No stack is running in {layout.root}. Start one with: seawall up")
    if state is None:
        ctx.exit(EXIT_NOT_RUNNING)
    ctx.exit(0 if state.is_healthy else EXIT_UNHEALTHY)


def _as_json(state: StackState | None) -> dict[str, Any]:
    if state is None:
        return {"running": False, "healthy": False, "processes": []}
    processes = [process.model_dump(exclude={"identity"}) for process in state.processes]
    return {"running": True, "healthy": state.is_healthy, "supervisor": state.supervisor, "processes": processes}


_LOGS = """\b
Examples:
  seawall logs prometheus
  seawall logs storefront -n 20 -f

Exit codes: 0, 1 where there is no such log, 2 for a wrong option.
"""


@click.command(epilog=_LOGS)
@click.argument("name")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=100, show_default=True, help="How many lines.")
@click.option("-f", "--follow", "follows", is_flag=True, help="Go on with what is written, until the stack is down.")
@_state
def logs(name: str, lines: int, follows: bool, folder: Path) -> None:
    """Show the end of the log of the process NAME; ``supervisor`` is the stack's own."""
    layout = Layout.at(folder)
    if containers_logs(layout, name, lines, follows):
        return
    path = find_log(layout, name)
    end = path.stat().st_size
    for line in tail(path, lines, end):
        click.echo(line)
    if follows:
        for text in follow(path, end, lambda: lifecycle.running(layout) is not None):
            click.echo(text, nl=False)


_DEMO = """\b
Examples:
  seawall demo errors
  seawall demo heal

Exit codes: 0, 1 where no stack with the example is running, 2 for an unknown fault.
"""


@click.command(epilog=_DEMO)
@click.argument("fault", type=click.Choice(list(faults.FAULTS)))
@click.option(
    "--faults",
    "file",
    type=click.Path(path_type=Path),
    envvar="SHOP_FAULTS",
    help="The file of faults that the example reads, where the example runs elsewhere than under up (SHOP_FAULTS).",
)
@_state
def demo(fault: str, file: Path | None, folder: Path) -> None:
    """Switch a FAULT of the running example on, or heal them all."""
    portal = "" if file else _disturbed(Layout.at(folder))
    try:
        faults.switch(file or Layout.at(folder).faults, fault)
    except OSError as error:
        raise lifecycle.StackError(f"the file of faults cannot be written: {error}") from None
    click.echo(faults.FAULTS[fault].happens)
    if portal:
        click.echo(f"Look at the inbox: {portal}{INBOX_PATH}")
    if fault != "heal":
        click.echo("End it with: seawall demo heal")


def _disturbed(layout: Layout) -> str:
    """Return where the portal of the running stack is; raise StackError where it has no example."""
    _, plan = lifecycle.require_running(layout)
    if not plan.has_example:
        raise lifecycle.StackError(
            "the stack runs without an example to disturb; start it with: seawall up … --processes FILE"
        )
    return str(plan.portal)


def _tell(line: str) -> None:
    click.echo(line, err=True)
