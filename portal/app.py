"""The application: routes, and the parts that serve them."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from seawall.conventions import FOLLOWED, INBOX_PATH, RUNBOOKS_PATH, SERVICES_PATH, WEBHOOK_PATH

from . import api, handlers
from .context import Portal
from .metrics import PortalMetrics
from .middleware import HostCheck, SecurityHeaders
from .prometheus import Prometheus
from .runbooks import Runbooks
from .settings import LOOPBACK_NAMES, Settings
from .source import CatalogSource, Views
from .store import Store

_STATIC: Final = Path(__file__).parent / "static"

_ROUTES: Final = (
    Route("/", handlers.home),
    Route(f"{SERVICES_PATH}/{{service}}", handlers.service),
    Route(RUNBOOKS_PATH, handlers.runbooks),
    Route(f"{RUNBOOKS_PATH}/{{service}}", handlers.runbooks_of),
    Route(f"{RUNBOOKS_PATH}/{{service}}/{{alert}}", handlers.runbook),
    Route(INBOX_PATH, handlers.alerts),
    Route("/campaigns", handlers.campaigns),
    Route(WEBHOOK_PATH, api.webhook, methods=["POST"]),
    Route("/api/v1/alerts", api.alerts),
    Route("/health", api.health),
    Route("/metrics", api.metrics),
    Mount("/static", StaticFiles(directory=_STATIC)),
)


def create_app(
    settings: Settings,
    *,
    store: Store,
    views: Views,
    client: httpx.AsyncClient,
    now: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Return the portal as an ASGI application.

    *store* and *client* stay the caller's, who closes them; *now* is seconds since the epoch, *clock* monotonic.
    """
    portal = Portal(
        settings=settings,
        store=store,
        source=CatalogSource(settings.catalog, views, clock, settings.build / FOLLOWED),
        prometheus=Prometheus(client, settings.prometheus, settings.query_timeout, clock),
        runbooks=Runbooks(settings.build),
        metrics=PortalMetrics(),
        now=now,
        started=now(),
    )
    app = Starlette(
        routes=list(_ROUTES),
        middleware=[Middleware(SecurityHeaders), Middleware(HostCheck, allowed=lambda: _names(portal))],
        exception_handlers={HTTPException: _http_error, Exception: handlers.failed},
        lifespan=_lifespan,
    )
    app.state.portal = portal
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    await app.state.portal.source.current()  # the names in the catalog are known before the first request
    yield


def _names(portal: Portal) -> frozenset[str]:
    defaults = portal.source.latest.catalog.defaults
    links = (urlsplit(url).hostname for url in (defaults.portal_url, defaults.runbook_base_url))
    return LOOPBACK_NAMES | portal.settings.hosts | {name for name in links if name}


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await handlers.missing(request)
    return PlainTextResponse(f"{error.detail}\n", status_code=error.status_code, headers=error.headers)
