"""`render --only routes`: what is merged into an alertmanager.yml that somebody has."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pipeline import catalog_of

from seawall.generator import iterate, load_packs
from seawall.generator.fragments import routes_fragment

CATALOG = """
seawall: 1
defaults: {portal_url: "https://portal.test/", runbook_base_url: "https://portal.test/runbooks"}
notify: {watchdog: {webhook: {url: "http://deadman.test/"}}}
teams:
  payments:
    notify: {page: {webhook: {url: "http://hooks.test/page"}}, ticket: {webhook: {url: "http://hooks.test/ticket"}}}
    hours: "Mon-Fri 08:00-20:00"
  search: {}
services:
  checkout: {kind: http, team: payments, tier: 1, alerts: {ServiceTrafficStopped: {only: "07:00-23:00"}}}
  basket: {kind: http, team: payments, depends_on: {cache: {inhibits: true}}}
  cache: {kind: redis, team: search, tier: 1, url: "redis://cache:6379"}
"""
THEIRS = """
route:
  receiver: on-call
  group_by: [alertname]
  routes:
    - {matchers: ['team="payments"'], receiver: payments-mail}
receivers:
  - {name: on-call, webhook_configs: [{url: "http://theirs.test/"}]}
  - {name: payments-mail, webhook_configs: [{url: "http://theirs.test/mail"}]}
inhibit_rules:
  - {source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname]}
"""
LABELS = {
    "service": "checkout",
    "team": "payments",
    "tier": "1",
    "severity": "page",
    "class": "symptom",
    "kind": "http",
}


def merged(first: Any, second: Any) -> Any:
    """Merge as `yq eval-all '. as $each ireduce ({}; . *+ $each)'` does: mappings by key, lists one after the other."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {**first, **{key: merged(first[key], value) if key in first else value for key, value in second.items()}}
    return first + second if isinstance(first, list) and isinstance(second, list) else second


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """An alertmanager.yml of somebody else with Seawall's fragment merged into it."""
    fragment = routes_fragment(catalog_of(tmp_path, CATALOG))
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(merged(fragment, yaml.safe_load(THEIRS)), sort_keys=False))
    return path


@pytest.mark.parametrize("version", ["installed", "newer"])
def test_amtool_accepts_the_merged_configuration(
    version: str, both: Path, tools: Mapping[str, Callable[[str], str]]
) -> None:
    """Alertmanager 0.25 and a newer one."""
    done = subprocess.run([tools[version]("amtool"), "check-config", both], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (LABELS, "seawall-portal,payments-page"),
        (LABELS | {"severity": "ticket"}, "seawall-portal,payments-ticket"),
        (LABELS | {"team": "search"}, "seawall-portal,seawall-inbox-only"),
        (
            {"alertname": "Watchdog", "team": "seawall", "class": "cause", "tier": "1"},
            "seawall-portal,seawall-portal,seawall-watchdog",
        ),
        ({"alertname": "Theirs", "severity": "critical"}, "on-call"),
        ({"alertname": "Theirs", "team": "payments", "severity": "page"}, "payments-mail"),
        ({"alertname": "Watchdog", "severity": "none"}, "on-call"),
    ],
)
def test_each_alert_goes_where_it_went(
    labels: dict[str, str], expected: str, both: Path, tools: Mapping[str, Callable[[str], str]]
) -> None:
    """Seawall's alerts as the catalog says, and everybody else's as before, though the team's name is the same."""
    pairs = [f"{key}={value}" for key, value in labels.items()]
    command = [tools["installed"]("amtool"), "config", "routes", "test", f"--config.file={both}", *pairs]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert expected == done.stdout.strip()


def test_the_fragment_says_nothing_of_the_root(tmp_path: Path) -> None:
    """Neither a receiver of the root nor its times: what stands there stays."""
    fragment = routes_fragment(catalog_of(tmp_path, CATALOG))

    assert {"route", "inhibit_rules", "receivers", "time_intervals"} == fragment.keys()
    assert ["routes"] == list(fragment["route"])
    assert 1 == len(fragment["route"]["routes"])


def test_the_portal_is_reached_where_the_catalog_says(tmp_path: Path) -> None:
    """An Alertmanager that is not the stack's does not stand beside the portal."""
    receivers = routes_fragment(catalog_of(tmp_path, CATALOG))["receivers"]
    urls = [each["webhook_configs"][0]["url"] for each in receivers if each["name"] == "seawall-portal"]

    assert ["https://portal.test/api/v1/alertmanager"] == urls


def test_the_fragment_is_written_only_where_it_is_asked_for(tmp_path: Path) -> None:
    """A whole render holds a whole alertmanager.yml; a fragment beside it would be a second truth."""
    catalog, packs = catalog_of(tmp_path, CATALOG), load_packs()
    whole = {each.path for each in iterate(catalog, packs) if each.path.startswith("alertmanager/")}
    asked = list(iterate(catalog, packs, only=frozenset({"routes"})))

    assert {"alertmanager/alertmanager.yml"} == whole
    assert ["alertmanager/routes.yml"] == [each.path for each in asked]
    assert routes_fragment(catalog) == yaml.safe_load(asked[0].content)
    assert b"put the one route first" in asked[0].content
