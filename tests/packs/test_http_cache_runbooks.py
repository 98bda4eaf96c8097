"""Every command of the caches' runbooks runs on a real Varnish, and NGINX takes every directive."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from caches import Cache, Origin, nginx, varnish

RUNBOOKS: Final = (Path(__file__).parents[2] / "runbooks/http-cache.md.j2").read_text()
COMMANDS: Final = sorted(set(re.findall(r"`(varnish(?:adm|stat|log) [^`]+)`", RUNBOOKS)))
DIRECTIVES: Final = sorted(set(re.findall(r"`(proxy_\w+ [^`]+)`", RUNBOOKS)))
WELL: Final = ("Child has not panicked", "No panic to clear")  # what Varnish says of a panic that never was

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    """Return what both stand in front of."""
    with Origin().running() as running:
        yield running


@pytest.fixture(scope="module")
def front(origin: Origin) -> Iterator[Cache]:
    """Return a Varnish that keeps its objects in memory."""
    with varnish(origin, "-s", "malloc,4m") as running:
        yield running


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_a_runbook_runs(front: Cache, command: str) -> None:
    """On the test's own instance, with the word in capitals replaced."""
    program, *words = shlex.split(command.replace("BACKEND", "boot.origin"))
    done = subprocess.run(
        [program, "-n", str(front.folder), *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0 or done.stdout.startswith(WELL), done.stderr


def test_nginx_takes_every_directive(origin: Origin) -> None:
    """Where they belong: beside ``proxy_pass``."""
    assert len(DIRECTIVES) > 3
    with nginx(origin) as edge:
        written = edge.folder / "nginx.conf"
        usual = written.read_text().replace("proxy_cache_use_stale off;", "")
        for directive in DIRECTIVES:
            written.write_text(usual.replace("proxy_pass", f"{directive}; proxy_pass"))
            command = ["nginx", "-t", "-p", str(edge.folder), "-e", f"{edge.folder}/error.log", "-c", str(written)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, done.stderr
