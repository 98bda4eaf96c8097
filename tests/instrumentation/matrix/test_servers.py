"""The matrix' applications under real servers: what a server does by itself changes no count."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from applications import Application, Ports, application
from matrix_rows import ROWS
from matrix_sockets import SocketClient
from servers import connects, eventually

APPS = Path(__file__).parent / "apps"
sys.path.insert(0, str(APPS))
from gates import Gate  # noqa: E402 - the gate of the applications' own

pytestmark = pytest.mark.e2e
SIMPLE = {
    "200": ("GET", "/items/7"),
    "a post": ("POST", "/items/7"),
    "a head": ("HEAD", "/items/7"),
    "404": ("GET", "/missing/7"),
    "405": ("DELETE", "/items/7"),
    "an exception": ("GET", "/boom"),
    "503": ("GET", "/answers/503"),
    "includes": ("GET", "/v1/api/things/7"),
}


@dataclass(frozen=True)
class Server:
    """A server with one of the applications, and the command that starts it."""

    name: str
    app: str
    command: tuple[str, ...]
    tells_who_left: bool = True

    @property
    def is_asgi(self) -> bool:
        """Whether it speaks ASGI."""
        return not self.app.endswith("wsgi") and self.app != "flask_app"

    def words(self, port: int) -> list[str]:
        """Return the arguments of Python."""
        said = [word.format(app=self.app, port=port) for word in self.command]
        if shutil.which(said[0], path=os.fspath(Path(sys.executable).parent)):
            program = os.fspath(Path(sys.executable).parent / said[0])
            return ["-c", f"import os; os.execv({program!r}, {[program, *said[1:]]!r})"]
        return ["-m", *said]


UVICORN = ("uvicorn", "{app}:app", "--port", "{port}", "--no-access-log")
HYPERCORN = ("hypercorn", "{app}:app", "--bind", "127.0.0.1:{port}")
GRANIAN = ("granian", "{app}:app", "--port", "{port}", "--interface", "asgi")
GUNICORN = ("gunicorn", "{app}:app", "--bind", "127.0.0.1:{port}")
UWSGI = ("uwsgi", "--http-socket", "127.0.0.1:{port}", "--wsgi-file", "{app}.py", "--callable", "app",
         "--enable-threads", "--threads", "4", "--die-on-term", "--need-app")  # fmt: skip
SERVERS = [
    Server("uvicorn", "fastapi_app", UVICORN),
    Server("uvicorn-django", "django_asgi", UVICORN),
    Server("hypercorn", "starlette_app", HYPERCORN),
    Server("hypercorn-django", "django_asgi", HYPERCORN),
    Server("granian", "litestar_app", GRANIAN),
    # Falcon asks nobody whether the client is still there, and granian takes what is sent to nobody.
    Server("granian-falcon", "falcon_asgi", GRANIAN, tells_who_left=False),
    Server("gunicorn-sync", "flask_app", GUNICORN),
    Server("gunicorn-gthread", "django_wsgi", (*GUNICORN, "--threads", "4")),
    Server("waitress", "falcon_wsgi", ("waitress", "--listen", "127.0.0.1:{port}", "{app}:app")),
    Server("uwsgi", "flask_app", UWSGI),
]


@dataclass
class Running:
    """A server that runs."""

    server: Server
    application: Application
    gate: Gate

    @property
    def client(self) -> SocketClient:
        """Return a client of it."""
        return SocketClient(self.application.port)

    def growth(self, before: dict[tuple[str, ...], int]) -> dict[str, int]:
        """Return what was counted since *before*, once no request is open."""
        after = self.application.settled()
        grown = {key: count - before.get(key, 0) for key, count in after.items()}
        return {" ".join(part or "-" for part in key): count for key, count in grown.items() if count}


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server after the other."""
    server: Server = request.param
    ports, folder = Ports(), tmp_path_factory.mktemp(server.name)
    environ = {
        "MATRIX_GATE": str(folder),
        "PYTHONWARNINGS": "default",
        "PYTHONPATH": os.pathsep.join([str(APPS), *sys.path]),
    }
    with application(*server.words(ports.own), folder=folder, ports=ports, environ=environ, cwd=APPS) as started:
        eventually(lambda: connects(ports.metrics), 60)
        yield Running(server, started, Gate(folder))
    assert "Seawall" not in started.output()


@pytest.mark.parametrize("case", SIMPLE)
def test_a_request_counts_once_under_its_route(running: Running, case: str) -> None:
    """The second time, too; the first failure is in the series that stands at zero."""
    method, path = SIMPLE[case]
    row = next(row for row in ROWS if row.app == running.server.app)
    before = running.application.settled()
    status = running.application.request(path, method)[0]
    assert 1 == sum(running.growth(before).values())
    before = running.application.settled()
    running.application.request(path, method)

    assert row.counted(case) == running.growth(before)
    assert str(status) in next(iter(row.counted(case)))


def test_a_stream_is_open_until_its_last_byte(running: Running) -> None:
    """While it is held it is active and not counted."""
    running.gate.shut()
    before = running.application.settled()
    exchange = running.client.begin("/stream")
    running.gate.await_entry()
    eventually(lambda: 1 == running.application.active())
    assert before == running.application.counts()
    running.gate.open()
    exchange.finish()

    assert {"GET /stream 200 -": 1} == running.growth(before)
    assert b"two" in exchange.body


def test_a_stream_that_breaks_off_has_no_status(running: Running) -> None:
    """The server can only close the connection; what broke it is told."""
    running.client.begin("/breaks").finish()
    before = running.application.settled()
    running.client.begin("/breaks").finish()

    row = next(row for row in ROWS if row.app == running.server.app)
    assert row.counted("a stream that breaks") == running.growth(before)


def test_a_client_that_leaves_is_a_499(running: Running) -> None:
    """In the middle of a stream: a server of WSGI notices it when it writes on."""
    running.gate.shut()
    before = running.application.settled()
    path = "/stream" if running.server.is_asgi else "/endless"
    with closing(socket.create_connection(("127.0.0.1", running.application.port), timeout=20)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
        received = b""
        while b"one" not in received and len(received) < 65536:
            received += client.recv(65536)
    with suppress(AssertionError):
        eventually(lambda: 0 == running.application.active(), 5)
    running.gate.open()

    status = 499 if running.server.tells_who_left else 200
    assert {f"GET {path} {status} -": 1} == running.growth(before)


def test_an_event_stream_counts_at_its_first_event(running: Running) -> None:
    """Its length says nothing of the service's speed, behind WSGI and ASGI."""
    running.gate.shut()
    before = running.application.settled()
    exchange = running.client.begin("/events")
    running.gate.await_entry()

    assert {"GET /events 200 -": 1} == running.growth(before)
    running.gate.open()
    exchange.finish()
    assert {"GET /events 200 -": 1} == running.growth(before)


def test_a_websocket_is_no_request_and_works(running: Running) -> None:
    """Behind each server that speaks it."""
    row = next(row for row in ROWS if row.app == running.server.app)
    if "a websocket" in row.lacks:
        pytest.skip("the framework has none")
    before = running.application.settled()

    assert "hello" in running.client.talk("/socket", "hello")
    assert {} == running.growth(before)
