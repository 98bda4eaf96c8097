"""The HTTP server: a bounded number of threads, GET and HEAD alone, a clean stop."""

import base64
import binascii
import contextlib
import errno
import io
import logging
import math
import socket
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Lock
from typing import Any, Final

from seawall.catalog import SeawallError

from .app import App, Response
from .own import IN_FLIGHT, REJECTED
from .passwords import Doorkeeper, bcrypt
from .web_config import WebConfigWatch

_log: Final = logging.getLogger(__name__)

_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: 5\r\n\r\n"
_METHODS: Final = "GET, HEAD"
_PATIENCE: Final = 10.0  # seconds that a client may take for its request, and for its answer
_EXHAUSTED: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE: Final = 0.2  # seconds without a look at who comes next, while there is nothing to take them with


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

    def __init__(self, host: str, port: int, app: App, limit: int, web: WebConfigWatch) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.app, self.web = app, web
        self.doorkeeper = Doorkeeper(bcrypt() or _nobody)
        self._free = BoundedSemaphore(limit)
        self._running = 0
        self._told = -math.inf
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

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take the next client; pause where the process may have no more files: who waits goes on waiting."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._tell(f"no client can be taken: {error.strerror}")
                time.sleep(_PAUSE)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the request, or turn it away."""
        if not self._free.acquire(blocking=False):
            self.app.own.add(REJECTED, 1)
            with contextlib.suppress(OSError):
                request.sendall(_BUSY)
            self.shutdown_request(request)
            return
        self._count(1)
        try:
            super().process_request(request, client_address)
        except RuntimeError as error:  # the machine gives no more threads
            self._count(-1)
            self._free.release()
            self._tell(f"no client can be taken: {error}")
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer the request, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._count(-1)
            self._free.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS first, where there is a certificate: in the request's thread, which a silent client holds alone."""
        tls = self.web.current().tls
        if tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(_PATIENCE)
        with tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Log a request that broke, in a line."""
        error = sys.exc_info()[1]
        level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR  # clients go away; that is no news
        _log.log(level, "a request broke off: %s", type(error).__name__)

    def _tell(self, trouble: str) -> None:
        """Log what is so again and again, once a minute."""
        if time.monotonic() - self._told > 60:
            self._told = time.monotonic()
            _log.error("%s", trouble)

    def _count(self, step: int) -> None:
        with self._lock:
            self._running += step
        self.app.own.add(IN_FLIGHT, step)


def _nobody(_password: bytes, _setting: bytes) -> None:
    """Match nothing: the web configuration refuses users where there is no bcrypt."""


class _Patient(io.RawIOBase):
    """What a client sends, until its time is up, however small the pieces are in which it comes."""

    def __init__(self, client: socket.socket) -> None:
        self._client, self._end = client, time.monotonic() + _PATIENCE

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what there is. Raise TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._client.settimeout(left)
        return self._client.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE

    def setup(self) -> None:
        """Read a request as a whole in time: who sends a byte now and then would hold a thread for days."""
        super().setup()
        self.rfile = io.BufferedReader(_Patient(self.connection))

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
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not self._may_ask(headers.get("authorization", "")):
            return Response(401, b"a user of the web configuration is wanted\n")
        try:
            return self.server.app.answer(self.path, headers, is_secure=isinstance(self.connection, ssl.SSLSocket))
        except Exception as error:  # noqa: BLE001  # an answer is due, and never a traceback
            _log.error("answering %r failed: %s: %s", self.path[:200], type(error).__name__, error)
            return Response(500, b"this is an error of the exporter; its log says more\n")

    def _may_ask(self, authorization: str) -> bool:
        assert isinstance(self.server, Listener)
        users = self.server.web.current().users
        if not users:
            return True
        scheme, _, given = authorization.partition(" ")
        try:
            user, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return False
        is_basic = scheme.lower() == "basic" and bool(colon)
        return is_basic and self.server.doorkeeper.admits(users, user, password)

    def _send(self, response: Response) -> None:
        assert isinstance(self.server, Listener)
        self.connection.settimeout(_PATIENCE)
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in ({"X-Content-Type-Options": "nosniff"} | self.server.web.current().headers).items():
            self.send_header(name, value)
        self.send_header("Connection", "close")  # an idle connection would hold a thread
        if response.status == 405:
            self.send_header("Allow", _METHODS)
        if response.status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="seawall"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
