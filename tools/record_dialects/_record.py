"""What the recorders share: a known number of requests, and the exposition that they leave, cut to what matters.

Each recorder needs an environment with the packages that it names, and prints a file of tests/generator/dialects/:

    python -m venv /tmp/v && /tmp/v/bin/pip install flask prometheus-flask-exporter
    /tmp/v/bin/python tools/record_dialects/flask_exporter.py > tests/generator/dialects/flask-exporter.prom
"""

import contextlib
import http.client
import sys
import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

REQUESTS: Final = {
    "/pay": (40, "200"),
    "/slow": (5, "200, 0.4 s"),
    "/fails": (4, "500"),
    "/crashes": (2, "an exception, so 500"),
    "/limited": (3, "429"),
    "/items/1": (2, "200"),
    "/items/2": (1, "200"),
    "/left": (2, "499, as where a client has left"),
    "/nowhere": (2, "404"),
    "/healthz": (6, "200"),
}


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Log nothing: the exposition alone is printed."""


def serve_wsgi(application: Any) -> int:
    """Serve it on a free port, and return that."""
    server = make_server("127.0.0.1", 0, application, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def serve_asgi(application: Any) -> int:
    """Serve it on a free port, and return that once it listens."""
    import uvicorn

    started: list[int] = []
    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            started.append(self.servers[0].sockets[0].getsockname()[1])
            ready.set()

    server = Server(uvicorn.Config(application, port=0, log_level="critical"))
    threading.Thread(target=server.run, daemon=True).start()
    ready.wait(10)
    return started[0]


def record(packages: list[str], keep: Callable[[str], bool], port: int, metrics_port: int = 0) -> None:
    """Scrape, send the requests, scrape again, and print the metrics whose names are to *keep*."""
    _get(metrics_port or port, "/metrics")
    send(port)
    sys.stdout.write(heading([f"{each} {version(each)}" for each in packages], "recorded from a running one"))
    for line in _get(metrics_port or port, "/metrics").splitlines():
        if keep(line.removeprefix("# TYPE ")):
            sys.stdout.write(f"{line}\n")


def send(port: int) -> None:
    """Send the requests."""
    for path, (count, _) in REQUESTS.items():
        for _ in range(count):
            with contextlib.suppress(http.client.RemoteDisconnected):  # where nothing answers for what has crashed
                _get(port, path)


def heading(made_by: list[str], how: str) -> str:
    """Return what made a recording, *how*, and what was served for it."""
    served = ", ".join(f"{count} {path} ({answer})" for path, (count, answer) in REQUESTS.items())
    return f"# {', '.join(made_by)}: {how}; cut to the series of requests.\n# It served {served}.\n"


def _get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Accept": "text/plain;version=0.0.4"})
    body = connection.getresponse().read().decode()
    connection.close()
    return body
