"""What every answer carries, and which requests are heard at all."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_REFUSAL: Final = "this name is not served here; open the portal by localhost, or start it with --allow-host {name}\n"


class SecurityHeaders:
    """Adds the security headers to every answer; only static files may be kept by a browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class HostCheck:
    """Answers only to known names: a page elsewhere that rebinds its name to loopback is refused.

    *allowed* returns the names in lower case, without ports.
    """

    def __init__(self, app: ASGIApp, allowed: Callable[[], frozenset[str]]) -> None:
        self._app, self._allowed = app, allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it with 421."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            names = [host_name(headers.get("host", ""))]
            if origin is not None and scope["method"] not in ("GET", "HEAD"):
                names.append(host_name(_netloc(origin)))
            refused = [name for name in names if name not in self._allowed()]
            if refused:
                response = PlainTextResponse(_REFUSAL.format(name=refused[0] or "NAME"), status_code=421)
                return await response(scope, receive, send)
        return await self._app(scope, receive, send)


def host_name(host: str) -> str:
    """Return the name in a Host header, lower-cased, without its port; an empty text where it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname or "" if parts.netloc == host and "@" not in host else ""
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    """Return the host and port of an Origin header; an empty text for ``null`` and nonsense."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
