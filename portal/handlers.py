"""The pages for people."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from seawall.catalog import SeawallError, Service
from seawall.conventions import STACK_SERVICE
from seawall.generator import STACK
from seawall.generator.model import Alert, ServiceView

from . import fleet, inbox
from .api import wanted
from .campaigns import campaign_states
from .context import Portal, page, portal_of
from .evidence import (
    RANGES,
    AlertState,
    Figure,
    Window,
    alert_figure,
    alert_states,
    fitting_range,
    panel_figure,
    query_figure,
)
from .middleware import HEADERS
from .prometheus import PrometheusError
from .runbooks import Block, Runbook, RunbookMissingError
from .source import Snapshot
from .store import Filter, StoredAlert, StoreError

_INBOX_LIMIT: Final = 300
_STACK: Final = STACK.model_copy(update={"description": "The monitoring stack itself."})
_SPARK_RANGE: Final = "1h"
_FIGURES_LIMIT: Final = 12  # of one alert: an SLO alert has a rule for each pair of windows


async def home(request: Request) -> Response:
    """Show the fleet."""
    portal = portal_of(request)
    snapshot = await portal.source.current()
    window = _window(portal, snapshot, _SPARK_RANGE)
    readings = await fleet.read(portal.prometheus, window)
    held = await _held(portal)
    found = fleet.states(snapshot.catalog, readings, held, window.step)
    team = request.query_params.get("team", "")
    shown = [state for state in found if not team or state.service.team == team]
    return await page(
        request,
        snapshot,
        "fleet.html",
        services=shown,
        everything=found,
        team=team,
        problem=readings.problem,
        statuses=fleet.STATUSES,
    )


async def service(request: Request) -> Response:
    """Show one service: objectives, dependencies, alerts, panels."""
    portal = portal_of(request)
    snapshot = await portal.source.current()
    name = request.path_params["service"]
    known = _service(snapshot, name)
    if known is None:
        return await missing(request, f"The catalog has no service of the name {name[:80]!r}.")
    window = await _chosen_window(portal, snapshot, request)
    view, problem = await _view(snapshot, name)
    readings, figures = await asyncio.gather(
        fleet.read(portal.prometheus, window),
        asyncio.gather(*(panel_figure(portal.prometheus, panel, window) for panel in view.panels)),
    )
    held = await _held(portal)
    everything = {state.service.name: state for state in fleet.states(snapshot.catalog, readings, held, window.step)}
    own = everything.get(name) or fleet.state_of(
        known, readings, held if readings.alerts is None else readings.alerts, window.step
    )
    return await page(
        request,
        snapshot,
        "service.html",
        state=own,
        everything=everything,
        callers=snapshot.catalog.dependents_of(name),
        alerts=fleet.alert_rows(view.alerts, readings.alerts if readings.alerts is not None else held, name),
        figures=figures,
        window=window,
        ranges=RANGES,
        problem=readings.problem or problem,
        recent=await _recent(portal, snapshot, Filter(service=name), 20),
    )


async def runbook(request: Request) -> Response:
    """Show a runbook with live evidence; it opens whether or not there is any."""
    portal = portal_of(request)
    snapshot = await portal.source.current()
    service_name, alert_name = request.path_params["service"], request.path_params["alert"]
    try:
        text = await asyncio.to_thread(portal.runbooks.read, service_name, alert_name)
    except RunbookMissingError as error:
        return await missing(request, f"{error}.")
    window = await _chosen_window(portal, snapshot, request)
    view, view_problem = await _view(snapshot, service_name)
    rules = _distinct(alert for alert in view.alerts if alert.name == alert_name)
    asked = {" ".join(expr.split()) for rule in rules for expr in (rule.expr, rule.query)}
    looks = [query for query in text.queries if " ".join(query.split()) not in asked]  # the alert's own is drawn anyway
    (active, problem), evidence, drawn = await asyncio.gather(
        _states(portal, window.end, service_name),
        _evidence(portal, rules, window),
        asyncio.gather(*(query_figure(portal.prometheus, expr, window, n) for n, expr in enumerate(looks))),
    )
    return await page(
        request,
        snapshot,
        "runbook.html",
        runbook=text,
        rules=rules,
        active=[state for state in active if state.name == alert_name],
        evidence=evidence,
        blocks=_with_figures(text, dict(zip(looks, drawn, strict=True))),
        window=window,
        ranges=RANGES,
        problem=problem or view_problem,
        known=_service(snapshot, service_name),
        recent=[
            entry
            for entry in await _recent(portal, snapshot, Filter(service=service_name), 100)
            if entry.alert.alertname == alert_name
        ][:8],
    )


async def runbooks(request: Request) -> Response:
    """List every runbook."""
    portal = portal_of(request)
    snapshot = await portal.source.current()
    names = await asyncio.to_thread(portal.runbooks.names)
    return await page(request, snapshot, "runbooks.html", names=names)


async def alerts(request: Request) -> Response:
    """Show the inbox: what fires, symptoms beneath their causes, then what ended."""
    portal = portal_of(request)
    snapshot = await portal.source.current()
    asked = wanted(request)
    found = await _entries(portal, snapshot, asked, _INBOX_LIMIT)
    return await page(
        request,
        snapshot,
        "inbox.html",
        groups=inbox.grouped((entry for entry in found if entry.alert.state == "firing"), snapshot.catalog),
        ended=[entry for entry in found if entry.alert.state != "firing"],
        asked=asked,
        shown=len(found),
        total=await asyncio.to_thread(portal.store.count, asked),
    )


async def campaigns(request: Request) -> Response:
    """Show the declared campaigns: what runs, what comes, what is over."""
    portal = portal_of(request)
    snapshot = await portal.source.current()
    return await page(request, snapshot, "campaigns.html", campaigns=campaign_states(snapshot.catalog, portal.now()))


async def runbooks_of(request: Request) -> Response:
    """Lead from a service's folder of runbooks to its place in the list."""
    return RedirectResponse(f"/runbooks#{request.path_params['service']}")


