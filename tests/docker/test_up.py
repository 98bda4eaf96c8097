"""`seawall up`, `status`, `logs` and `down` where a Docker engine answers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_engine import COMPOSE, ROOT
from servers import free_port, get

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

# No registry here has Grafana: this answers on its port, so that `up` has every container to wait for.
FAKE_GRAFANA = """FROM seawall-stand-in:bookworm
RUN mkdir -p /www/api && echo '{"database": "ok"}' > /www/api/health
LABEL seawall.stand-in=true
ENTRYPOINT ["busybox", "httpd", "-f", "-p", "3000", "-h", "/www"]
"""


class Commands:
    """The `seawall` command, with an engine, a state folder and ports of its own."""

    def __init__(self, client: dict[str, str], image: str, folder: Path) -> None:
        self.state = folder / "state"
        self.portal, self.prometheus = free_port(), free_port()
        # Compose comes from a wheel, beside this Python; a system has it as a plugin or a command of that name.
        path = f"{COMPOSE.parent}:{client['PATH']}"
        more = {
            "PATH": path,
            "SEAWALL_IMAGE": image,
            "SEAWALL_STATE": str(self.state),
            "COMPOSE_PROJECT_NAME": f"seawall-up-{os.getpid()}",
        }
        ports = {f"{name}_PORT": str(free_port()) for name in ("GRAFANA", "OTLP_GRPC", "OTLP_HTTP", "ALERTMANAGER")}
        self.environment = {**client, **more, **ports}

    def __call__(self, *words: str, code: int = 0) -> str:
        """Return what `seawall` with *words* prints, both outputs; it must end with *code*."""
        command = [sys.executable, "-m", "seawall.cli", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=400, check=False
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def seawall(client: dict[str, str], image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Return the command; whatever it started is gone at the end."""
    tag = next(
        line.partition("=")[2]
        for line in (ROOT / "compose" / "versions.env").read_text().splitlines()
        if line.startswith("GRAFANA_IMAGE=")
    )
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", tag, "-"],
        input=FAKE_GRAFANA,
        text=True,
        env=client,
        check=True,
        capture_output=True,
    )
    commands = Commands(client, image, tmp_path_factory.mktemp("up"))
    yield commands
    commands("down")
    subprocess.run(
        [COMPOSE, "--profile", "*", "down", "--volumes"],
        cwd=ROOT,
        env=commands.environment,
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def up(seawall: Commands, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what `up` prints on a catalog that is one file, in a folder with others."""
    folder = tmp_path_factory.mktemp("catalog")
    folder.chmod(0o755)
    (folder / "mine.yaml").write_text((ROOT / "compose" / "catalog" / "catalog.yaml").read_text())
    (folder / "other.yaml").write_text("not: a catalog\n")
    return seawall(
        "up",
        str(folder / "mine.yaml"),
        "--port",
        f"portal={seawall.portal}",
        "--port",
        f"prometheus={seawall.prometheus}",
    )


def test_up_starts_containers_and_says_where_they_answer(seawall: Commands, up: str) -> None:
    assert f"  portal         http://localhost:{seawall.portal}\n" in up
    assert "docker-host" in get(f"http://127.0.0.1:{seawall.portal}/")
    assert get(f"http://127.0.0.1:{seawall.prometheus}/-/ready")


def test_status_shows_every_container(seawall: Commands, up: str) -> None:
    told = json.loads(seawall("status", "--json"))
    assert (True, True) == (told["running"], told["healthy"])
    assert {"render", "watch", "prometheus", "alertmanager", "grafana", "exporter", "portal"} <= {
        each["name"] for each in told["containers"]
    }
    assert "prometheus         healthy" in seawall("status")
    assert "render             done" in seawall("status")


def test_logs_are_of_one_container_and_another_name_is_told(seawall: Commands, up: str) -> None:
    assert "The portal is at" in seawall("logs", "portal")
    assert "there is no container portall; there are: alertmanager" in seawall("logs", "portall", code=1)


def test_a_second_up_changes_nothing(seawall: Commands, up: str) -> None:
    before = seawall("status", "--json")
    seawall("up", str(ROOT / "compose" / "catalog"), "--docker", "--processes", "x.yaml", code=1)
    assert before == seawall("status", "--json")


def test_down_leaves_no_container(seawall: Commands, up: str) -> None:
    assert "The stack is down; its volumes stay." in seawall("down")
    assert "No stack is running" in seawall("down")
    seawall("status", code=3)
