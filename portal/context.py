"""What every page needs: the parts of the portal, and the frame around a page."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from seawall import conventions

from .inbox import web_link
from .metrics import PortalMetrics
from .prometheus import Prometheus
from .runbooks import Runbooks
from .settings import Settings
from .source import CatalogSource, Snapshot
from .store import Filter, Store, StoreError
from .units import duration_text, format_value, iso, utc

_PAGES: Final = Path(__file__).parent / "pages"
_TERMINALS: Final = ("w3m", "lynx", "links", "elinks", "curl", "browsh")


@dataclass(frozen=True)
class Portal:
    """The parts of one running portal; *now* returns seconds since the epoch, *started* is when it began."""

    settings: Settings
    store: Store
    source: CatalogSource
    prometheus: Prometheus
    runbooks: Runbooks
    metrics: PortalMetrics
    now: Callable[[], float]
    started: float


def portal_of(request: Request) -> Portal:
    """Return the portal that serves *request*."""
    portal = request.app.state.portal
    assert isinstance(portal, Portal)
    return portal


async def page(request: Request, snapshot: Snapshot, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render *template* within the frame: navigation, and banners of what is wrong with the portal itself."""
    portal = portal_of(request)
    now = portal.now()
    heartbeat, firing, inbox_problem = await asyncio.to_thread(_inbox, portal.store)
    frame = {
        "now": now,
        "path": request.url.path,
        "text": is_terminal(request),
        "catalog": snapshot.catalog,
        "catalog_loaded": snapshot.loaded,
        "catalog_problem": snapshot.problem,
        "heartbeat": heartbeat,
        "heartbeat_missing": not inbox_problem and heartbeat_missing(portal, heartbeat, now),
        "inbox_problem": inbox_problem,
        "firing_count": firing,
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(frame | values), status_code=status)


def _inbox(store: Store) -> tuple[float | None, int, str]:
    """Return the last heartbeat, the number of firing alerts, and why they are not known: a runbook opens anyway."""
    try:
        return store.last_heartbeat(), store.count(Filter(state="firing")), ""
    except StoreError as error:
        return None, 0, str(error)


def heartbeat_missing(portal: Portal, heartbeat: float | None, now: float) -> bool:
    """Whether the Watchdog has been silent for longer than it may."""
    return now - (portal.started if heartbeat is None else heartbeat) > portal.settings.heartbeat_limit


def is_terminal(request: Request) -> bool:
    """Whether a text browser asks, which gets charts of characters."""
    return request.headers.get("user-agent", "").lower().startswith(_TERMINALS)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        duration=duration_text, value=format_value, iso=iso, utc=utc, web_link=web_link, query=_query, svg=Markup
    )
    environment.globals.update(paths=conventions)
    return environment


def _query(values: dict[str, str]) -> str:
    given = {name: value for name, value in values.items() if value}
    return f"?{urlencode(given)}" if given else "?"


_TEMPLATES: Final = _environment()
