"""What `seawall watch` tells of itself over HTTP: its metrics, and whether it is well."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Gauge, make_wsgi_app

from seawall.catalog import SeawallError

from .following import Look

_PATIENCE: Final = 900.0  # seconds that the proofs of a large catalog may take, twice over


class ListenError(SeawallError):
    """The address cannot be listened on."""


class WatchStatus:
    """The gauges of a watch, and its health; *clock* returns seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
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
        self._beaten = clock()

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
        self._beaten = self._clock()
        self._beat.set(self._beaten)
        self._pending.set(pending)

    @property
    def problem(self) -> str:
        """What is wrong with the watch itself; empty while it is well."""
        if not self.serves:
            return "nothing serves yet: the catalog is broken, and there is no older set"
        if self._clock() - self._beaten > _PATIENCE:
            return f"the files were not looked at for {self._clock() - self._beaten:.0f} seconds"
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
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Keep clients that go away out of the log."""


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds that a client may take

    def log_message(self, *_: object) -> None:
        """Keep requests out of the log: Prometheus sends one each fifteen seconds."""
