"""For how long Prometheus keeps samples: what the catalog says is what the real one does."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pipeline import DAY, SHOP, catalog_of
from servers import answers, eventually, free_port, get, process

from seawall.catalog import load
from seawall.conventions import PROMETHEUS_FLAGS
from seawall.generator import load_packs, render, retention_flag

LONG = "tier: 2\n    slos: {availability: {objective: 99, window: 90d}}"


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("tier: 2", "tier: 2", "32d"),
        ("tier: 2", LONG, "92d"),
        ("tier: 2", "tier: 2\n    slos: {availability: {objective: 99, window: 36h}}", "32d"),
        ("seawall: 1", "seawall: 1\ndefaults: {slo_window: 7d}", "9d"),
        ("seawall: 1", "seawall: 1\ndefaults: {retention: 400d}", "400d"),
        ("seawall: 1", "seawall: 1\ndefaults: {slo_window: 7d, retention: 180h}", "7d12h"),
    ],
)
def test_samples_are_kept_as_the_catalog_says_else_as_its_longest_budget_needs(
    before: str, after: str, kept: str, tmp_path: Path
) -> None:
    """A day before and a day after, so that the first and the last are whole."""
    catalog = catalog_of(tmp_path, SHOP.replace(before, after, 1))

    assert f"--storage.tsdb.retention.time={kept}" == retention_flag(catalog)


@pytest.mark.e2e
@pytest.mark.parametrize("version", ["installed", "newer"])
def test_the_real_prometheus_reads_the_file_of_flags(
    version: str, tmp_path: Path, tools: Mapping[str, Callable[[str], str]]
) -> None:
    """Its comment, of a file whose name would be two lines, is none of them."""
    path = tmp_path / "a\n--no-such-flag.yaml"
    path.write_text(SHOP.replace("seawall: 1", "seawall: 1\ndefaults: {retention: 180h, slo_window: 7d}"))
    made = {each.path: each.content for each in render(load(path, today=DAY), load_packs())}
    (tmp_path / "flags").write_bytes(made[PROMETHEUS_FLAGS])
    (tmp_path / "prometheus.yml").write_text("{}")
    where, program = f"127.0.0.1:{free_port()}", tools[version]("prometheus")
    flags = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={where}")
    with process(program, "@flags", *flags, cwd=tmp_path):
        eventually(lambda: answers(f"http://{where}/-/ready"), 60)
        told = json.loads(get(f"http://{where}/api/v1/status/flags"))["data"]

    assert "7d12h" == told["storage.tsdb.retention.time"]
