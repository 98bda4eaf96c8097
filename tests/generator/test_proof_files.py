"""Which rules the proofs of a service load: no more than what their alerts read, for the time is in evaluating them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from scenarios import played, rendered

from seawall.catalog import Catalog, Service, Slo, Team
from seawall.generator import load_packs, render
from seawall.generator.proofs import reads_recorded
from seawall.generator.rule_files import SAFE_LOADER, read

PACKS = load_packs()
SLO = Slo(sli="availability", objective=99.9, window="30d")


def proofs(*slos: str) -> dict[str, Any]:
    """Return the files of proofs of one http service with *slos*, by name."""
    service = Service(name="shop", kind="http", team="a", dialect="otel", slos=dict.fromkeys(slos, SLO))
    catalog = Catalog(seawall=1, teams={"a": Team()}, services={"shop": service})
    found = {each.path.removeprefix("prometheus/tests/"): each.content for each in render(catalog, PACKS)}
    return {path: yaml.load(content, Loader=SAFE_LOADER) for path, content in found.items() if path.startswith("shop.")}


def names(file: Any) -> str:
    """Return the names of a file's tests."""
    return " ".join(test["name"] for test in file["tests"])


def test_alerts_of_slos_are_proven_with_every_recording_rule() -> None:
    """The file of those that read recorded series loads the shared rules, and is where nothing fires while all is well."""
    file = proofs("availability")["shop.slos.yml"]
    assert "../rules/_shared.yml" in file["rule_files"]
    assert "SloErrorBudgetBurn" in names(file)
    assert "nothing fires while all is well" in names(file)
    assert "HttpServiceFailing" not in names(file)


def test_alerts_of_raw_metrics_are_proven_without_recording_rules() -> None:
    """The service's own file is enough for them."""
    file = proofs("availability")["shop.yml"]
    assert ["../rules/shop.yml"] == file["rule_files"]
    assert ["shop-slos", "shop"] == file["group_eval_order"]
    assert "HttpServiceFailing" in names(file)
    assert "Slo" not in names(file)


def test_each_pace_has_a_file_of_its_own() -> None:
    """What reads the samples of hours is evaluated by the hour, and what reads those of weeks three times a day."""
    files = proofs("availability")
    paces = {
        "shop.yml": "1m",
        **{f"shop.slos.{pace}.yml": pace for pace in ("5m", "10m", "1h", "8h")},
        "shop.slos.yml": "1m",
    }
    assert paces == {path: file["evaluation_interval"] for path, file in files.items()}


def test_a_service_without_slos_has_no_file_of_them() -> None:
    """Its own holds the test that nothing fires while all is well too; weeks of its traffic have theirs."""
    files = proofs()
    assert {"shop.yml": "1m", "shop.8h.yml": "8h"} == {
        path: file["evaluation_interval"] for path, file in files.items()
    }
    assert "ServiceTrafficAboveUsual" in names(files["shop.8h.yml"])
    assert "nothing fires while all is well" in names(files["shop.yml"])


@pytest.mark.parametrize(
    ("expr", "reads"),
    [
        ('slo:burn_rate:ratio{window="1h"} > 6', True),
        ("sum by (job) (job:requests:rate5m)", True),
        ("rate(http_requests_total[5m])", False),
        ("max_over_time(rate(up[5m])[1h:5m]) == 0", False),
        ("up offset 1h == 0", False),
    ],
)
def test_a_recorded_series_is_told_by_the_colon_in_its_name(expr: str, reads: bool) -> None:
    """A subquery has a colon too, behind a number."""
    assert reads == reads_recorded(expr)


def test_promql_that_answers_without_any_input_is_proven_too(
    tmp_path: Path, tools: Mapping[str, Callable[[str], str]]
) -> None:
    """Its rules are in a file that no proof loads: a stand-in records the same series."""
    value = {"sli": "throughput", "objective": 99, "at_least": 1, "value": "sum(rate(a[5m])) or vector(0)"}
    of = {each: f"sum(rate({each}[{{{{window}}}}])) or vector(0)" for each in ("bad", "total")}
    cache = {"kind": "redis", "team": "a", "url": "redis://c:1", "slos": {"x": value, "y": {"objective": 99, **of}}}
    folder = rendered(json.dumps({"seawall": 1, "teams": {"a": {}}, "services": {"cache": cache}}), tmp_path)
    given = read(folder / "prometheus/rules/cache.given.yml")
    tests = sorted((folder / "prometheus/tests").glob("cache*.yml"))
    assert {"x", "y"} == {rule["labels"]["slo"] for group in given["groups"] for rule in group["rules"]}
    assert not any("given" in test.read_text() for test in tests)
    assert [""] * len(tests) == [played(tools["installed"]("promtool"), test, tmp_path) for test in tests]
