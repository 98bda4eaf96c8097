"""The /metrics endpoint: a daemon thread that answers scrapes and holds up nobody's exit.

It stands on the system's own sockets and threads. ``socketserver`` takes what ``socket``, ``select`` and ``threading``
have at the moment, which gevent may replace before this begins, after, or while it serves.
"""

import _socket
import io
import os
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from .exposition import Registry, negotiate
from .native import begin, sleep

METRICS_PATH: Final = "/metrics"
_BACKLOG: Final = 16
_PAUSE: Final = 0.5  # seconds, where the process has no more files or threads

Address = tuple[Any, ...]


class _Socket(_socket.socket):
    """The interpreter's own socket, read as a file where the handler wants one."""

    def makefile(self, _: str, __: int = -1) -> io.BufferedReader:
        """Return what reads from it."""
        return io.BufferedReader(_Stream(self))


class _Stream(io.RawIOBase):
    def __init__(self, connection: _Socket) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds; a scraper that says nothing does not keep a thread
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes; the second waits for nobody
    server: Any

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != METRICS_PATH:
            self._answer(404, "text/plain; charset=utf-8", f"The metrics are at {METRICS_PATH}.\n".encode())
            return
        content_type = negotiate(self.headers.get("Accept", ""))
        self._answer(200, content_type, self.server.registry.render(content_type))

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the application's log is its own."""

    def version_string(self) -> str:
        return "seawall"


class ScrapeServer:
    """Serve *registry* at ``/metrics`` from a daemon thread. Raises OSError where the port is taken."""

    def __init__(self, registry: Registry, host: str, port: int) -> None:
        self.registry = registry
        self._closed = False
        self._connections: set[_Socket] = set()
        self._socket = _listening(host, port)
        try:
            begin(self._run, "seawall-metrics")
        except RuntimeError:  # the system has no more threads: a port that nobody answers at is of no use
            self._socket.close()
            raise

    @property
    def port(self) -> int:
        """The port that is served, which the system chose if 0 was asked for."""
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Stop serving and free the port."""
        self._closed = True
        address = self._socket.getsockname()
        waker = _Socket(self._socket.family, self._socket.type)
        waker.connect_ex(address)
        waker.close()
        self._socket.close()

    def forget(self) -> None:
        """Let go of the sockets in a forked child, which has no thread to answer: the port's and each scrape's."""
        for held in (self._socket, *self._connections):
            os.close(held.detach())

    def _run(self) -> None:
        listening = self._socket
        while not self._closed:
            try:
                descriptor, address = listening._accept()  # type: ignore[attr-defined]
                connection = _Socket(listening.family, listening.type, listening.proto, fileno=descriptor)
                self._connections.add(connection)
                begin(partial(self._answer, connection, address), "seawall-metrics-scrape")
            except (OSError, RuntimeError):
                sleep(_PAUSE)

    def _answer(self, connection: _Socket, address: Address) -> None:
        try:
            _Handler(connection, address, self)  # type: ignore[arg-type]
            connection.shutdown(_socket.SHUT_WR)
        except Exception:  # noqa: BLE001 - a scraper that hangs up is no matter of the application's
            return
        finally:
            self._connections.discard(connection)
            connection.close()


def _listening(host: str, port: int) -> _Socket:
    found = _socket.getaddrinfo(host, port, type=_socket.SOCK_STREAM)
    # "localhost" is two addresses on most machines: every scraper tries the older one.
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != _socket.AF_INET)
    made = _Socket(family, _socket.SOCK_STREAM)
    try:
        made.settimeout(None)  # whatever the application's default is
        made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        made.bind((str(address[0]), port))
        made.listen(_BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
