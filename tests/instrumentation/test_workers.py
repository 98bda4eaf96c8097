"""Workers of real servers: a scrape of any is the sum of all, a death loses no count, a restart starts clean."""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from applications import DURATION, Application, Ports, application
from servers import connects, eventually

APPS = Path(__file__).parent / "apps"
pytestmark = pytest.mark.e2e

ASGI, WSGI = "workers_app:asgi", "workers_app:wsgi"
BIND = "127.0.0.1:{port}"
UWSGI = ("uwsgi", "--http-socket", BIND, "--wsgi-file", "workers_app.py", "--callable", "wsgi", "--enable-threads",
         "--master", "--processes", "3", "--die-on-term", "--need-app")  # fmt: skip


@dataclass(frozen=True)
class Server:
    """A server of three workers, and the command that starts it."""

    command: tuple[str, ...]
    replaces_workers: bool = True


SERVERS = {
    "gunicorn": Server(("gunicorn", "--workers", "3", "--bind", BIND, WSGI)),
    "gunicorn-preload": Server(("gunicorn", "--preload", "--workers", "3", "--bind", BIND, WSGI)),
    "uvicorn": Server(("uvicorn", "--workers", "3", "--port", "{port}", ASGI)),
    # A worker of hypercorn's that dies ends them all.
    "hypercorn": Server(("hypercorn", "--workers", "3", "--bind", BIND, ASGI), replaces_workers=False),
    "granian": Server(
        ("granian", "--workers", "3", "--port", "{port}", "--interface", "asgi", "--respawn-failed-workers", ASGI)
    ),
    "uwsgi-forked": Server(UWSGI),
    "uwsgi-lazy": Server((*UWSGI, "--lazy-apps")),
}


@dataclass
class Group:
    """A server that runs, and how many requests it has answered."""

    server: Server
    application: Application
    sent: int = 0

    def request(self, requests: int = 20) -> Counter[int]:
        """Have *requests* answered; return how many of them each worker answered.

        One that breaks off waited in the queue of a worker that was killed: nobody counts it.
        """
        answers = Counter[int]()
        while answers.total() < requests:
            status, body = self.application.request("/")
            assert status in (200, 0), body
            if status:
                answers[int(body)] += 1
        self.sent += requests
        return answers

    def counted(self) -> float:
        """Return how many requests the page tells of."""
        return sum(value for _, value in self.application.samples(f"{DURATION}_count"))

    def total(self, name: str) -> float:
        """Return the sum of what the page tells of *name*."""
        return sum(value for _, value in self.application.samples(name))

    def serving(self) -> int:
        """Return the process that serves /metrics, once there is one."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [each.pid for each in self._processes() if self._listens(each)]
            return connects(self.application.metrics_port) and len(found) == 1

        eventually(look, 30)
        return found[0]

    def workers(self, least: int) -> set[int]:
        """Return processes that answered; requests are sent until there are *least*."""
        found: set[int] = set()

        def ask() -> bool:
            found.update(self.request(5))
            return len(found) >= least

        eventually(ask, 30)
        return found

    def _processes(self) -> list[psutil.Process]:
        master = self.application.process.pid
        with suppress(psutil.NoSuchProcess):
            return [psutil.Process(master), *psutil.Process(master).children(recursive=True)]
        return []

    def _listens(self, process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            ports = [each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
            return self.application.metrics_port in ports
        return False


def program(server: Server, port: int) -> list[str]:
    """Return the arguments of Python that become the server."""
    words = [word.format(port=port) for word in server.command]
    path = os.fspath(Path(sys.executable).parent / words[0])
    return ["-c", f"import os; os.execv({path!r}, {[path, *words[1:]]!r})"]


def is_gone(pid: int) -> bool:
    """Whether the process *pid* runs no more."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(scope="module", params=SERVERS)
def group(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """One server after the other."""
    server, ports, folder = SERVERS[request.param], Ports(), tmp_path_factory.mktemp(request.param)
    environ = {
        "PYTHONPATH": os.pathsep.join([str(APPS), *sys.path]),
        "PYTHONWARNINGS": "default",
        "HOME": str(folder),  # gunicorn leaves a file there
        "SEAWALL_SHARED_MEMORY": str(folder / "shared"),
    }
    with application(*program(server, ports.own), folder=folder, ports=ports, environ=environ, cwd=APPS) as running:
        yield Group(server, running)
    assert "Seawall" not in running.output()


def test_a_scrape_is_the_sum_of_all_workers(group: Group) -> None:
    """Whoever answers it: each request that any of them answered is there, once."""
    group.workers(2)
    group.serving()
    eventually(lambda: group.sent == group.counted())

    assert {"/"} == {labels["http_route"] for labels, _ in group.application.samples(f"{DURATION}_count")}


def test_what_the_application_counts_itself_is_summed_too(group: Group) -> None:
    """OpenTelemetry's own instruments, a second later: what adds up is a sum, a gauge is the largest."""
    group.workers(2)
    for name in ("orders_placed_total", "baskets_open", "basket_weight_count"):
        eventually(lambda name=name: group.sent == group.total(name))  # type: ignore[misc]

    assert 7 == group.total("stock_level")
    assert {"otel_scope_name", "kind"} == set(group.application.samples("orders_placed_total")[0][0])


def test_a_killed_worker_loses_no_count(group: Group) -> None:
    """What it counted stands, and its successor goes on from there."""
    if not group.server.replaces_workers:
        pytest.skip("a worker that dies ends this server")
    serving = group.serving()
    victim = min(group.workers(2) - {serving})
    eventually(lambda: group.sent == group.counted())  # a request is counted once its last byte has gone
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: is_gone(victim))
    eventually(lambda: group.sent == group.counted())
    group.request()

    eventually(lambda: group.sent == group.counted())


def test_another_worker_serves_where_the_one_that_served_dies(group: Group) -> None:
    """On the same port, with every count of the one that died."""
    serving = group.serving()
    if not group.server.replaces_workers or serving == group.application.process.pid:
        pytest.skip("the master serves, or a worker that dies ends this server")
    eventually(lambda: group.sent == group.counted())
    os.kill(serving, signal.SIGKILL)
    eventually(lambda: is_gone(serving))

    assert serving != group.serving()
    eventually(lambda: group.sent == group.counted())
