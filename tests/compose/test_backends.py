"""Tempo, Loki, Pyroscope and OpenSearch: what their configuration says, and that Compose runs them with it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from .files import COMPOSE, read, services
from .known_keys import LOKI, LOKI_DROPPED, PYROSCOPE, PYROSCOPE_DROPPED, TEMPO, TEMPO_DROPPED

BACKENDS = {
    "tempo": (TEMPO, TEMPO_DROPPED),
    "loki": (LOKI, LOKI_DROPPED),
    "pyroscope": (PYROSCOPE, PYROSCOPE_DROPPED),
}
PROFILES = {"tempo": "traces", "loki": "logs", "pyroscope": "profiles", "opensearch": "elk"}
RETENTION = {"tempo": "TRACES_RETENTION", "loki": "LOGS_RETENTION", "pyroscope": "PROFILES_RETENTION"}


def unknown(content: Any, known: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths in *content* that *known* lacks."""
    if isinstance(content, list):
        for item in content:
            yield from unknown(item, known, path)
    elif isinstance(content, dict):
        for key, value in content.items():
            if key not in known:
                yield f"{path}{key}"
            elif known[key]:
                yield from unknown(value, known[key], f"{path}{key}.")


def texts(content: Any) -> Iterator[str]:
    """Yield every text and number in *content*, as text."""
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        for item in content:
            yield from texts(item)
    else:
        yield str(content)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_is_told_nothing_that_its_version_does_not_know(name: str) -> None:
    """Each key is in the reference of the version that the stack pins."""
    known, dropped = BACKENDS[name]

    assert [] == list(unknown(read(f"{name}/{name}.yaml"), known))
    assert set() == dropped & set(known)


def test_a_key_that_is_not_known_is_found_wherever_it_stands() -> None:
    """In a mapping, and in a mapping of a list."""
    loki = read("loki/loki.yaml")
    loki["schema_config"]["configs"][0]["shared_store"] = "filesystem"

    assert ["schema_config.configs.shared_store"] == list(unknown(loki, LOKI))
    assert ["ingester"] == list(unknown({"ingester": {"trace_idle_period": "10s"}}, TEMPO))


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_reports_to_nobody(name: str) -> None:
    """Usage reports are off."""
    reports = read(f"{name}/{name}.yaml")["usage_report" if name == "tempo" else "analytics"]

    assert {"reporting_enabled": False} == reports


@pytest.mark.parametrize("name", RETENTION)
def test_what_is_kept_is_bounded_and_the_environment_says_for_how_long(name: str) -> None:
    """The file names the variable, Compose hands it over and the backend is told to fill it in; both default to a week."""
    variable, service = RETENTION[name], services()[name]

    assert f"${{{variable}:-168h}}" in list(texts(read(f"{name}/{name}.yaml")))
    assert {variable: f"${{{variable}:-168h}}"} == service["environment"]
    assert "-config.expand-env=true" in service["command"]


def test_loki_deletes_what_is_too_old() -> None:
    """Its retention does nothing without the compactor's."""
    compactor = read("loki/loki.yaml")["compactor"]

    assert (True, "filesystem") == (compactor["retention_enabled"], compactor["delete_request_store"])


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_writes_into_its_volume_alone(name: str) -> None:
    """Its root is read-only: every absolute path of its configuration is below the volume."""
    volume = next(target for source, target in mounts(name) if source == name)
    paths = [text for text in texts(read(f"{name}/{name}.yaml")) if text.startswith("/")]

    assert paths
    assert [] == [path for path in paths if not path.startswith(volume)]


def mounts(name: str) -> list[tuple[str, str]]:
    """Return the source and the target of every mount of a service."""
    return [(each.split(":")[0], each.split(":")[1]) for each in services()[name]["volumes"]]


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_reads_the_folder_of_its_name(name: str) -> None:
    """As a folder, read-only: a file that is replaced by another would be seen never again."""
    folder = next(target for source, target in mounts(name) if source == f"./compose/{name}")

    assert f"./compose/{name}:{folder}:ro" in services()[name]["volumes"]
    assert f"-config.file={folder}/{name}.yaml" in services()[name]["command"]


@pytest.mark.parametrize("name", PROFILES)
def test_a_backend_runs_with_its_profile_alone_and_is_asked_whether_it_is_well(name: str) -> None:
    """Without a root user, with a limit of memory, in an image of compose/versions.env."""
    service = services()[name]

    assert [PROFILES[name]] == service["profiles"]
    assert "CMD" == service["healthcheck"]["test"][0]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert re.fullmatch(rf"\$\{{{name.upper()}_MEMORY:-\dg\}}", service["mem_limit"])
    assert f"${{{name.upper()}_IMAGE}}" == service["image"]
    assert {"file": "compose/base.yaml", "service": "hardened"} == service["extends"]


def test_opensearch_alone_may_write_outside_of_its_volume() -> None:
    """It writes its key store beside its configuration."""
    assert {"opensearch"} == {name for name, each in services().items() if each.get("read_only") is False}


def test_nothing_listens_beyond_loopback() -> None:
    """What is published is so on 127.0.0.1."""
    published = [port for each in services().values() for port in each.get("ports", [])]

    assert published
    assert [] == [port for port in published if not port.startswith("127.0.0.1:")]


def test_every_volume_that_is_mounted_is_declared_and_no_other() -> None:
    """A backend's state is in a named volume."""
    content = yaml.safe_load((COMPOSE / "backends.yaml").read_text())
    named = {source for name in services() for source, _ in mounts(name) if not source.startswith(".")}

    assert set(content["volumes"]) == named
