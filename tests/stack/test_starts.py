"""How a stack starts and ends: ports, folders, broken catalogs, killed supervisors, Ctrl-C, other users."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from .conftest import CATALOG, Place, until

pytestmark = pytest.mark.e2e


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
    """Ctrl-C while the processes come up, one of which takes long, stops them all; exit code 1."""
    slow = place.folder / "processes.yaml"
    slow.write_text("processes:\n  slow: {command: ['sleep', '600'], health: 'http://127.0.0.1:1/'}\n")
    # A job in the background of a shell ignores Ctrl-C, and so does all that it starts: a run of these tests may be one.
    line = ["env", "--default-signal=INT", *place.line("up", "--processes", str(slow))]
    process = subprocess.Popen(line, cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
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


def _with_command_lines() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            if "seawall.stack.supervisor" in (process.info["cmdline"] or []):
                found.append(process)
    return found
