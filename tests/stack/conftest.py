"""Stand-in processes, a state folder, and stacks that are surely stopped at the end of a test."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from seawall.stack import Layout, Plan, ProcessSpec, StackState
from seawall.stack.lifecycle import clean_up, launch, running, wait_until_healthy

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
