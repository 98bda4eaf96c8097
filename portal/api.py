"""What machines ask: the webhook, the alerts as JSON, health and metrics."""

import asyncio
import logging
from dataclasses import fields
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .context import Portal, portal_of
from .inbox import as_json, entries, firing_by_service
from .store import Filter, StoreError
from .webhook import Notification, WebhookError, parse

_LOG: Final = logging.getLogger("seawall.portal")
_LIMIT: Final = 500


async def webhook(request: Request) -> Response:
    """Keep what Alertmanager notifies of; 4xx is never sent again by it, 5xx is."""
    portal = portal_of(request)
    try:
        body = await _body(request, portal.settings.body_limit)
        notification = await asyncio.to_thread(parse, body)
    except _RefusedError as refused:
        return _refuse(portal, str(refused), refused.status)
    except WebhookError as error:
        return _refuse(portal, str(error), 400)
    try:
        stored = await asyncio.to_thread(_record, portal, notification)
    except StoreError as error:
        portal.metrics.webhooks.labels("failed").inc()
        portal.metrics.failures.labels("store").inc()
        _LOG.error("webhook not stored: %s", error)
        return JSONResponse({"error": str(error)}, status_code=503)
    return _answer(portal, notification, stored)


async def alerts(request: Request) -> Response:
    """Return the alerts of the inbox, filtered by team, service, state and severity, as JSON."""
    portal = portal_of(request)
    snapshot = await portal.source.current()
    rows = await asyncio.to_thread(portal.store.alerts, wanted(request), _LIMIT)
    firing = firing_by_service(await asyncio.to_thread(portal.store.alerts, Filter(state="firing"), _LIMIT))
    now = portal.now()
    found = entries(rows, firing, snapshot.catalog, now)
    return JSONResponse({"alerts": [as_json(entry) for entry in found]})


async def health(request: Request) -> Response:
    """Answer 200 where the inbox can be written and the catalog is loaded, else 503 and why."""
    portal = portal_of(request)
    snapshot = await portal.source.current()
    problems = [] if snapshot.loaded else [f"the catalog is not loaded: {snapshot.problem}"]
    try:
        await asyncio.to_thread(portal.store.probe, portal.now())
    except StoreError as error:
        problems.append(str(error))
    return PlainTextResponse("\n".join(problems or ["ok"]) + "\n", status_code=503 if problems else 200)


async def metrics(request: Request) -> Response:
    """Return the portal's own metrics."""
    portal = portal_of(request)
    portal.metrics.firing.set(await asyncio.to_thread(portal.store.count, Filter(state="firing")))
    heartbeat = await asyncio.to_thread(portal.store.last_heartbeat)
    portal.metrics.heartbeat.set(0.0 if heartbeat is None else heartbeat)
    return Response(portal.metrics.expose(), media_type=CONTENT_TYPE_LATEST)


def wanted(request: Request) -> Filter:
    """Return the filter in the query string; other keys are ignored."""
    return Filter(**{f.name: request.query_params.get(f.name, "") for f in fields(Filter)})


class _RefusedError(Exception):
    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


async def _body(request: Request, limit: int) -> bytes:
    # A page in a browser can post a form or plain text here, but not JSON.
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise _RefusedError("the body must be application/json", 415)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _RefusedError(
                    f"the body is larger than {limit} bytes; set max_alerts in Alertmanager's webhook", 413
                )
    except ClientDisconnect:
        raise _RefusedError("the body ended early", 400) from None
    return bytes(body)


def _record(portal: Portal, notification: Notification) -> int:
    now = portal.now()
    stored = portal.store.record(notification.alerts, now)
    portal.store.prune(now - portal.settings.retention)
    return stored


def _refuse(portal: Portal, reason: str, status: int) -> Response:
    portal.metrics.webhooks.labels("refused").inc()
    _LOG.warning("webhook refused (%d): %s", status, reason)
    return JSONResponse({"error": reason}, status_code=status)


def _answer(portal: Portal, notification: Notification, stored: int) -> Response:
    portal.metrics.alerts.inc(stored)
    if notification.truncated:
        _LOG.warning("Alertmanager left %d alerts out of a webhook; raise its max_alerts", notification.truncated)
    if notification.problems:
        portal.metrics.webhooks.labels("partly_stored").inc()
        _LOG.warning(
            "webhook partly stored, %d alerts refused: %s", len(notification.problems), notification.problems[0]
        )
        return JSONResponse({"stored": stored, "error": "; ".join(notification.problems[:10])}, status_code=400)
    portal.metrics.webhooks.labels("stored").inc()
    return JSONResponse({"stored": stored})
