"""The /metrics endpoint: a daemon thread that answers scrapes and holds up nobody's exit."""

import os
import socket
import socketserver
from http.server import BaseHTTPRequestHandler
from threading import Thread
from typing import Any, Final

from .exposition import Registry, negotiate

METRICS_PATH: Final = "/metrics"
_BACKLOG: Final = 16


class _Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds; a scraper that says nothing does not keep a thread
    protocol_version = "HTTP/1.1"
    server: "_Server"

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


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = _BACKLOG

    def __init__(self, host: str, port: int, registry: Registry) -> None:
        self.registry = registry
        self.connections: set[socket.socket] = set()
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # "localhost" is two addresses on most machines: every scraper tries the older one.
        family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        self.address_family = family
        super().__init__((str(address[0]), port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Know the connection until it ends."""
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        super().shutdown_request(request)
        self.connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a scraper that hangs up is no matter of the application's."""


class ScrapeServer:
    """Serve *registry* at ``/metrics`` from a daemon thread. Raises OSError where the port is taken."""

    def __init__(self, registry: Registry, host: str, port: int) -> None:
        self._server = _Server(host, port, registry)
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.5}, name="seawall-metrics", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that is served, which the system chose if 0 was asked for."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()

    def forget(self) -> None:
        """Let go of the sockets in a forked child, which has no thread to answer: the port's and each scrape's."""
        for held in (self._server.socket, *self._server.connections):
            os.close(held.detach())  # a plain close would wait for the files that a thread of the parent's has open
