"""What is said where the stack cannot start: one sentence, with what to do."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_engine import ROOT, Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FULL = "volumes:\n  build: {driver_opts: {type: tmpfs, device: tmpfs, o: 'size=40k,mode=0777'}}\n"


@pytest.fixture
def fresh(client: dict[str, str], image: str) -> Iterator[Stack]:
    """Return a stack that was never started; nothing of it is left."""
    stack = Stack({**client, "SEAWALL_IMAGE": image}, ROOT / "compose" / "catalog", f"seawall-bad-{os.getpid()}")
    yield stack
    stack.compose("down", "--volumes", "--timeout", "5", check=False)


def said(stack: Stack, *files: Path) -> str:
    """Return what Compose, and then the log of the rendering, say of a start that fails."""
    layered = [word for file in files for word in ("--file", str(file))]
    done = stack.compose(*layered, "up", "--no-build", "--detach", "--wait", "alertmanager", check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr + stack.compose(*layered, "logs", "render", check=False).stdout


def test_a_folder_that_is_not_there_is_named(fresh: Stack) -> None:
    other = Stack(fresh.environment, fresh.catalog / "nowhere", fresh.name)
    assert f"bind source path does not exist: {fresh.catalog}/nowhere" in said(other)


def test_a_broken_catalog_with_nothing_before_it_is_told_with_its_place(fresh: Stack, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "mine.yaml").write_text("seawall: 1\nservices: {checkout: {kind: http, team: shop}}\n")
    told = said(Stack(fresh.environment, tmp_path, fresh.name))
    assert '/catalog/mine.yaml:2:41: service "checkout": team "shop" does not exist' in told
    assert "nothing serves yet" in told


def test_a_full_disk_is_told(fresh: Stack, tmp_path: Path) -> None:
    (tmp_path / "full.yaml").write_text(FULL)
    assert "/build: cannot be written: No space left on device" in said(fresh, tmp_path / "full.yaml")


def test_a_volume_of_another_user_is_told(fresh: Stack) -> None:
    """As one is that an older stack, or a restore by hand, has left."""
    volume = f"{fresh.name}_build"
    labels = ("--label", f"com.docker.compose.project={fresh.name}", "--label", "com.docker.compose.volume=build")
    fresh.docker("volume", "create", *labels, volume)
    alone = ("run", "--rm", "--user", "0", "--volume", f"{volume}:/build", "--entrypoint", "sh")
    fresh.docker(*alone, fresh.environment["SEAWALL_IMAGE"], "-c", "mkdir /build/lost+found && chown -R 0:0 /build")
    told = said(fresh)
    assert "/build: " in told
    assert "Permission denied" in told or "did not write" in told
