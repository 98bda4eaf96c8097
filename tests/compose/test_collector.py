"""The Collector's configuration: the base, and the part of each backend whose profile runs."""

import os
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from .files import COMPOSE, ROOT, read, services

PARTS = ("tempo", "loki", "opensearch")
SUBSETS = [each for size in range(len(PARTS) + 1) for each in combinations(PARTS, size)]
OTELCOL = Path(os.environ.get("OTELCOL", ROOT / ".cache/otelcol/otelcol"))


def wire(folder: Path, *backend: str) -> None:
    """Run what compose runs."""
    subprocess.run(
        ["sh", str(COMPOSE / "collector/wire"), str(COMPOSE / "collector"), str(folder), *backend], check=True
    )


def merged(*contents: Any) -> Any:
    """Return what the Collector makes of several files: mappings are merged, all else is replaced."""
    whole: Any = {}
    for content in contents:
        if not (isinstance(whole, dict) and isinstance(content, dict)):
            return content
        whole = {
            **whole,
            **{key: merged(whole[key], value) if key in whole else value for key, value in content.items()},
        }
    return whole


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_the_collector_is_wired_to_the_backends_that_run_alone(tmp_path: Path, subset: tuple[str, ...]) -> None:
    """Every part is a file, so that the command is always the same; the parts of the others are empty."""
    wire(tmp_path)
    for part in subset:
        wire(tmp_path, part)
    files = {path.stem: yaml.safe_load(path.read_text()) for path in tmp_path.iterdir()}

    assert {"base", *PARTS} == set(files)
    assert set(subset) == {part for part in PARTS if files[part]}


def test_a_backend_that_no_longer_runs_is_taken_out(tmp_path: Path) -> None:
    """The next start without its profile begins from the base."""
    wire(tmp_path)
    wire(tmp_path, "tempo")
    wire(tmp_path)

    assert {} == yaml.safe_load((tmp_path / "tempo.yaml").read_text())


@pytest.mark.parametrize("part", PARTS)
def test_a_part_adds_a_pipeline_of_its_own(part: str) -> None:
    """None touches what another one says, as lists of two files are not joined."""
    base, added = read("collector/base.yaml"), read(f"collector/{part}.yaml")
    others = [read(f"collector/{each}.yaml") for each in PARTS if each != part]
    (name, pipeline), *more = added["service"]["pipelines"].items()

    assert [] == more
    assert name.endswith(f"/{part}")
    assert all(name not in each["service"]["pipelines"] for each in (base, *others))
    assert list(added["exporters"]) == pipeline["exporters"]
    assert ["memory_limiter", "batch"] == pipeline["processors"]


def test_every_signal_is_taken_with_no_backend_at_all() -> None:
    """An application that pushes all three is not told that two of them are not served."""
    pipelines = read("collector/base.yaml")["service"]["pipelines"]

    assert {"metrics", "traces", "logs"} == set(pipelines)
    assert all(["otlp"] == each["receivers"] for each in pipelines.values())
    assert [["nop"], ["nop"]] == [pipelines[each]["exporters"] for each in ("traces", "logs")]


def test_samples_are_written_in_order() -> None:
    """By one consumer, into the Prometheus of the stack, with the attributes of the resource in target_info."""
    exporter = read("collector/base.yaml")["exporters"]["prometheusremotewrite"]

    assert "http://prometheus:9090/api/v1/write" == exporter["endpoint"]
    assert 1 == exporter["remote_write_queue"]["num_consumers"]
    assert exporter["target_info"]["enabled"]
    assert "resource_to_telemetry_conversion" not in exporter


@pytest.mark.parametrize("part", PARTS)
def test_a_part_sends_to_the_service_of_its_name(part: str) -> None:
    """Each exporter names a host of compose/backends.yaml, and Compose copies the part with that host's profile."""
    wiring = services()[f"wiring-{part}"]

    assert services()[part]["profiles"] == wiring["profiles"]
    assert [part] == wiring["entrypoint"][4:]
    assert f"{part}:" in str(read(f"collector/{part}.yaml")["exporters"])


# What tools/build-otelcol leaves out of the small Collector, and of the whole one.
LACKING = {"prometheusremotewrite", "transform", "opensearch"}


def without(config: dict[str, Any], lacking: set[str]) -> dict[str, Any]:
    """Return *config* without the components of the types *lacking*, and without pipelines that export nothing."""
    for group in ("processors", "exporters"):
        config[group] = {
            name: each for name, each in config.get(group, {}).items() if name.split("/")[0] not in lacking
        }
    pipelines = config.get("service", {}).get("pipelines", {})
    for name, pipeline in list(pipelines.items()):
        for group in ("processors", "exporters"):
            pipeline[group] = [each for each in pipeline.get(group, []) if each.split("/")[0] not in lacking]
        if not pipeline["exporters"]:
            del pipelines[name]
    return config


@pytest.fixture(scope="module")
def lacking() -> set[str]:
    """What the Collector here does not have of what the stack's has."""
    if not OTELCOL.exists():
        pytest.skip("no Collector here: tools/build-otelcol builds one")
    done = subprocess.run([OTELCOL, "components"], capture_output=True, text=True, check=True)
    groups = [each for each in yaml.safe_load(done.stdout).values() if isinstance(each, list)]
    names = {each["name"] for group in groups for each in group if "name" in each}
    has = {"prometheusremotewrite" if name == "prometheus_remote_write" else name for name in names}  # its newer name
    if "nop" not in has:
        pytest.skip("this Collector is an old one: remove the folder that .cache/otelcol links to and build it again")
    return LACKING - has


@pytest.mark.e2e
@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_a_real_collector_accepts_what_it_is_given(tmp_path: Path, subset: tuple[str, ...], lacking: set[str]) -> None:
    """For every choice of profiles; what it has no code for is left out, and nothing else."""
    wire(tmp_path)
    for part in subset:
        wire(tmp_path, part)
    for file in tmp_path.iterdir():
        file.write_text(yaml.safe_dump(without(yaml.safe_load(file.read_text()), lacking)))
    files = [f"--config={tmp_path}/{part}.yaml" for part in ("base", *PARTS)]
    done = subprocess.run([OTELCOL, "validate", *files], capture_output=True, text=True)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.e2e
def test_a_real_collector_refuses_what_is_wrong(tmp_path: Path, lacking: set[str]) -> None:
    """So that its silence means something."""
    wire(tmp_path)
    wire(tmp_path, "tempo")
    (tmp_path / "tempo.yaml").write_text((tmp_path / "tempo.yaml").read_text().replace("endpoint:", "endpiont:"))
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(without(read("collector/base.yaml"), lacking)))
    files = [f"--config={tmp_path}/{part}.yaml" for part in ("base", "tempo")]
    done = subprocess.run([OTELCOL, "validate", *files], capture_output=True, text=True)

    assert 1 == done.returncode
    assert "endpiont" in done.stderr
