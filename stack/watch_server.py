"""What `seawall watch` tells of itself over HTTP: its metrics, and whether it is well."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from socketserver import ThreadingMixIn
from threading import BoundedSemaphore, Thread, Timer
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Gauge, make_wsgi_app
from prometheus_client.process_collector import ProcessCollector

from seawall.catalog import SeawallError

from .following import Look

_PATIENCE: Final = 900.0  # seconds that the proofs of a large catalog may take, twice over
_MOST_CLIENTS: Final = 20  # at a time
_CLIENT: Final = 10.0  # seconds that a client may take, however small the pieces are in which it sends


class ListenError(SeawallError):
    """The address cannot be listened on."""


class WatchStatus:
    """The gauges of a watch, and its health; *clock* returns seconds since the epoch, *steady* such as none sets."""

    def __init__(self, clock: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._steady = clock, steady
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._success = self._gauge("catalog_success", "1 if all that the catalog's files say serves, else 0.")
        self._held = self._gauge("held_back_files", "Files of the catalog that an older copy, or nothing, stands for.")
        self._render = self._gauge("render_duration_seconds", "Time that the last render and its checks took.")
        self._good = self._gauge(
            "last_success_timestamp_seconds", "When all that the files say was last made to serve."
        )
        self._beat = self._gauge("last_look_timestamp_seconds", "When the files were last looked at.")
        self._pending = self._gauge("pending_reloads", "Servers that have yet to read the set that serves.")
        self.serves = False
        """Whether the folder holds a set that was checked."""
        self._beaten = steady()

    def note(self, look: Look) -> None:
        """Tell what *look* came to."""
        self.serves = look.serves
        self._success.set(look.is_current)
        self._held.set(len(look.held_back))
        self._render.set(look.seconds)
        if look.is_current:
            self._good.set(self._clock())

    def beat(self, pending: int) -> None:
        """Tell that the files were looked at, and how many servers have yet to reload."""
        self._beaten = self._steady()
        self._beat.set(self._clock())
        self._pending.set(pending)

    @property
    def problem(self) -> str:
        """What is wrong with the watch itself; empty while it is well."""
        if not self.serves:
            return "nothing serves yet: the catalog is broken, and there is no older set"
        if self._steady() - self._beaten > _PATIENCE:
            return f"the files were not looked at for {self._steady() - self._beaten:.0f} seconds"
        return ""

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"seawall_watch_{name}", meaning, registry=self.registry)


@contextmanager
def serving(status: WatchStatus, host: str, port: int) -> Iterator[str]:
    """Serve /metrics and /health of *status* until the end of the block; yield the host:port. Raise ListenError."""
    try:
        server = make_server(host, port, _app(status), server_class=_Server, handler_class=_Handler)
    except OSError as error:
        said = f"cannot listen on {host}:{port}: {error.strerror}; choose another address with --listen"
        raise ListenError(said) from None
    thread = Thread(target=server.serve_forever, args=(0.1,), name="watch-server", daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _app(status: WatchStatus) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    metrics = make_wsgi_app(status.registry)

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            body: Iterable[bytes] = metrics(environ, start)
            return body
        known = path == "/health"
        text = status.problem if known else "no such page; there are /metrics, /health"
        code = "404 Not Found" if not known else "503 Service Unavailable" if text else "200 OK"
        start(code, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{text or 'ok'}\n".encode()]

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    """Answers a few at a time, each within its time: who is slow holds a thread for seconds, and not for days."""

    daemon_threads = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._free = BoundedSemaphore(_MOST_CLIENTS)
        super().__init__(*arguments, **options)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the request, or hang up."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the machine gives no more threads
            self._free.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer the request within its time, and make room for another."""
        timer = Timer(_CLIENT, _cut, (request,))
        timer.daemon = True
        try:
            timer.start()
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self._free.release()

    def handle_error(self, *_: object) -> None:
        """Keep clients that go away out of the log."""


def _cut(request: socket.socket) -> None:
    with suppress(OSError):  # it may be at its end
        request.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep requests out of the log: Prometheus sends one each fifteen seconds."""
