"""Prometheus' and Alertmanager's tools in two versions."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("seawall", deadline=None)  # a busy machine is no failure
settings.load_profile("seawall")
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tools() -> Mapping[str, Callable[[str], str]]:
    """Return, for the installed and the newer version, a function that says where a tool is."""

    def find(version: str) -> Callable[[str], str]:
        newer = os.environ.get("SEAWALL_NEWER_TOOLS", str(REPOSITORY / ".cache/newer/root/usr/bin"))

        def path(name: str) -> str:
            found = shutil.which(name, path=newer if version == "newer" else None)
            if found is None:
                pytest.fail(f"{name} ({version}) is missing: `make test` fetches it")
            return found

        return path

    return {version: find(version) for version in ("installed", "newer")}
