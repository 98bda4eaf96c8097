"""Every dashboard of the examples is what Grafana reads: types, layout, uids and links."""

import importlib
import json
import re
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import promql_parser
import pytest
from grafana_foundation_sdk.models import dashboard as sdk
from pipeline import TEAMS, catalog_of

from seawall.catalog import load
from seawall.conventions import dashboard_uid
from seawall.generator import load_packs, render
from seawall.generator.grafana import to_json

ROOT: Final = Path(__file__).parents[2]
PACKS: Final = load_packs()


def dashboards(path: Path) -> dict[str, dict[str, Any]]:
    """Return the dashboards that the catalog at *path* renders to, by their file."""
    artifacts = render(load(path, today=date(2026, 11, 1)), PACKS)
    return {each.path: json.loads(each.content) for each in artifacts if each.path.startswith("grafana/")}


# As they are committed, which tests/generator/test_examples.py compares with what is rendered.
ALL: Final[dict[str, dict[str, Any]]] = {
    str(file.relative_to(ROOT / "examples")): json.loads(file.read_text())
    for file in sorted((ROOT / "examples").glob("*/rendered/grafana/**/*.json"))
}


@pytest.mark.parametrize("path", ALL)
def test_the_foundation_sdk_reads_a_dashboard(path: str) -> None:
    """Grafana's own types take it, and give back every panel with its type, unit, size and query."""
    model = ALL[path]
    read = sdk.Dashboard.from_json(model)
    again = json.loads(json.dumps(read.to_json(), default=lambda value: value.to_json()))

    assert (model["uid"], model["title"], model["schemaVersion"]) == (
        again["uid"],
        again["title"],
        again["schemaVersion"],
    )
    assert [panel["title"] for panel in model["panels"]] == [panel["title"] for panel in again["panels"]]
    for panel, back in zip(model["panels"], again["panels"], strict=True):
        assert panel["gridPos"].items() <= back["gridPos"].items()
        for key in panel.keys() & {"fieldConfig", "datasource"}:
            assert subset(panel[key], back[key]), (panel["title"], key)


@pytest.mark.parametrize("path", ALL)
def test_the_options_of_every_panel_are_of_its_type(path: str) -> None:
    """Each panel's options and queries are read by the SDK's types of that very panel."""
    for panel in ALL[path]["panels"]:
        if panel["type"] == "row":
            continue
        types = importlib.import_module(f"grafana_foundation_sdk.models.{panel['type']}")
        types.Options.from_json(panel["options"])
        query = importlib.import_module("grafana_foundation_sdk.models.prometheus").Dataquery
        for target in panel["targets"]:
            assert target["expr"] == query.from_json(target).expr


def subset(small: Any, large: Any) -> bool:
    """Whether all that *small* says stands in *large* too."""
    if isinstance(small, dict):
        return all(value is None or (key in large and subset(value, large[key])) for key, value in small.items())
    if isinstance(small, list):
        return len(small) == len(large) and all(subset(*pair) for pair in zip(small, large, strict=True))
    return bool(small == large)


@pytest.mark.parametrize("path", ALL)
def test_no_two_panels_overlap_and_none_leaves_the_grid(path: str) -> None:
    """Grafana's grid is 24 wide."""
    grids = [(panel["title"], panel["gridPos"]) for panel in ALL[path]["panels"]]

    assert [title for title, at in grids if at["x"] < 0 or at["x"] + at["w"] > 24 or at["h"] < 1] == []
    assert [(first[0], second[0]) for first, second in combinations(grids, 2) if overlap(first[1], second[1])] == []


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    """Whether two places of the grid share a cell."""
    return all(
        one[a] < other[a] + other[size] and other[a] < one[a] + one[size] for a, size in (("x", "w"), ("y", "h"))
    )


@pytest.mark.parametrize("path", ALL)
def test_the_ids_of_panels_and_queries_are_unique(path: str) -> None:
    """Within the dashboard, and within the panel."""
    ids = [panel["id"] for panel in ALL[path]["panels"]]
    references = [[target["refId"] for target in panel.get("targets", [])] for panel in ALL[path]["panels"]]

    assert len(ids) == len(set(ids))
    assert all(len(each) == len(set(each)) for each in references)


@pytest.mark.parametrize("path", ALL)
def test_every_query_is_promql(path: str) -> None:
    """Grafana's interval aside."""
    for panel in ALL[path]["panels"]:
        for target in panel.get("targets", []):
            promql_parser.parse(target["expr"].replace("$__rate_interval", "5m"))


@pytest.mark.parametrize("example", ["shop", "online-boutique"])
def test_the_links_of_a_dashboard_lead_to_what_is_rendered(example: str) -> None:
    """The portal's page of the service, and the dashboards of what it depends on."""
    path = ROOT / "examples" / example / "catalog.yaml"
    catalog = load(path, today=date(2026, 11, 1))
    rendered = dashboards(path)
    uids = {model["uid"] for model in rendered.values()}
    for model in rendered.values():
        for link in model["links"]:
            place = urlsplit(link["url"]).path
            service = re.fullmatch("/services/(.+)", place)
            dashboard = re.fullmatch("/d/(.+)", place)
            assert service or dashboard, link
            assert not dashboard or dashboard[1] in uids
            assert not service or service[1] in {*catalog.services, "seawall"}


def test_uids_are_short_and_unique_however_long_the_names_are(tmp_path: Path) -> None:
    """Grafana takes 40 characters; names of 63 that differ in the last one are two dashboards."""
    names = [f"{'a' * 61}-{n}" for n in range(5)]
    text = TEAMS + "".join(f"  {name}: {{kind: host, team: payments}}\n" for name in names)
    catalog = catalog_of(tmp_path, text)
    files = [each for each in render(catalog, PACKS) if each.path.startswith("grafana/dashboards/payments/")]
    uids = [json.loads(each.content)["uid"] for each in files]

    assert 5 == len(set(uids)) == len({each.path for each in files})
    assert all(len(uid) <= 40 for uid in uids)
    assert [dashboard_uid(name) for name in names] == [dashboard_uid(name) for name in names]


def test_every_panel_of_a_dashboard_says_what_it_shows() -> None:
    """A title, a description and a unit, on each."""
    for path, model in ALL.items():
        for panel in model["panels"]:
            if panel["type"] != "row":
                assert panel["title"], path
                assert panel["description"], (path, panel["title"])
                assert panel["fieldConfig"]["defaults"]["unit"], (path, panel["title"])


def test_the_written_json_is_what_the_standard_library_writes() -> None:
    """Sorted keys, one space, no escapes: byte for byte."""
    odd = {"b": [], "a": {}, "ü": [1, 2.5, None, True, {"x": 'q"\\\n\u2028'}], "n": {"m": [[], {"k": False}]}}
    for model in (odd, *ALL.values()):
        assert (json.dumps(model, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode() == to_json(model)


def test_free_text_is_no_variable_of_grafana(tmp_path: Path) -> None:
    """A dollar sign or two brackets in a description are shown as they are."""
    text = f'{TEAMS}  a: {{kind: host, team: payments, description: "costs $job and [[job]]"}}\n'
    files = {each.path: each for each in render(catalog_of(tmp_path, text), PACKS)}
    shown = json.loads(files["grafana/dashboards/payments/seawall-a.json"].content)["description"]

    assert "$job" not in shown
    assert "[[" not in shown
    assert "costs $job and [[job]]" == shown.replace("\u200b", "")
