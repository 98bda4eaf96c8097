"""Stand-in processes, a state folder, and stacks that are surely stopped at the end of a test."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seawall.stack import Layout, Plan, ProcessSpec, StackState
from seawall.stack.lifecycle import clean_up, launch, running, wait_until_healthy
from seawall.stack.ports import is_free
from seawall.stack.process_table import members

CATALOG = """
seawall: 1
teams: {payments: {}}
services:
  checkout: {kind: http, team: payments, tier: 1, slos: {availability: {objective: 99.9}}}
"""
COMPONENTS = ("alertmanager", "portal", "exporter", "prometheus")

# A small HTTP server whose habits are arguments: what a supervised process can do wrong, on purpose.
SERVER = """
import http.server, signal, subprocess, sys, time
port, habits = int(sys.argv[1]), sys.argv[2:]
if "stubborn" in habits:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "parent" in habits:
    subprocess.Popen(["sleep", "600"])
if "daemon" in habits:
    subprocess.Popen(["sleep", "601"], start_new_session=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if "sick" in habits else 200)
        self.end_headers()
    def log_message(self, *_):
        pass
print("serving on", port, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture(autouse=True, scope="module")
def _without_engine() -> Iterator[None]:
    """These tests are of local processes, though this machine may run Docker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        yield


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A state folder, made."""
    made = Layout.at(tmp_path / ".seawall")
    made.create()
    return made


_given: set[int] = set()


def choose_port() -> int:
    """Return a port which was free a moment ago; each is given once."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function that returns ports which were free a moment ago, each once."""
    return choose_port


@pytest.fixture
def server(free_port: Callable[[], int]) -> Callable[..., ProcessSpec]:
    """A function that describes a small HTTP server: its name and habits."""

    def describe(name: str, *habits: str, gated: bool = False) -> ProcessSpec:
        port = free_port()
        return ProcessSpec(
            name=name,
            command=(sys.executable, "-c", SERVER, str(port), *habits),
            ports=(port,),
            health=f"http://127.0.0.1:{port}/health",
            address=f"http://127.0.0.1:{port}",
            gated=gated,
        )

    return describe


def plan_of(*processes: ProcessSpec, token: str = "test-token") -> Plan:
    """Return a plan of *processes*."""
    return Plan(token=f"{token}-{os.getpid()}-{time.monotonic_ns()}", fingerprint="", catalog="", processes=processes)


@pytest.fixture
def started(layout: Layout) -> Iterator[Callable[..., StackState]]:
    """A function that starts processes under a real supervisor and waits for them; all is stopped at the end."""

    def start(*processes: ProcessSpec, healthy: bool = True) -> StackState:
        launch(layout, plan_of(*processes))
        if healthy:
            wait_until_healthy(layout, 30, lambda _: None)
        state = running(layout)
        assert state is not None
        return state

    yield start
    state = StackState.read(layout.state)
    if state is not None:
        with suppress(ProcessLookupError):
            os.kill(state.supervisor, signal.SIGKILL)
    clean_up(layout)


def until(fact: Callable[[], object], seconds: float = 20) -> bool:
    """Wait until *fact* holds, at most *seconds*; return whether it does."""
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def eventually() -> Callable[..., bool]:
    """Waits for a fact, with a deadline."""
    return until


@pytest.fixture
def occupied(free_port: Callable[[], int]) -> Iterator[int]:
    """A port that another process holds."""
    port = free_port()
    holder = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    yield port
    holder.kill()
    holder.wait()
    holder.stdout.close()


@dataclass(frozen=True)
class Place:
    """A folder with a catalog, and ports for a stack of its own."""

    folder: Path
    ports: dict[str, int]

    @property
    def catalog(self) -> Path:
        """The catalog's file."""
        return self.folder / "catalog.yaml"

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / ".seawall"

    def line(self, *arguments: str) -> list[str]:
        """Return the command line of ``seawall`` with *arguments*."""
        extra = [word for name, port in self.ports.items() for word in ("--port", f"{name}={port}")]
        return [
            sys.executable,
            "-m",
            "seawall.cli",
            *arguments,
            *(["--no-check", *extra] if arguments[0] == "up" else []),
        ]

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run ``seawall`` here; return what it prints, after it has ended with *code*."""
        done = subprocess.run(self.line(*arguments), cwd=self.folder, capture_output=True, text=True, timeout=120)
        said = done.stdout + done.stderr
        assert code == done.returncode, said
        assert "Traceback" not in said
        return said

    def status(self) -> dict[str, Any]:
        """Return what ``seawall status --json`` says."""
        done = subprocess.run(
            self.line("status", "--json"), cwd=self.folder, capture_output=True, text=True, timeout=30
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def pids(self) -> dict[str, int | None]:
        """Return the pid of every process."""
        return {process["name"]: process["pid"] for process in self.status()["processes"]}

    def token(self) -> str:
        """Return the mark that every process of the run carries."""
        return str(json.loads((self.state / "plan.json").read_text())["token"])

    def get(self, name: str, path: str) -> str:
        """Return what the component *name* answers at *path*."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    def is_empty(self) -> bool:
        """Whether nothing is left: no process, no port."""
        plan = self.state / "plan.json"
        return all(map(is_free, self.ports.values())) and not (plan.exists() and members(self.token()))


@pytest.fixture(scope="module")
def new_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Place]]:
    """A function that makes places; whatever runs in one is stopped at the end."""
    made: list[Place] = []

    def make() -> Place:
        place = Place(tmp_path_factory.mktemp("place"), {name: choose_port() for name in COMPONENTS})
        place.catalog.write_text(CATALOG)
        made.append(place)
        return place

    yield make
    for place in made:
        if place.state.exists():
            subprocess.run(place.line("down"), cwd=place.folder, capture_output=True, timeout=120)


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """A place where nothing runs yet."""
    return new_place()
