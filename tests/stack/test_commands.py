"""``seawall up``, ``status``, ``logs`` and ``down`` as commands, over the real Prometheus and Alertmanager."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from seawall.stack.ports import is_free
from seawall.stack.process_table import members

from .conftest import choose_port, until

pytestmark = pytest.mark.e2e

CATALOG = """
seawall: 1
teams: {payments: {}}
services:
  checkout: {kind: http, team: payments, tier: 1, slos: {availability: {objective: 99.9}}}
"""
COMPONENTS = ("alertmanager", "portal", "exporter", "prometheus")


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


@pytest.fixture(scope="module")
def stack(new_place: Callable[[], Place]) -> Place:
    """A stack that is up; its tests leave it so."""
    place = new_place()
    place.run("up")
    return place


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """A place where nothing runs yet."""
    return new_place()


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


def test_a_port_in_use_is_named_with_its_holder_and_a_way_out(place: Place, occupied: int) -> None:
    """All of them at once; nothing is started."""
    place.ports["portal"] = occupied
    said = place.run("up", code=1)
    assert f"port {occupied}, which portal needs, is held by " in said
    assert "(pid " in said
    assert "--port portal=" in said
    assert 3 == subprocess.run(place.line("status"), cwd=place.folder, capture_output=True, timeout=30).returncode


def test_two_ports_that_are_one_are_told(place: Place) -> None:
    """Before anything starts."""
    place.ports["portal"] = place.ports["prometheus"]
    assert "is wanted by both portal and prometheus" in place.run("up", code=1)


@pytest.mark.parametrize(
    ("option", "told"),
    [("grafana=3000", "the names are alertmanager, exporter, portal, prometheus"), ("portal=0", "a number from 1 to 65535"),
     ("portal=80 80", "a number from 1 to 65535"), ("portal", "a number from 1 to 65535")],
)  # fmt: skip
def test_a_wrong_port_is_told_with_its_mend(place: Place, option: str, told: str) -> None:
    """Each names what it may be."""
    assert told in place.run("up", "--port", option, code=1)


def test_a_missing_catalog_is_one_line(place: Place) -> None:
    """It names the file and what to do; status and down have nothing to say of it."""
    assert "nothing.yaml:1:1: there is no such file or folder" in place.run("up", "nothing.yaml", code=1)
    assert "No stack is running" in place.run("status", code=3)
    assert "No stack is running" in place.run("down")


def test_a_folder_with_somebodys_files_is_refused(place: Place) -> None:
    """None of them is touched, by no command."""
    own = place.folder / "project"
    own.mkdir()
    (own / ".gitignore").write_text("mine\n")
    assert "is not a folder of Seawall's; choose another with --state" in place.run("up", "--state", str(own), code=1)
    place.run("down", "--state", str(own))
    place.run("status", "--state", str(own), code=3)
    assert [("mine\n", [".gitignore"])] == [((own / ".gitignore").read_text(), [each.name for each in own.iterdir()])]


def test_a_folder_that_cannot_be_made_is_told(place: Place) -> None:
    """With the reason and the option."""
    (place.folder / "file").write_text("")
    assert "is a file" in place.run("up", "--state", "file", code=2)
    assert "choose another folder with --state" in place.run("up", "--state", "file/below", code=1)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"supervisor": 1, "identity": "x", "token": "t"}'])
def test_a_stale_state_file_hides_nothing_and_harms_nobody(place: Place, content: str) -> None:
    """Status says that nothing runs, down cleans it away, and pid 1 lives on."""
    place.state.mkdir()
    (place.state / ".gitignore").write_text("*\n")
    (place.state / "state.json").write_text(content)
    assert "The supervisor has died." in place.run("status", code=3)
    assert "No stack is running" in place.run("down")
    assert not (place.state / "state.json").exists()
    assert psutil.pid_exists(1)


def test_a_killed_supervisor_is_told_and_replaced_and_down_leaves_nothing(place: Place) -> None:
    """Status says that it died, up starts anew, down ends every process and frees every port."""
    place.run("up")
    first = place.status()
    os.kill(first["supervisor"], signal.SIGKILL)
    assert until(lambda: not psutil.pid_exists(first["supervisor"]))
    assert "The supervisor has died. Start again with seawall up" in place.run("status", code=3)
    assert {"running": False, "healthy": False, "processes": []} == place.status()
    assert "The stack is up:" in place.run("up")
    assert place.status()["supervisor"] != first["supervisor"]
    assert "The stack is down." in place.run("down")
    assert place.is_empty()
    assert "No stack is running" in place.run("down")
    assert (place.state / "data" / "prometheus").is_dir()


def test_a_broken_catalog_starts_the_last_good_one(place: Place) -> None:
    """A restart does not end the monitoring; what is broken is said, and where there is no good one, up fails."""
    place.catalog.write_text("services: [")
    assert "The catalog is broken; starting" not in place.run("up", code=1)
    place.catalog.write_text(CATALOG)
    place.run("up")
    place.run("down")
    place.catalog.write_text(CATALOG.replace("team: payments", "team: paymens"))
    said = place.run("up")
    assert "catalog.yaml:5" in said
    assert "paymens" in said
    assert "The catalog is broken, so the last good one is served. Mend it, then: seawall down; seawall up" in said
    assert "checkout" in place.get("prometheus", "/api/v1/rules")
    assert "checkout" in place.get("portal", "/")


def test_two_ups_at_once_start_one_stack(place: Place) -> None:
    """The second waits for the first and finds it running."""
    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(lambda _: place.run("up"), range(2)), key=lambda text: "nothing was done" in text)
    assert "The stack is up:" in said[0]
    assert "nothing was done" in said[1]
    assert 1 == sum(str(place.state) in process.info["cmdline"] for process in _with_command_lines())


def test_an_interrupted_start_leaves_nothing(place: Place) -> None:
    """Ctrl-C while the processes come up stops them all; exit code 1."""
    process = subprocess.Popen(
        place.line("up"), cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert until((place.state / "state.json").exists, 60)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert 1 == process.returncode, said
    assert "Traceback" not in said
    assert place.is_empty()


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as a user who is not root already")
def test_it_runs_as_another_user(place: Place) -> None:
    """Without root: a port that is root's is told as such, the rest is the same, and root's folders are not touched."""
    other = _python_of_nobody()
    if other is None:
        pytest.skip("no Python of this version can be run by the user nobody")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        shutil.copyfile(place.catalog, folder / "catalog.yaml")
        os.chown(folder, 65534, 65534)

        def run(*arguments: str, **ports: int) -> tuple[int, str]:
            line = Place(folder, place.ports | ports).line(*arguments)
            done = subprocess.run([*other, *line[1:]], cwd=folder, capture_output=True, text=True, timeout=120)
            return done.returncode, done.stdout + done.stderr

        code, said = run("up", portal=80)
        assert (1, True) == (code, "port 80, which portal needs, is only for root to listen on; use another" in said)
        assert "cannot keep the stack's files in /root/x: Permission denied" in run("up", "--state", "/root/x")[1]
        code, said = run("up")
        try:
            assert (0, True) == (code, "The stack is up:" in said), said
            assert 0 == run("status")[0]
            assert {65534} == {each.stat().st_uid for each in (folder / ".seawall").rglob("*")}
        finally:
            code, said = run("down")
        assert (0, True) == (code, "The stack is down." in said)
    assert place.is_empty()


def _python_of_nobody() -> list[str] | None:
    """Return how the user nobody runs Python here; None where that user cannot."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    paths = os.pathsep.join(path for path in sys.path if path)
    for program in (sys.executable, f"/usr/bin/python{version}"):
        line = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "env",
            f"PYTHONPATH={paths}",
            "HOME=/tmp",
            program,
        ]
        with suppress(OSError):
            if (
                subprocess.run([*line, "-c", "import seawall.cli, pydantic"], capture_output=True, cwd="/").returncode
                == 0
            ):
                return line
    return None


def test_colours_are_for_terminals(stack: Place) -> None:
    """On one, down and up draw; piped, no escape is written (the other tests read such output)."""
    said = _on_a_terminal(stack.line("down"), stack.folder)
    assert "\x1b[" in said
    assert "The stack is down." in said
    assert "\x1b" not in stack.run("up")
    assert "\x1b" not in stack.run("status")


def _with_command_lines() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            if "seawall.stack.supervisor" in (process.info["cmdline"] or []):
                found.append(process)
    return found


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
