"""One engine and one stack for all tests of compose.yaml; they are in one file each, and run in its order."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker_engine
import pytest
from docker_engine import ROOT, Stack


@pytest.fixture(scope="session")
def client() -> Iterator[dict[str, str]]:
    """Return the environment of the clients of an engine that has every image of the stack that can be had here."""
    if why := docker_engine.missing():
        pytest.skip(f"no Docker engine: {why}")
    folder = Path(tempfile.mkdtemp(prefix="seawall-docker-"))  # a socket's path must be short
    try:
        with docker_engine.engine(folder) as environment:
            subprocess.run([ROOT / "tools" / "stand-in-images"], env=environment, check=True, timeout=600)
            yield environment
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def image(client: dict[str, str]) -> str:
    """Build Seawall's image as Compose does, and return its tag."""
    tag = "seawall:tested"
    stack = Stack(client, ROOT / "compose" / "catalog", "seawall-build")
    stack.compose("build", "watch", seconds=600, SEAWALL_IMAGE=tag)
    return tag


@pytest.fixture(scope="module")
def stack(client: dict[str, str], image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return the running stack, on a copy of the catalog that ships."""
    catalog = tmp_path_factory.mktemp("catalog")
    shutil.copy(ROOT / "compose" / "catalog" / "catalog.yaml", catalog)
    catalog.chmod(0o755)  # the containers' user reads it
    found = Stack({**client, "SEAWALL_IMAGE": image}, catalog, f"seawall-{os.getpid()}")
    try:
        found.up()
        yield found
    finally:
        found.compose("--profile", "*", "down", "--volumes", "--timeout", "5", check=False)
