"""Where the parts of the stack answer: each that runs is a job of Prometheus', and the rest is not there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipeline import SHOP, catalog_of, run, served

from seawall.catalog import CatalogError
from seawall.conventions import PROMETHEUS_CONFIG, RESERVED_NAMES, STACK_PARTS
from seawall.generator import Addresses
from seawall.generator.prometheus import prometheus_config


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


def test_a_second_storage_gets_every_sample_but_those_that_rules_make(tmp_path: Path) -> None:
    """Who evaluates the same rules there writes these himself."""
    url = "http://victoriametrics:8428/api/v1/write"
    [storage] = prometheus_config(catalog_of(tmp_path, SHOP), Addresses(remote_write=url))["remote_write"]
    [dropped] = storage["write_relabel_configs"]

    assert (url, "drop", ["__name__"]) == (storage["url"], dropped["action"], dropped["source_labels"])
    names = (
        "slo:good:rate5m",
        "ALERTS",
        "ALERTS_FOR_STATE",
        "up",
        "ALERTS_TOTAL",
        "http_server_request_duration_seconds_count",
    )
    assert list(names[:3]) == [name for name in names if re.fullmatch(dropped["regex"], name)]


def test_without_one_nothing_is_sent(tmp_path: Path) -> None:
    """Prometheus would keep what it cannot send, and fill its disk."""
    assert "remote_write" not in prometheus_config(catalog_of(tmp_path, SHOP), Addresses())


def test_a_storage_that_is_no_address_is_told(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text(SHOP)
    words = ("watch", tmp_path / "catalog.yaml", "--out", tmp_path / "out", "--once", "--no-check")
    done = run(*words, "--remote-write", "victoriametrics:8428")

    assert 2 == done.exit_code
    assert "Invalid value for --remote-write: write an http:// or https:// address" in done.stderr
