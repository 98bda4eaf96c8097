"""What the tests of the generator's pipeline share: a small catalog, and a way to run commands as a user does."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from seawall.catalog import Catalog, load
from seawall.cli import main
from seawall.generator import Artifact, Packs, load_packs

TEAMS = "seawall: 1\nteams: {payments: {notify: {}}}\nservices:\n"
SHOP = f"""{TEAMS}\
  checkout:
    kind: http
    team: payments
    tier: 2
    targets: ["checkout:9464"]
"""
DAY = date(2026, 12, 1)


def catalog_of(folder: Path, text: str = SHOP, *, today: date = DAY) -> Catalog:
    """Return the catalog that *text* says, from a file in *folder*."""
    path = folder / "catalog.yaml"
    path.write_text(text)
    return load(path, today=today)


def run(*arguments: str | Path, **options: Any) -> Result:
    """Run a command of Seawall within this process; standard output and standard error are apart."""
    return CliRunner().invoke(main, [str(each) for each in arguments], **options)


def seawall(*arguments: str | Path, env: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Start a command of Seawall as a process of its own."""
    command = [sys.executable, "-m", "seawall.cli", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, **(env or {})}, **{**pipes, **options})


def templates(folder: Path, files: Mapping[str, str]) -> Packs:
    """Return the packs with *files*, by their path, laid over Seawall's own."""
    put(folder, files)
    return load_packs(folder)


def put(folder: Path, files: Mapping[str, str]) -> None:
    """Write *files*, by their path, into *folder*."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def artifacts(**contents: str) -> list[Artifact]:
    """Return artifacts whose path is the keyword, with ``__`` for a slash."""
    return [Artifact(path.replace("__", "/"), text.encode()) for path, text in contents.items()]


def served(folder: Path) -> dict[str, str]:
    """Return what a reader finds who follows the visible entries of *folder*."""
    files: Iterable[Path] = (file for entry in folder.glob("[!.]*") for file in (entry, *entry.rglob("*")))
    return {str(file.relative_to(folder)): file.read_text() for file in files if file.is_file()}
