"""compose/backup and compose/restore on a running stack."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_engine import ROOT, Stack
from servers import eventually, get

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

SILENCE = {
    "matchers": [{"name": "service", "value": "checkout", "isRegex": False}],
    "createdBy": "test", "comment": "kept", "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2036-01-01T00:00:00Z",
}  # fmt: skip
SERVICES = ("alertmanager", "portal")


@pytest.fixture(scope="module")
def small(client: dict[str, str], image: str) -> Iterator[Stack]:
    """Return a stack of a few parts."""
    stack = Stack({**client, "SEAWALL_IMAGE": image}, ROOT / "compose" / "catalog", f"seawall-backup-{os.getpid()}")
    try:
        stack.up(*SERVICES)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "5", check=False)


def script(stack: Stack, name: str, *words: str | Path, code: int = 0) -> str:
    """Return what compose/NAME prints; it must end with *code*."""
    environment = {**stack.environment, "COMPOSE_PROJECT_NAME": stack.name}
    command = [ROOT / "compose" / name, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert code == done.returncode, done.stdout + done.stderr
    return done.stdout + done.stderr


def comments(stack: Stack) -> list[str]:
    """Return the comments of the silences that hold."""
    found = json.loads(get(stack.url("alertmanager", "/api/v2/silences")))
    return [each["comment"] for each in found if each["status"]["state"] == "active"]


def test_what_was_backed_up_is_there_after_all_volumes_were_lost(small: Stack, tmp_path: Path) -> None:
    body = json.dumps(SILENCE)
    small.docker("run", "--rm", "--network", f"{small.name}_default", "--entrypoint", "python", small.environment["SEAWALL_IMAGE"], "-c",
        "import sys, urllib.request as u; u.urlopen(u.Request('http://alertmanager:9093/api/v2/silences', sys.argv[1].encode(), {'Content-Type': 'application/json'}))", body)  # fmt: skip
    file = tmp_path / "kept" / "stack.tar.gz"
    said = script(small, "backup", file)
    assert said.startswith("stopping the stack\n")
    assert said.endswith("starting the stack again\n")
    assert 0o600 == file.stat().st_mode & 0o777
    eventually(lambda: small.health("alertmanager") == "healthy", 60, every=0.5)

    assert "the stack runs: stop it first" in script(small, "restore", file, code=1)
    small.compose("down", "--volumes", "--timeout", "5")
    assert "restored: " in script(small, "restore", file)
    small.up(*SERVICES)
    assert ["kept"] == comments(small)


def test_a_damaged_file_is_refused_and_costs_nothing(small: Stack, tmp_path: Path) -> None:
    script(small, "backup", tmp_path / "whole.tar.gz")
    small.compose("down", "--timeout", "5")
    whole = (tmp_path / "whole.tar.gz").read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    script(small, "restore", tmp_path / "half.tar.gz", code=1)
    (tmp_path / "text.tar.gz").write_text("no archive")
    assert "was not written by compose/backup" in script(small, "restore", tmp_path / "text.tar.gz", code=1)
    assert "no such file" in script(small, "restore", tmp_path / "none.tar.gz", code=1)
    small.up(*SERVICES)
    assert ["kept"] == comments(small)


def test_a_project_without_volumes_is_told(small: Stack, tmp_path: Path) -> None:
    other = Stack(small.environment, small.catalog, "seawall-nothing")
    assert "there is no volume of the project seawall-nothing" in script(other, "backup", tmp_path / "x.tar.gz", code=1)