async def missing(request: Request, message: str = "There is no such page.") -> Response:
    """Say that there is nothing here, with status 404."""
    snapshot = await portal_of(request).source.current()
    return await page(request, snapshot, "message.html", status=404, title="Not found", message=message)


async def failed(request: Request, error: Exception) -> Response:
    """Say that a page could not be made, with status 500; the inbox being unreadable is the usual reason."""
    portal = portal_of(request)
    portal.metrics.failures.labels("page").inc()
    message = str(error) if isinstance(error, SeawallError) else "The portal's log says more."
    text = f"Seawall's portal could not make this page. {message}\n"
    return PlainTextResponse(text, status_code=500, headers=HEADERS)  # no middleware is around what failed


def _window(portal: Portal, snapshot: Snapshot, name: str) -> Window:
    return Window.until(portal.now(), name, snapshot.catalog.defaults.scrape_interval.seconds)


async def _chosen_window(portal: Portal, snapshot: Snapshot, request: Request) -> Window:
    asked = request.query_params.get("range", "")
    return _window(portal, snapshot, asked or await fitting_range(portal.prometheus, portal.now()))


async def _evidence(portal: Portal, rules: Sequence[Alert], window: Window) -> list[Figure]:
    wide = len(rules) == 1
    drawn = (alert_figure(portal.prometheus, rule, window, number, wide=wide) for number, rule in enumerate(rules))
    return list(await asyncio.gather(*drawn))


async def _view(snapshot: Snapshot, name: str) -> tuple[ServiceView, str]:
    if _service(snapshot, name) is None:
        return ServiceView(name, (), ()), f"the catalog has no service {name} any more"
    try:
        return await asyncio.to_thread(snapshot.view, name), ""
    except (SeawallError, LookupError, ValueError) as error:
        return ServiceView(name, (), ()), f"the packs cannot be rendered for {name}: {error}"


def _service(snapshot: Snapshot, name: str) -> Service | None:
    """Return the catalogued service *name*; the stack itself is one, too."""
    return _STACK if name == STACK_SERVICE else snapshot.catalog.services.get(name)


async def _states(portal: Portal, at: float, service_name: str) -> tuple[list[AlertState], str]:
    try:
        return await alert_states(portal.prometheus, at, service_name), ""
    except PrometheusError as error:
        return [], str(error)


async def _entries(portal: Portal, snapshot: Snapshot, asked: Filter, limit: int) -> list[inbox.Entry]:
    rows = await asyncio.to_thread(portal.store.alerts, asked, limit)
    firing = inbox.firing_by_service(await asyncio.to_thread(portal.store.alerts, Filter(state="firing"), limit))
    return inbox.entries(rows, firing, snapshot.catalog, portal.now())


async def _recent(portal: Portal, snapshot: Snapshot, asked: Filter, limit: int) -> list[inbox.Entry]:
    try:
        return await _entries(portal, snapshot, asked, limit)
    except StoreError:  # the frame says so
        return []


async def _held(portal: Portal) -> list[AlertState]:
    try:
        return _as_states(await asyncio.to_thread(portal.store.alerts, Filter(state="firing")))
    except StoreError:
        return []


def _with_figures(text: Runbook, drawn: Mapping[str, Figure]) -> list[tuple[Block, Figure | None]]:
    return [(block, drawn.get(block.promql)) for block in text.blocks]


def _distinct(alerts: Iterable[Alert]) -> list[Alert]:
    by_query = {(alert.query, alert.threshold): alert for alert in reversed(list(alerts))}
    return list(reversed(by_query.values()))[:_FIGURES_LIMIT]


def _as_states(rows: Iterable[StoredAlert]) -> list[AlertState]:
    return [AlertState(row.alertname, row.service, row.state, row.severity, row.labels, row.starts_at) for row in rows]
