"""What compose.yaml asks an engine for, as Compose itself reads it: every service of every profile. No engine is needed."""

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from docker_engine import ROOT, model

VERSIONS: Final = dict(
    line.split("=", 1)
    for line in (ROOT / "compose" / "versions.env").read_text().splitlines()
    if line and not line.startswith("#")
)
FILES: Final = sorted((ROOT / "compose").glob("*.yaml"))
OPEN: Final = {"edge"}  # the one that is meant to be reached from outside
WRITES_ITS_ROOT: Final = {"opensearch"}  # it keeps a key store beside its configuration


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Return every service of every profile, as Compose understands it."""
    found: dict[str, Any] = model("--profile", "*")["services"]
    return found


def test_every_service_is_hardened(services: dict[str, Any]) -> None:
    lacking = {
        name: lacks
        for name, service in services.items()
        if (
            lacks := [
                *(["read_only"] if not service.get("read_only") and name not in WRITES_ITS_ROOT else []),
                *(["cap_drop"] if service.get("cap_drop") != ["ALL"] else []),
                *(["cap_add"] if service.get("cap_add") else []),
                *(["no-new-privileges"] if service.get("security_opt") != ["no-new-privileges:true"] else []),
                *(["mem_limit"] if not int(service.get("mem_limit", 0)) else []),
                *(["pids_limit"] if not service.get("pids_limit") else []),
                *(["privileged"] if service.get("privileged") else []),
                *(["max-size"] if not service.get("logging", {}).get("options", {}).get("max-size") else []),
            ]
        )
    }
    assert {} == lacking


def test_no_service_runs_as_root(services: dict[str, Any]) -> None:
    """Seawall's image names its own user; every other service says which."""
    others = {name: service for name, service in services.items() if "build" not in service}
    assert [] == [
        name for name, service in others.items() if str(service.get("user", "0")).split(":")[0] in ("0", "root")
    ]


def test_ports_are_on_loopback(services: dict[str, Any]) -> None:
    published = {name: {port.get("host_ip") for port in service.get("ports", ())} for name, service in services.items()}
    assert {"127.0.0.1"} == set().union(*(hosts for name, hosts in published.items() if name not in OPEN))


def test_what_runs_on_is_looked_at_and_what_ends_is_not_started_again(services: dict[str, Any]) -> None:
    """The collector's image holds nothing to look with, and what shortens a log serves nobody."""
    unseen = {
        name for name, service in services.items() if service.get("restart") != "no" and "healthcheck" not in service
    }
    assert {"collector", "shop-front-log"} == unseen


def test_folders_are_bound_and_never_files(services: dict[str, Any]) -> None:
    """An editor replaces a file, and a container would go on seeing the old one."""
    bound = [
        Path(volume["source"])
        for service in services.values()
        for volume in service.get("volumes", ())
        if volume["type"] == "bind"
    ]
    assert [] == [str(path) for path in bound if not path.is_dir()]


def test_images_are_those_of_the_versions_file() -> None:
    text = "".join(file.read_text() for file in FILES)
    assert all(image.startswith("${") for image in re.findall(r"image: (\S+)", text))
    assert set(VERSIONS) == set(re.findall(r"\$\{(\w+_IMAGE)\}", text))


@pytest.mark.parametrize(("name", "image"), VERSIONS.items())
def test_an_image_has_a_tag_of_a_version(name: str, image: str) -> None:
    assert name.endswith("_IMAGE")
    assert re.fullmatch(r"[a-z0-9./-]+:v?\d+(\.\d+)*[a-z0-9.-]*(@sha256:[0-9a-f]{64})?", image)


def test_no_other_file_names_a_tag() -> None:
    """So that one line changes a version."""
    tags = [image.partition("@")[0] for image in VERSIONS.values()]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    texts = {
        name: (ROOT / name).read_bytes()
        for name in tracked
        if (ROOT / name).is_file() and name != "compose/versions.env"
    }
    assert [] == [(name, tag) for name, text in texts.items() for tag in tags if tag.encode() in text]
