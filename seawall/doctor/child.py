"""The process that imports the application: started, bounded and ended here; what it tells is all that is known."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TypedDict

from seawall.run import STARTUP

if TYPE_CHECKING:
    from seawall.instrumentation.doctor.report import Failure, Report, Request

_MODULE: Final = "seawall.instrumentation.doctor.probe"
_LINES: Final = 15  # of what the application wrote, where it cannot be imported
_LONGEST: Final = 4000
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
        with (Path(scratch) / "output").open("w+b") as output:
            ended = _run(Path(scratch), _environment(environ), output, seconds)
            written = _tail(output)
        outcome = _read(Path(scratch) / "outcome.json")
        if outcome is None:
            return {"report": None, "failure": {"message": ended, "place": ""}, "output": written}
        return {"report": outcome["report"], "failure": outcome["failure"], "output": written}


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    # Under ``seawall run`` its sitecustomize would come before the process that watches.
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path != str(STARTUP)]
    return {**environ, **_SILENT, "PYTHONPATH": os.pathsep.join(paths)}


def _run(scratch: Path, environ: Mapping[str, str], output: BinaryIO, seconds: float) -> str:
    """Run the process until it ends; return what is to be said of it where it has told nothing."""
    command = [sys.executable, "-P", "-m", _MODULE, str(scratch)]
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    ) as running:
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


def _tail(output: BinaryIO) -> str:
    output.seek(max(0, output.seek(0, os.SEEK_END) - _LONGEST))
    lines = output.read().decode(errors="replace").splitlines()[-_LINES:]
    return "\n".join("".join(sign if sign.isprintable() else "�" for sign in line) for line in lines)


def _read(path: Path) -> "Examined | None":
    try:
        found: Examined = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
