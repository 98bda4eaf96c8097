"""What ``up``, ``down``, ``status`` and ``logs`` do where the stack is containers."""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from . import lifecycle
from .components import PORTS
from .docker import COMPOSE_FILE, DockerError, Engine, Project, find_engine, is_well
from .layout import Layout


def choose(
    wanted: bool | None, only_local: Sequence[str], layout: Layout, tell: Callable[[str], None]
) -> Engine | None:
    """Return the engine to run the stack on, or None for local processes.

    *wanted* is what the user said; *only_local* are the given options that containers cannot follow. Raise DockerError
    where the stack of *layout* runs the other way.
    """
    is_local = lifecycle.running(layout) is not None
    if wanted is False or (wanted is None and (only_local or is_local or not _is_installed())):
        if Project.started(layout):
            raise DockerError(f"the stack of {layout.root} is containers; take it down first, with: seawall down")
        return None
    if only_local:
        raise DockerError(f"{only_local[0]} is of local processes alone; leave it out, or use --no-docker")
    if is_local:
        raise DockerError(f"the stack of {layout.root} is local processes; take it down first, with: seawall down")
    try:
        engine = find_engine(os.environ)
    except DockerError as error:
        if wanted:
            raise
        tell(f"starting local processes: {error}")
        return None
    for warning in engine.warnings:
        tell(f"warning: {warning}")
    return engine


def _is_installed() -> bool:
    return COMPOSE_FILE.is_file() and shutil.which("docker", path=os.environ.get("PATH")) is not None


def containers_up(engine: Engine, catalog: Path, ports: Mapping[str, int], seconds: float, layout: Layout) -> None:
    """Start the containers on *catalog* and wait up to *seconds* until they are healthy; say where they answer."""
    moved = {name: port for name, port in ports.items() if port != PORTS[name]}
    project = Project.of(engine, catalog, moved, os.environ)
    layout.create()
    with lifecycle.locked(layout, lambda line: click.echo(line, err=True)):
        project.note(layout)
        project.up(seconds)
    click.echo("The stack is up:")
    for name, port in ports.items():
        if name != "exporter":  # it is not published
            click.echo(f"  {name:<14} http://localhost:{port}")
    click.echo(f"  {'grafana':<14} http://localhost:{os.environ.get('GRAFANA_PORT', '3000')}")
    click.echo("It follows the catalog: save a change, and it is checked and served.")
    click.echo("Next: seawall status | logs NAME | down")


def containers_down(layout: Layout) -> bool:
    """Stop the containers that ``up`` has started; return whether there were any to stop."""
    project = Project.started(layout)
    if project is None:
        return False
    with lifecycle.locked(layout, lambda line: click.echo(line, err=True)):
        if project.run("down", "--remove-orphans") != 0:
            raise DockerError("Compose could not take the stack down, see above")
        layout.docker.unlink(missing_ok=True)
    return True


def containers_status(layout: Layout, as_json: bool) -> bool | None:
    """Show the containers; return whether all are well, None where the stack is not containers."""
    project = Project.started(layout)
    if project is None:
        return None
    containers = project.containers()
    well = bool(containers) and all(is_well(container) for container in containers)
    if as_json:
        told = [_told(container) for container in containers]
        click.echo(json.dumps({"running": bool(containers), "healthy": well, "containers": told}, indent=1))
    elif containers:
        click.echo("\n".join(_table(containers)))
    else:
        click.echo("No container of the stack exists; start them again with: seawall up")
    return well


def _told(container: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": container["Service"],
        "state": container["State"],
        "health": container["Health"],
        "exit_code": container["ExitCode"],
        "is_well": is_well(container),
    }


def _table(containers: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [(each["Service"], _state(each), each.get("RunningFor", "")) for each in containers]
    return [f"{name:<18} {state:<22} {age}".rstrip() for name, state, age in (("NAME", "STATE", "CREATED"), *rows)]


def _state(container: Mapping[str, Any]) -> str:
    if container["State"] == "exited":
        return "done" if container["ExitCode"] == 0 else f"ended with {container['ExitCode']}"
    return str(container["Health"] or container["State"])


def containers_logs(layout: Layout, name: str, lines: int, follows: bool) -> bool:
    """Show the end of the log of the service *name*; return False where the stack is not containers."""
    project = Project.started(layout)
    if project is None:
        return False
    names = sorted({str(container["Service"]) for container in project.containers()})
    if name not in names:
        raise DockerError(f"there is no container {name}; there are: {', '.join(names) or 'none'}")
    words = ("logs", "--no-log-prefix", "--tail", str(lines), *(("--follow",) if follows else ()), name)
    project.run(*words)
    return True
