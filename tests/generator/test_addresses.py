"""Where the parts of the stack answer: each that runs is a job of Prometheus', and the rest is not there."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pipeline import SHOP, catalog_of, run, served

from seawall.catalog import CatalogError
from seawall.conventions import PROMETHEUS_CONFIG, RESERVED_NAMES, STACK_PARTS


def jobs(folder: Path, *options: str) -> dict[str, Any]:
    """Return the targets of each job that has its own, as they are rendered with *options*."""
    (folder / "catalog.yaml").write_text(SHOP)
    done = run("render", folder / "catalog.yaml", "--out", folder / "out", *options)
    assert 0 == done.exit_code, done.stderr
    config = yaml.safe_load(served(folder / "out")[PROMETHEUS_CONFIG])
    return {
        each["job_name"]: each["static_configs"][0]["targets"]
        for each in config["scrape_configs"]
        if "static_configs" in each
    }


def test_what_does_not_run_is_no_job(tmp_path: Path) -> None:
    """Four always run; the rest is where somebody says so."""
    usual = {
        "seawall-prometheus": ["localhost:9090"],
        "seawall-alertmanager": ["localhost:9093"],
        "seawall-exporter": ["localhost:9879"],
        "seawall-portal": ["localhost:8800"],
    }

    assert usual == jobs(tmp_path)


def test_each_part_is_scraped_where_it_is_said_to_answer(tmp_path: Path) -> None:
    """Grafana, the collector and the watch too."""
    options = [word for part in STACK_PARTS for word in ("--address", f"{part}={part}:1")]

    assert {f"seawall-{part}": [f"{part}:1"] for part in STACK_PARTS} == jobs(tmp_path, *options)


def test_a_part_that_there_is_not_is_told_with_those_that_are(tmp_path: Path) -> None:
    """And nothing is written."""
    (tmp_path / "catalog.yaml").write_text(SHOP)
    done = run("render", tmp_path / "catalog.yaml", "--out", tmp_path / "out", "--address", "grafena=a:1")

    assert 2 == done.exit_code
    assert "'grafena=a:1': the names are prometheus, alertmanager" in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_service_may_not_be_named_as_a_job_of_the_stack(name: str, tmp_path: Path) -> None:
    """Prometheus refuses two jobs of one name, and their series would mix."""
    with pytest.raises(CatalogError, match="this name is reserved for the stack itself"):
        catalog_of(tmp_path, SHOP.replace("checkout:", f"{name}:", 1))
