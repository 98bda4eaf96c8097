"""Reloaders: the page on the port is that of the process that answers, and a reload begins it anew on the same port."""

import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from applications import DURATION, Application, Ports, application
from servers import connects, eventually

pytestmark = pytest.mark.e2e

SOURCE = Path(__file__).parent / "apps/reloaded_app.py"
SERVERS = {
    "flask": ("-m", "flask", "--app", "reloaded_app", "run", "--debug", "--port", "{port}"),
    "flask-reload": ("-m", "flask", "--app", "reloaded_app", "run", "--reload", "--port", "{port}"),
    "django": ("reloaded_app.py", "runserver", "127.0.0.1:{port}"),
    "uvicorn": ("-m", "uvicorn", "--reload", "--interface", "wsgi", "--port", "{port}", "reloaded_app:app"),
    "run-flask": ("-m", "seawall.cli", "run", "--", sys.executable, "-m", "flask", "--app", "reloaded_app", "run", "--debug", "--port", "{port}"),
}  # fmt: skip


def counted(running: Application) -> float:
    """Return how many requests the page tells of."""
    return sum(value for _, value in running.samples(f"{DURATION}_count"))


@pytest.mark.parametrize("name", SERVERS)
def test_the_page_is_the_childs_and_survives_a_reload(tmp_path: Path, name: str) -> None:
    """Nobody says that a port is taken: the process that watches the files gives it up before the other one begins."""
    ports = Ports()
    source = Path(shutil.copy(SOURCE, tmp_path))
    environ = {
        "PYTHONPATH": str(tmp_path),
        "PYTHONWARNINGS": "ignore",  # what the servers leave open as they are killed
        "SEAWALL_SHARED_MEMORY": str(tmp_path / "shared"),
    }
    command = tuple(word.format(port=ports.own) for word in SERVERS[name])
    with application(*command, folder=tmp_path, ports=ports, environ=environ, cwd=tmp_path) as running:
        answers = [running.request("/") for _ in range(3)]
        assert {(200, answers[0][1])} == set(answers)
        eventually(lambda: connects(ports.metrics))
        eventually(lambda: 3 == counted(running))

        asked, due = 0, 0.0

        def reloaded() -> bool:
            nonlocal asked, due
            if time.monotonic() > due:  # who had not begun to watch has seen nothing of a change before
                due = time.monotonic() + 10
                source.write_text(source.read_text() + "\n# changed\n")
            status, body = running.request("/")
            asked += status == 200 and body != answers[0][1]
            return bool(asked)

        eventually(reloaded, 45)
        eventually(lambda: connects(ports.metrics))
        # A program of its own begins at zero; uvicorn's child is a worker, whose predecessors' requests stand.
        eventually(lambda: (counted(running) >= 4) if name == "uvicorn" else (1 == counted(running)))
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(20)

    assert "Seawall" not in running.output()
    assert "Traceback" not in running.output()
