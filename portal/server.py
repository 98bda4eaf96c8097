"""Serves the portal with uvicorn until it is told to stop."""

import asyncio
import socket
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import httpx
import uvicorn

from seawall.catalog import Catalog, SeawallError
from seawall.generator import load_packs, view
from seawall.generator.model import ServiceView

from .app import create_app
from .settings import Settings
from .source import Views
from .store import Store


class ListenError(SeawallError):
    """The address cannot be listened on."""


def serve(settings: Settings, host: str, port: int, templates: Path | None, started: Callable[[str], None]) -> None:
    """Serve on *host* and *port* (0: any free one) until a signal; *started* is told the address."""
    views = pack_views(templates)
    with listening(host, port) as listener:
        store = Store(settings.database)
        try:
            name = f"[{host}]" if ":" in host else host
            started(f"http://{name}:{listener.getsockname()[1]}/")
            asyncio.run(_run(settings, store, views, listener))
        finally:
            store.close()


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens on *host* and *port*; raise ListenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ListenError(f"cannot listen on {host}:{port}: {reason}; choose another address with --listen") from None


def pack_views(templates: Path | None) -> Views:
    """Return what renders a service's panels and alerts from the packs, overridden by *templates*.

    The packs are read when they are first asked for: a broken one spoils charts, never the opening of a runbook.
    """
    packs = cache(partial(load_packs, templates))

    def views(catalog: Catalog, name: str) -> ServiceView:
        return view(catalog, packs(), name)

    return views


async def _run(settings: Settings, store: Store, views: Views, listener: socket.socket) -> None:
    async with httpx.AsyncClient(timeout=settings.query_timeout, trust_env=False) as client:
        app = create_app(settings, store=store, views=views, client=client)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
        )
        await uvicorn.Server(config).serve(sockets=[listener])
