"""What compose.yaml says of the profile demo, as the real Compose reads it; tests/examples runs what it is configured with."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker_engine import model

from seawall.catalog import load
from seawall.stack import faults

ROOT = Path(__file__).parents[2]
SHOP = {"storefront", "checkout", "mailer", "load"}
STORES = {"shop-db", "shop-cache", "shop-broker", "shop-front"}
ONCE = {"shop-setup"}


@pytest.fixture(scope="module")
def demo() -> dict[str, Any]:
    """The model that ``--env-file compose/demo.env`` starts."""
    return model("--env-file", "compose/demo.env")


@pytest.fixture(scope="module")
def services(demo: dict[str, Any]) -> dict[str, Any]:
    """The services of the demo alone."""
    return {name: each for name, each in demo["services"].items() if each.get("profiles") == ["demo"]}


def test_one_file_of_variables_is_the_whole_demo(demo: dict[str, Any], services: dict[str, Any]) -> None:
    """It turns the profile on and names the catalog; without it there is no shop."""
    assert SHOP | STORES | ONCE | {"shop-front-log"} == services.keys()
    sources = {mount["source"] for mount in demo["services"]["render"]["volumes"] if mount["target"] == "/catalog"}
    assert {str(ROOT / "examples/shop-on-docker")} == sources
    assert not services.keys() & model()["services"].keys()


def test_nothing_but_nginx_is_published_and_that_on_loopback(services: dict[str, Any]) -> None:
    """Stores and applications are reached within the network alone."""
    ports = {name: each["ports"] for name, each in services.items() if each.get("ports")}

    assert {"shop-front"} == ports.keys()
    assert [("127.0.0.1", "8000", 8080)] == [(each["host_ip"], each["published"], each["target"]) for each in ports["shop-front"]]  # fmt: skip


def test_every_container_is_hardened(services: dict[str, Any]) -> None:
    """A read-only root, no capability, limits, no root but of the one-shot, which has no network."""
    for name, each in services.items():
        assert each["read_only"] is True, name
        assert ["ALL"] == each["cap_drop"], name
        assert "cap_add" not in each, name
        assert ["no-new-privileges:true"] == each["security_opt"], name
        assert 0 < int(each["mem_limit"]) <= 512 * 2**20, name
        assert each["pids_limit"], name
        assert "privileged" not in each, name
    assert all(services[name]["init"] for name in SHOP), (
        "one that handles no signal would be killed at the end of its time"
    )
    roots = {name for name, each in services.items() if str(each.get("user", "")).startswith("0")}
    assert roots == ONCE
    assert {"none"} == {services[name]["network_mode"] for name in ONCE}


def test_everything_that_stays_is_asked_whether_it_is_well(services: dict[str, Any]) -> None:
    """But for the one that empties a log; and nobody starts before what it cannot do without."""
    unasked = {name for name, each in services.items() if "healthcheck" not in each}
    assert ONCE | {"shop-front-log"} == unasked
    conditions = {
        name: {on: how["condition"] for on, how in each.get("depends_on", {}).items()}
        for name, each in services.items()
    }
    assert "service_healthy" == conditions["checkout"]["shop-db"] == conditions["checkout"]["shop-broker"]
    assert "service_healthy" == conditions["storefront"]["checkout"] == conditions["shop-front"]["storefront"]
    for name in (STORES | SHOP) - {"shop-front", "load"}:
        assert "service_completed_successfully" == conditions[name]["shop-setup"], name


def test_no_secret_is_in_the_model(demo: dict[str, Any]) -> None:
    """Passwords are files; the exporter sees its own two folders and not the shop's."""
    text = json.dumps(demo)
    assert not re.search(r"://[^/\"@]*:[^/\"@]+@", text)
    values = {
        (name, variable): value
        for name, each in demo["services"].items()
        for variable, value in (each.get("environment") or {}).items()
        if "PASSWORD" in variable
    }
    assert values
    assert {variable[-5:] for _, variable in values} == {"_FILE"}
    exporter = {mount["source"]: mount for mount in demo["services"]["exporter"]["volumes"]}
    assert "shop-secrets" not in exporter
    assert exporter["shop-exporter"]["read_only"] is exporter["shop-log"]["read_only"] is True


def test_images_are_those_of_the_file_of_versions(services: dict[str, Any]) -> None:
    """No other file names a tag."""
    versions = (ROOT / "compose/versions.env").read_text()
    others = {each["image"] for each in services.values() if "build" not in each}

    assert 4 == len(others)
    assert all(re.search(rf"^\w+_IMAGE={re.escape(image)}$", versions, re.MULTILINE) for image in others)


def test_the_catalog_names_containers_that_are_there(demo: dict[str, Any]) -> None:
    """Whatever it scrapes or asks; and a switch of faults is in the shop's image."""
    catalog = load(ROOT / "examples/shop-on-docker")
    hosts = {str(target).partition(":")[0] for each in catalog.services.values() for target in each.targets}
    hosts |= {re.sub(r".*[/@]", "", (each.url or "").partition("?")[0].removesuffix("/stub_status").removesuffix("/shop").removesuffix("/health").removesuffix("/products/1")).partition(":")[0] for each in catalog.services.values() if each.url}  # fmt: skip

    assert hosts <= demo["services"].keys()
    assert {"storefront", "checkout", "mailer", "shop-db", "shop-cache", "shop-broker", "shop-front"} <= hosts
    assert "/faults/faults.json" == demo["services"]["storefront"]["environment"]["SHOP_FAULTS"]
    assert {"connections", "consumers", "eviction"} <= faults.FAULTS.keys()


def test_the_files_that_are_mounted_are_there(services: dict[str, Any]) -> None:
    """Folders of the repository, never single files: one that is replaced would be seen no more."""
    binds = [mount for each in services.values() for mount in each.get("volumes", []) if mount["type"] == "bind"]

    assert binds
    assert all(Path(mount["source"]).is_dir() and mount["read_only"] for mount in binds)
    assert "demo" in yaml.safe_load((ROOT / "compose/demo.yaml").read_text())["services"]["shop-db"]["profiles"]
