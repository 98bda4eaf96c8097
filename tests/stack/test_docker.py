"""Which engine and which Compose will do, and what is said where one will not: scripts answer as they do."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from seawall.stack import Layout
from seawall.stack.docker import DockerError, Engine, Project, find_engine, is_well
from seawall.stack.docker_commands import choose

GOOD: Final = {"ServerVersion": "28.2.2", "MemoryLimit": True}
Programs = Callable[..., dict[str, str]]


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """Make `docker` and `docker-compose`, which answer what is told, and return an environment that has them alone."""

    def make(info: dict[str, Any] | str = "", plugin: str = "", command: str = "") -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        said = {"info": json.dumps(info) if info else "", "compose": plugin}
        (folder / "said.info").write_text(said["info"])
        (folder / "docker").write_text(
            f'#!/bin/sh\n[ "$1" = info ] && exec /bin/cat {folder}/said.info\n[ -n "{plugin}" ] && echo "{plugin}"\n'
        )
        (folder / "docker").chmod(0o755)
        if command:
            (folder / "docker-compose").write_text(f'#!/bin/sh\necho "{command}"\n')
            (folder / "docker-compose").chmod(0o755)
        return {"PATH": str(folder)}

    return make


def reason(environ: dict[str, str]) -> str:
    """Return why no engine of *environ* will do."""
    with pytest.raises(DockerError) as refused:
        find_engine(environ)
    return str(refused.value)


def test_the_plugin_is_taken_before_the_command(programs: Programs) -> None:
    assert Engine(("docker", "compose")) == find_engine(programs(GOOD, plugin="2.32.1", command="5.6.1"))


@pytest.mark.parametrize("version", ["2.24.0", "v2.24.7", "5.6.1", "2.39.4-desktop.1"])
def test_the_command_will_do_where_there_is_no_plugin(programs: Programs, version: str) -> None:
    assert Engine(("docker-compose",)) == find_engine(programs(GOOD, command=version))


def test_without_docker_it_is_said_how_to_go_on(tmp_path: Path) -> None:
    assert "docker is not on PATH; install Docker Engine and its Compose plugin, or use --no-docker" == reason(
        {"PATH": str(tmp_path)}
    )


def test_an_engine_that_does_not_answer_says_why(programs: Programs) -> None:
    silent = {"ServerErrors": ["Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?"]}
    assert reason(programs(silent)).startswith(
        "no Docker engine answers: Cannot connect to the Docker daemon at unix:///var/run"
    )
    assert reason(programs("")).startswith("no Docker engine answers: it says nothing; start it")


@pytest.mark.parametrize("version", ["19.03.15", "18.9", "1.13.1"])
def test_an_old_engine_is_told_its_version(programs: Programs, version: str) -> None:
    assert reason(programs({**GOOD, "ServerVersion": version}, plugin="2.32.1")).startswith(
        f"Docker Engine {version} is too old; 20.10"
    )


@pytest.mark.parametrize("version", ["1.29.2", "2.23.3"])
def test_an_old_compose_is_told_its_version(programs: Programs, version: str) -> None:
    assert reason(programs(GOOD, command=version)).startswith(
        f"Compose {version} is too old; install Compose 2.24 or newer"
    )


def test_a_missing_compose_is_told(programs: Programs) -> None:
    assert reason(programs(GOOD)).startswith(
        "Compose is missing; install Compose 2.24 or newer (docker-compose-plugin)"
    )


def test_a_kernel_without_memory_limits_is_a_warning(programs: Programs) -> None:
    found = find_engine(programs({**GOOD, "MemoryLimit": False}, plugin="2.32.1"))
    assert (
        "this kernel holds no container to its memory limit: boot with cgroup_enable=memory swapaccount=1",
    ) == found.warnings


def test_a_catalog_is_a_folder_or_a_file_of_one(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").touch()
    engine = Engine(("docker", "compose"))
    folder, file = (Project.of(engine, path, {}, {}).chosen for path in (tmp_path, tmp_path / "mine.yaml"))
    assert (str(tmp_path), "") == (folder["SEAWALL_CATALOG"], folder["SEAWALL_CATALOG_FILE"])
    assert (str(tmp_path), "mine.yaml") == (file["SEAWALL_CATALOG"], file["SEAWALL_CATALOG_FILE"])
    with pytest.raises(DockerError, match="there is no such file or folder; name the catalog"):
        Project.of(engine, tmp_path / "none", {}, {})


def test_what_a_project_was_started_with_is_asked_again(layout: Layout, tmp_path: Path) -> None:
    """Another shell has neither the ports nor the profiles."""
    environ = {"COMPOSE_PROFILES": "demo", "COMPOSE_PROJECT_NAME": "mine", "HOME": "/root"}
    project = Project.of(Engine(("docker-compose",)), tmp_path, {"portal": 18800}, environ)
    project.note(layout)
    assert project == Project.started(layout)
    assert {"COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "PORTAL_PORT", "SEAWALL_CATALOG", "SEAWALL_CATALOG_FILE"} == {
        *project.chosen
    }


FOREIGN: Final = (
    '{"compose": ["sh", "-c", "touch /tmp/x"], "chosen": {}}',
    '{"compose": ["docker", "compose"], "chosen": {"PATH": "/tmp"}}',
    '{"compose": ["docker", "compose"], "chosen": {"PORTAL_PORT": 1}}',
    '{"compose": ["docker", "compose"], "chosen": {"DOCKER_HOST": "tcp://example.org"}}',
)
"""Notes as no `up` writes them: whoever hands over a folder must not choose what runs."""


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"compose": 1, "chosen": {}}', *FOREIGN])
def test_a_note_that_cannot_be_read_is_told(layout: Layout, text: str) -> None:
    layout.docker.write_text(text)
    with pytest.raises(DockerError, match=r"docker\.json cannot be read; remove it"):
        Project.started(layout)


def test_without_a_note_the_stack_is_no_containers(layout: Layout, tmp_path: Path) -> None:
    """Nor where there can be none: what makes the folder says what is wrong with it."""
    (tmp_path / "file").touch()
    assert Project.started(layout) is None
    assert Project.started(Layout.at(tmp_path / "file" / "below")) is None


@pytest.mark.parametrize(
    ("state", "health", "code", "well"),
    [
        ("running", "healthy", 0, True),
        ("running", "", 0, True),
        ("running", "starting", 0, False),
        ("running", "unhealthy", 0, False),
        ("exited", "", 0, True),
        ("exited", "", 1, False),
        ("restarting", "", 1, False),
    ],
)
def test_a_container_is_well_when_it_serves_or_has_done_its_work(
    state: str, health: str, code: int, well: bool
) -> None:
    assert well is is_well({"State": state, "Health": health, "ExitCode": code})


def test_what_only_processes_can_do_decides_and_contradicts(
    layout: Layout, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", programs(GOOD, plugin="2.32.1"))
    told: list[str] = []
    assert Engine(("docker", "compose")) == choose(None, [], layout, told.append)
    assert choose(None, ["--templates"], layout, told.append) is None
    assert choose(False, [], layout, told.append) is None
    with pytest.raises(DockerError, match="--templates is of local processes alone"):
        choose(True, ["--templates"], layout, told.append)
    assert [] == told


def test_a_stack_of_containers_is_not_started_as_processes_beside_them(layout: Layout, tmp_path: Path) -> None:
    """One state folder has one stack: `down`, `status` and `logs` would ask the other."""
    Project.of(Engine(("docker", "compose")), tmp_path, {}, {}).note(layout)
    with pytest.raises(DockerError, match=r"is containers; take it down first, with: seawall down"):
        choose(False, [], layout, lambda _: None)


def test_where_docker_is_not_installed_nobody_is_told_of_it(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"PATH": str(tmp_path)})
    told: list[str] = []
    assert choose(None, [], layout, told.append) is None
    assert [] == told


def test_without_an_engine_processes_are_started_and_it_is_said_why(
    layout: Layout, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", programs(GOOD, command="1.29.2"))
    told: list[str] = []
    assert choose(None, [], layout, told.append) is None
    assert [
        "starting local processes: Compose 1.29.2 is too old; install Compose 2.24 or newer (docker-compose-plugin), or use --no-docker"
    ] == told
    with pytest.raises(DockerError, match=r"Compose 1\.29\.2 is too old"):
        choose(True, [], layout, told.append)
