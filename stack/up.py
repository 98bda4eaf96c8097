"""``seawall up``, step by step: tools, ports, render, check, supervisor, health."""

import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from seawall.catalog import Catalog, SeawallError
from seawall.generator import Finding, load_packs, retention_flag

from .binaries import provide_tools
from .components import PORTS, Setting, addresses, components
from .layout import Layout
from .lifecycle import StackError, Watch, clean_up, launch, locked, reload, running, shut_down, wait_until_healthy
from .ports import require_free
from .processes import load_processes
from .rendering import Source, build, keep, kept, load_source
from .state import Plan, ProcessSpec, StackState


@dataclass(frozen=True)
class Request:
    """What the user asked for; *seconds* is how long the processes may take to become healthy."""

    source: Source
    layout: Layout
    processes: Path | None = None
    ports: Mapping[str, int] = field(default_factory=lambda: PORTS)
    check: bool = True
    reload: bool = False
    seconds: float = 90.0

    def fingerprint(self) -> str:
        """Return what tells whether catalog, templates, processes or ports are others than before."""
        example = self.processes.read_bytes() if self.processes and self.processes.is_file() else b""
        return self.source.fingerprint(sorted(self.ports.items()), example)


@dataclass(frozen=True)
class Outcome:
    """What ``up`` did, and the stack as it is now.

    *changed*: the catalog or the options differ from what runs. *broken*: what is wrong with the catalog, where the
    last good one was started in its place.
    """

    did: Literal["started", "reloaded", "nothing"]
    state: StackState
    plan: Plan
    findings: tuple[Finding, ...] = ()
    changed: bool = False
    broken: str = ""


def up(request: Request, environment: Mapping[str, str], tell: Callable[[str], None], watch: Watch) -> Outcome:
    """Start the stack that *request* describes and wait until it is healthy; do nothing where it runs already.

    *tell* gets one line a step, *watch* every state on the way. Whatever fails, nothing is left running.
    """
    request.layout.create()
    with locked(request.layout, tell):
        state = running(request.layout)
        if state is not None:
            return _again(request, state, environment, tell)
        if killed := clean_up(request.layout):
            tell(f"an earlier supervisor had died; killed what it left running: {', '.join(map(str, killed))}")
        return _start(request, environment, tell, watch)


@dataclass(frozen=True)
class _Rendered:
    """What could be rendered: the source of it, its catalog, and the warnings; *broken* as in ``Outcome``."""

    source: Source
    catalog: Catalog
    findings: tuple[Finding, ...]
    broken: str = ""


def _start(request: Request, environment: Mapping[str, str], tell: Callable[[str], None], watch: Watch) -> Outcome:
    layout, fingerprint, example = request.layout, request.fingerprint(), _example(request)
    tools = provide_tools(environment, tell)
    require_free(components(_setting(request, Catalog(seawall=1), tools)) + example, str(request.processes))
    rendered = _render_or_keep(request, tools, tell)
    processes = components(_setting(replace(request, source=rendered.source), rendered.catalog, tools)) + example
    require_free(processes, str(request.processes))  # again, as the checks may have taken a minute
    plan = Plan(
        token=secrets.token_hex(16),
        fingerprint=fingerprint,
        catalog=str(rendered.source.catalog),
        portal=f"http://localhost:{request.ports['portal']}",
        has_example=bool(example),
        processes=processes,
    )
    tell(f"starting {len(processes)} processes")
    state = _run(layout, plan, request.seconds, watch)
    return Outcome("started", state, plan, rendered.findings, broken=rendered.broken)


def _render_or_keep(request: Request, tools: Mapping[str, Path], tell: Callable[[str], None]) -> _Rendered:
    """Render what was asked for; where that is broken, the last good catalog: a restart must not end the monitoring."""
    try:
        rendered = _render(request, request.source, tools, tell)
    except SeawallError as error:
        good = kept(request.source, request.layout)
        if good is None:
            raise
        tell(f"{error}\nThe catalog is broken; starting with the last good one, {good.catalog}")
        return replace(_render(request, good, tools, tell), broken=str(error))
    keep(request.source, request.layout)
    return rendered


def _render(request: Request, source: Source, tools: Mapping[str, Path], tell: Callable[[str], None]) -> _Rendered:
    catalog = load_source(source, request.ports)
    checkers = tools if request.check else None
    packs = load_packs(source.templates)
    built = build(catalog, packs, request.layout.build, addresses(request.ports), checkers, tell)
    return _Rendered(source, catalog, built.findings)


def _run(layout: Layout, plan: Plan, seconds: float, watch: Watch) -> StackState:
    try:
        launch(layout, plan)
        wait_until_healthy(layout, seconds, watch)
    except BaseException:  # Ctrl-C too: half a stack helps nobody
        shut_down(layout, lambda _: None)
        raise
    state = running(layout)
    if state is None:
        raise StackError(f"the supervisor has ended; see {layout.log_of('supervisor')}")
    return state


def _again(request: Request, state: StackState, environment: Mapping[str, str], tell: Callable[[str], None]) -> Outcome:
    plan = Plan.read(request.layout.plan)
    fingerprint = request.fingerprint()
    changed = fingerprint != plan.fingerprint
    if not request.reload or not changed:
        return Outcome("nothing", state, plan, changed=changed)
    return _reload(request, state, plan.model_copy(update={"fingerprint": fingerprint}), environment, tell)


def _reload(
    request: Request, state: StackState, plan: Plan, environment: Mapping[str, str], tell: Callable[[str], None]
) -> Outcome:
    catalog = load_source(request.source, request.ports)
    tools = provide_tools(environment, tell)
    if components(_setting(request, catalog, tools)) + _example(request) != plan.processes:
        raise StackError(
            "what the processes are started with has changed too; run: seawall down, then seawall up again"
        )
    findings = _render(request, request.source, tools, tell).findings
    keep(request.source, request.layout)
    plan.write(request.layout.plan)
    reload(request.layout)
    return Outcome("reloaded", state, plan, findings)


def _setting(request: Request, catalog: Catalog, tools: Mapping[str, Path]) -> Setting:
    templates = request.source.templates.absolute() if request.source.templates else None
    where = request.source.catalog.absolute()
    return Setting(request.layout, where, tools, request.ports, retention_flag(catalog), templates)


def _example(request: Request) -> tuple[ProcessSpec, ...]:
    if request.processes is None:
        return ()
    variables = {
        "PYTHON": sys.executable,
        "EXAMPLE": str(request.processes.absolute().parent),
        "STATE": str(request.layout.root),
        "SERVICES": str(request.layout.build / "services"),
    }
    return load_processes(request.processes, variables, frozenset(PORTS) | {"supervisor"})
