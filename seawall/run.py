"""``seawall run``: any program, instrumented without a change of it."""

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

import click

NOT_FOUND: Final = 127  # what a shell says of a command that it cannot find,
NOT_RUN: Final = 126  # and of one that it cannot run
STARTUP: Final = Path(__file__).parent / "startup"  # the folder of ``sitecustomize``
_EPILOG: Final = """\b
Examples:
  seawall run -- gunicorn --workers 4 app:app
  seawall run -- uvicorn app:app --reload
  seawall run -- celery --app jobs worker
  SEAWALL_SERVICE=build/services/checkout.json seawall run -- python app.py

Exit codes: the program's own; 127 where there is no such program, 126 where it cannot be run.
"""


@click.command(epilog=_EPILOG, context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND...")
def run(command: tuple[str, ...]) -> None:
    """Run a program as it is, with every Python in it instrumented as if it imported seawall.auto first."""
    execute(command, environment(os.environ))


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* with the folder of ``sitecustomize`` in front of ``PYTHONPATH``, once."""
    startup = str(STARTUP)
    inherited = environ.get("PYTHONPATH", "")
    paths = [path for path in inherited.split(os.pathsep) if path != startup] if inherited else []
    return {**environ, "PYTHONPATH": os.pathsep.join([startup, *paths])}


def execute(command: tuple[str, ...], environ: Mapping[str, str]) -> NoReturn:
    """Become the program: its process id, signals and exit code are its own."""
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)  # Python ignores them, and a program inherits that
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 - the user's own words, and no shell's
    except (FileNotFoundError, NotADirectoryError):
        _fail(_not_found(command[0]), NOT_FOUND)
    except (OSError, ValueError) as error:
        _fail(f"{command[0]}: {getattr(error, 'strerror', None) or error}{_hint(command[0])}", NOT_RUN)


def _not_found(program: str) -> str:
    if shutil.which(program):
        return f"{program}: the interpreter that its first line names is not there"
    where = "there is no such file" if os.sep in program else "there is no such program on PATH"
    return f"{program}: {where}{_hint(program)}"


def _hint(program: str) -> str:
    return f"; did you mean: seawall run -- python {program}" if Path(program).suffix == ".py" else ""


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"seawall run: {message}", err=True)
    sys.exit(code)
