"""The commands over a stack that is up: the real Prometheus and Alertmanager."""

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from .conftest import CATALOG, COMPONENTS, Place, until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stack(new_place: Callable[[], Place]) -> Place:
    """A stack that is up; its tests leave it so."""
    place = new_place()
    place.run("up")
    return place


def test_up_names_the_addresses_and_the_next_steps(stack: Place) -> None:
    """A second one does nothing, and says so."""
    before = stack.pids()
    said = stack.run("up")
    assert "The stack is running already; nothing was done:" in said
    assert all(f"http://localhost:{port}" in said for port in stack.ports.values())
    assert "Next: seawall status | logs NAME | down" in said
    assert before == stack.pids()


def test_status_tells_each_process(stack: Place) -> None:
    """For people as a table without colours, for programs as JSON; the exit code says whether all is well."""
    table = stack.run("status").splitlines()
    assert ["name", "state", "pid", "uptime", "restarts", "health", "address", "log"] == table[0].split()
    assert list(COMPONENTS) == [line.split()[0] for line in table[1:]]
    assert "\x1b" not in "".join(table)
    told = stack.status()
    assert {"running", "healthy", "supervisor", "processes"} == set(told)
    assert (True, True) == (told["running"], told["healthy"])
    expected = {"name", "phase", "pid", "started_at", "restarts", "health", "address", "log", "last_exit"}
    assert [expected] * 4 == [set(process) for process in told["processes"]]


def test_everything_listens_on_loopback_alone(stack: Place) -> None:
    """No port is open to the network."""
    pids = set(stack.pids().values())
    found = {each.laddr.ip for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.pid in pids}
    assert {"127.0.0.1"} == found


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_killed_component_is_started_again(stack: Place, name: str) -> None:
    """After kill -9 it is healthy again under another pid, the others were left alone."""
    before = stack.pids()
    pid = before[name]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    def is_back() -> bool:
        now = stack.status()
        return bool(now["healthy"]) and stack.pids()[name] not in (pid, None)

    assert until(is_back, 60)
    after = stack.pids()
    assert {other: before[other] for other in COMPONENTS if other != name} == {
        other: after[other] for other in COMPONENTS if other != name
    }


def test_logs_are_found_by_name(stack: Place) -> None:
    """The end of one; a mistyped name gets a guess; the supervisor has its own."""
    assert "started as pid" in stack.run("logs", "prometheus", "-n", "1000")
    assert 3 == len(stack.run("logs", "prometheus", "-n", "3").splitlines())
    assert "" == stack.run("logs", "alertmanager", "-n", "0")
    assert "did you mean prometheus?" in stack.run("logs", "promethues", code=1)
    assert "the logs are: alertmanager, exporter, portal, prometheus, supervisor" in stack.run("logs", "zzz", code=1)
    stack.run("logs", "supervisor")
    assert "there is no log of '../state'" in stack.run("logs", "../state", code=1)


def test_a_fault_needs_an_example(stack: Place) -> None:
    """The stack alone has nothing to disturb; an unknown fault is a wrong option."""
    assert "the stack runs without an example to disturb" in stack.run("demo", "errors", code=1)
    assert "'fire' is not one of" in stack.run("demo", "fire", code=2)


def test_a_fault_of_an_example_elsewhere_is_switched_in_its_file(stack: Place, tmp_path: Path) -> None:
    """As in a container of the shop, beside which no stack of ours runs; a folder that is not there is told."""
    file = tmp_path / "faults.json"
    stack.run("demo", "connections", "--faults", str(file))

    assert json.loads(file.read_text())["leaked_connections"] is True
    assert "cannot be written" in stack.run("demo", "heal", "--faults", str(tmp_path / "no/faults.json"), code=1)


def test_a_changed_catalog_is_told_and_reloaded_when_asked(stack: Place) -> None:
    """Prometheus and Alertmanager keep running; a broken one changes nothing."""
    before = stack.pids()
    stack.catalog.write_text(CATALOG + "  cart: {kind: http, team: payments}\n")
    assert "have changed since it was started. To load them: seawall up … --reload" in stack.run("up")
    assert "The changed catalog is loaded." in stack.run("up", "--reload")
    assert until(lambda: "cart" in stack.get("prometheus", "/api/v1/rules"), 30)
    stack.catalog.write_text(CATALOG.replace("kind: http", "knid: http"))
    assert "knid" in stack.run("up", "--reload", code=1)
    assert "cart" in stack.get("prometheus", "/api/v1/rules")
    after = stack.pids()
    assert [before[name] for name in ("prometheus", "alertmanager", "portal")] == [
        after[name] for name in ("prometheus", "alertmanager", "portal")
    ]
    stack.catalog.write_text(CATALOG)


def test_colours_are_for_terminals(stack: Place) -> None:
    """On one, down and up draw; piped, no escape is written (the other tests read such output)."""
    said = _on_a_terminal(stack.line("down"), stack.folder)
    assert "\x1b[" in said
    assert "The stack is down." in said
    assert "\x1b" not in stack.run("up")
    assert "\x1b" not in stack.run("status")


def _on_a_terminal(line: list[str], folder: Path) -> str:
    """Return what the command *line* writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm-256color"}
    process = subprocess.Popen(line, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    said, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                said += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    assert 0 == process.wait(10)
    return said.decode()
