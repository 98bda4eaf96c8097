"""The process that imports the application: started, bounded and ended here; what it tells is all that is known."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final, TypedDict

from seawall.run import STARTUP

if TYPE_CHECKING:
    from seawall.instrumentation.doctor.report import Failure, Report, Request

_MODULE: Final = "seawall.instrumentation.doctor.probe"
_LINES: Final = 15  # of what the application wrote, where it cannot be imported
_LONGEST: Final = 4000
_CHUNK: Final = 65536
_PATIENCE: Final = 1.0  # seconds for the last words of what may have left its session
# No port is opened and nothing is pushed, by whatever starts in the process or below it.
_SILENT: Final = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("METRICS", "TRACES", "LOGS")}


class Examined(TypedDict):
    """The report, or why there is none and what the application had written until then."""

    report: "Report | None"
    failure: "Failure | None"
    output: str


def examine(app: str, folder: Path, environ: Mapping[str, str], seconds: float) -> Examined:
    """Have *app*, of *folder*, imported in a process of its own, and return what it tells within *seconds*."""
    with tempfile.TemporaryDirectory(prefix="seawall-doctor-") as scratch:
        wanted = {name: value for name, value in environ.items() if name.startswith(("OTEL_", "SEAWALL_"))}
        request: Request = {"app": app, "folder": str(folder), "environ": wanted}
        (Path(scratch) / "request.json").write_text(json.dumps(request), encoding="utf-8")
        output = _Output()
        ended = _run(Path(scratch), _environment(environ), output, seconds)
        outcome = _read(Path(scratch) / "outcome.json")
        if outcome is None:
            return {"report": None, "failure": {"message": ended, "place": ""}, "output": output.end()}
        return {"report": outcome["report"], "failure": outcome["failure"], "output": output.end()}


class _Output:
    """The end of what a process writes: all of it is read, and little kept, however much it is."""

    def __init__(self) -> None:
        self._kept = b""
        self._from, self.into = os.pipe()
        self._reader = Thread(target=self._follow, daemon=True)
        self._reader.start()

    def _follow(self) -> None:
        while chunk := os.read(self._from, _CHUNK):
            self._kept = (self._kept + chunk)[-_LONGEST:]
        os.close(self._from)

    def end(self) -> str:
        """Return the last lines."""
        self._reader.join(_PATIENCE)
        lines = self._kept.decode(errors="replace").splitlines()[-_LINES:]
        return "\n".join("".join(sign if sign.isprintable() else "�" for sign in line) for line in lines)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    # Under ``seawall run`` its sitecustomize would come before the process that watches.
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path != str(STARTUP)]
    return {**environ, **_SILENT, "PYTHONPATH": os.pathsep.join(paths)}


def _run(scratch: Path, environ: Mapping[str, str], output: _Output, seconds: float) -> str:
    """Run the process until it ends; return what is to be said of it where it has told nothing."""
    command = [sys.executable, "-P", "-m", _MODULE, str(scratch)]
    into = output.into
    try:
        running = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=into, stderr=into, start_new_session=True
        )
    finally:
        os.close(into)
    try:
        code = running.wait(seconds)
    except subprocess.TimeoutExpired:
        return f"its import took more than {seconds:g} seconds, and was stopped; --timeout SECONDS gives it longer"
    finally:
        _end(running)
    if code < 0:
        return f"{signal.Signals(-code).name} ended the process while it was imported"
    return f"it ended the process while it was imported, with the exit code {code}"


def _end(running: "subprocess.Popen[bytes]") -> None:
    """Kill the process, and what it has started in its session."""
    try:
        os.killpg(running.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        running.kill()
    running.wait()


def _read(path: Path) -> "Examined | None":
    try:
        found: Examined = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
