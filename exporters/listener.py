"""The HTTP server: a bounded number of threads, GET and HEAD alone, a clean stop."""

import contextlib
import logging
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Lock
from typing import Any, Final

from seawall.catalog import SeawallError

from .app import App, Response
from .own import IN_FLIGHT, REJECTED

_log: Final = logging.getLogger(__name__)

_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: 5\r\n\r\n"
_METHODS: Final = "GET, HEAD"


class ListenError(SeawallError):
    """The address cannot be listened on."""


class Listener(ThreadingMixIn, TCPServer):
    """Answers each request in a thread; at most *limit* at a time, the next ones with 503.

    Raise ListenError.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # drain() waits, but not for ever
    request_queue_size = 128

    def __init__(self, host: str, port: int, app: App, limit: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.app = app
        self._free = BoundedSemaphore(limit)
        self._running = 0
        self._lock = Lock()
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ListenError(
                f"cannot listen on {host}:{port}: {reason}; choose another address with --listen"
            ) from None

    @property
    def address(self) -> str:
        """The host:port that it listens on."""
        host, port = self.server_address[:2]
        name = str(host)
        return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"

    def drain(self, grace: float) -> None:
        """Wait at most *grace* seconds for the answers under way."""
        end = time.monotonic() + grace
        while self._running and time.monotonic() < end:
            time.sleep(0.02)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the request, or turn it away."""
        if not self._free.acquire(blocking=False):
            self.app.own.add(REJECTED, 1)
            with contextlib.suppress(OSError):
                request.sendall(_BUSY)
            self.shutdown_request(request)
            return
        self._count(1)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer the request, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._count(-1)
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Log a request that broke, in a line."""
        error = sys.exc_info()[1]
        level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR  # clients go away; that is no news
        _log.log(level, "a request broke off: %s", type(error).__name__)

    def _count(self, step: int) -> None:
        with self._lock:
            self._running += step
        self.app.own.add(IN_FLIGHT, step)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10.0  # seconds that a client may take for each piece of its request

    def do_GET(self) -> None:
        """Answer with the page."""
        self._send(self._page())

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self._send(self._page())

    def version_string(self) -> str:
        """Return the Server header: no versions."""
        return "seawall"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        """Keep requests out of the log: Prometheus sends one each second."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer what is not HTTP, or no method of ours, in plain text."""
        refused = code == 501 and bool(self.command)
        self.close_connection = True
        self._send(
            Response(405, f"this method is not served; use {_METHODS}\n".encode()) if refused else Response(code, b"")
        )

    def _page(self) -> Response:
        assert isinstance(self.server, Listener)
        try:
            return self.server.app.answer(self.path, {name.lower(): value for name, value in self.headers.items()})
        except Exception as error:  # noqa: BLE001  # an answer is due, and never a traceback
            _log.error("answering %r failed: %s: %s", self.path[:200], type(error).__name__, error)
            return Response(500, b"this is an error of the exporter; its log says more\n")

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")  # an idle connection would hold a thread
        if response.status == 405:
            self.send_header("Allow", _METHODS)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
