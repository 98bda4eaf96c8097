"""``seawall doctor --app`` in a process of its own: shared by the rooms' tests."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from applications import clean_environment

Done = tuple[int, str, str]


def write(folder: Path, **files: str) -> Path:
    """Write modules of these names into *folder*; return it."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    return folder


def doctor(folder: Path, app: str, *options: str, environ: Mapping[str, str] | None = None) -> Done:
    """Run the command in *folder*; return its exit code and what it wrote."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "seawall.cli", "doctor", "--app", app, *options],
        env=clean_environment(environ or {}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def report(folder: Path, app: str, code: int = 0, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what the command tells programs of *app*; it ends with *code*."""
    ended, out, err = doctor(folder, app, "--format", "json", environ=environ)
    assert (code, "") == (ended, err), out
    found: dict[str, Any] = json.loads(out)
    return found
