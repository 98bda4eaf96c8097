"""What leads away from a dashboard: annotations that are true, and links that open what they say."""

import json
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from pipeline import SHOP, TEAMS, catalog_of

from seawall.catalog import Catalog
from seawall.conventions import GRAFANA_TRACES_UID, dashboard_url, explore_path, panel_number
from seawall.generator import load_packs, render, view

PACKS: Final = load_packs()
FROM, TO = datetime(2026, 11, 27, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)
SALE: Final = (
    "campaigns: {sale: {from: 2026-11-27T00:00:00, to: 2026-11-30T00:00:00, timezone: UTC, expects: {checkout: 6x}}}\n"
)


def model(catalog: Catalog, uid: str = "seawall-checkout") -> dict[str, Any]:
    """Return a dashboard of *catalog*."""
    found = next(each.content for each in render(catalog, PACKS) if each.path.endswith(f"/{uid}.json"))
    read: dict[str, Any] = json.loads(found)
    return read


def annotations(catalog: Catalog, uid: str = "seawall-checkout") -> dict[str, dict[str, Any]]:
    """Return the annotations of a dashboard, by name."""
    return {each["name"]: each for each in model(catalog, uid)["annotations"]["list"]}


def panel(catalog: Catalog, panel_id: str) -> dict[str, Any]:
    """Return a panel of the checkout's dashboard."""
    return next(each for each in model(catalog)["panels"] if each["id"] == panel_number(panel_id))


def asked(url: str) -> Any:
    """Return the pane that an address of Grafana's Explore opens."""
    return json.loads(parse_qs(urlsplit(url).query)["panes"][0])["seawall"]


def test_an_application_has_its_alerts_deploys_and_starts_marked(tmp_path: Path) -> None:
    """The times of starts are the values of the series."""
    found = annotations(catalog_of(tmp_path))

    assert ["Alerts", "Deploys", "Starts"] == list(found)
    assert 'ALERTS{alertstate="firing",service="checkout"}' == found["Alerts"]["target"]["expr"]
    assert ["Starts"] == [name for name, each in found.items() if each.get("useValueForTime")]


def test_what_tells_of_no_version_has_no_deploys(tmp_path: Path) -> None:
    """The exporter that asks a database starts for reasons of its own."""
    text = f"{TEAMS}  checkout: {{kind: redis, team: payments, url: 'redis://a:6379'}}\n"

    assert ["Alerts"] == list(annotations(catalog_of(tmp_path, text)))


@pytest.mark.parametrize("today", [date(2026, 11, 1), date(2027, 3, 1)], ids=["ahead", "over"])
def test_a_campaign_is_marked_before_it_and_long_after(tmp_path: Path, today: date) -> None:
    """From its first second to its last, on the services that it reaches alone."""
    text = f"{SHOP}  mails: {{kind: redis, team: payments, url: 'redis://a:6379'}}\n{SALE}"
    catalog = catalog_of(tmp_path, text, today=today)
    expr = annotations(catalog)["Campaign sale"]["target"]["expr"]

    assert f"vector(time()) >= {FROM.timestamp():.0f} < {TO.timestamp():.0f}" == expr
    assert "Campaign sale" not in annotations(catalog, "seawall-mails")


def test_a_deploy_is_a_version_that_was_not_there(tmp_path: Path) -> None:
    """Not the first sight of the service, and not for longer than ten minutes; told by a real Prometheus' engine."""
    expr = annotations(catalog_of(tmp_path))["Deploys"]["target"]["expr"]
    series = [
        {"series": 'target_info{job="checkout",instance="a:1",service_version="1"}', "values": "_x9 1x20 _x60"},
        {"series": 'target_info{job="checkout",instance="b:1",service_version="2"}', "values": "_x29 1x60"},
    ]
    new = [{"labels": '{service_version="2"}', "value": 1}]
    at = {"11m": [], "25m": [], "31m": new, "38m": new, "45m": []}
    content = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "promql_expr_test": [
                    {"expr": expr, "eval_time": time, "exp_samples": samples} for time, samples in at.items()
                ],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(content))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)

    assert 0 == done.returncode, done.stdout + done.stderr


def test_a_point_of_a_panel_leads_to_the_traces_of_its_time(tmp_path: Path) -> None:
    """Grafana fills in the value and the time before it reads the address."""
    (link,) = panel(catalog_of(tmp_path), "latency")["fieldConfig"]["defaults"]["links"]
    url = link["url"].replace("${__value.raw}", "0.25").replace("${__from}", "1000").replace("${__to}", "2000")
    pane = asked(url)

    assert "/explore" == urlsplit(url).path
    assert GRAFANA_TRACES_UID == pane["datasource"] == pane["queries"][0]["datasource"]["uid"]
    assert '{resource.service.name="checkout" && kind = server && duration >= 0.25s}' == pane["queries"][0]["query"]
    assert {"from": "1000", "to": "2000"} == pane["range"]


def test_exemplars_are_asked_for_where_traces_are_behind_the_panel(tmp_path: Path) -> None:
    """Of histograms alone, as nothing else has them."""
    catalog = catalog_of(tmp_path)

    assert [True] * 3 == [each["exemplar"] for each in panel(catalog, "latency")["targets"]]
    assert [False] * 2 == [each["exemplar"] for each in panel(catalog, "errors")["targets"]]
    assert "links" not in panel(catalog, "traffic")["fieldConfig"]["defaults"]


def test_a_panel_leads_to_the_runbooks_of_its_alerts(tmp_path: Path) -> None:
    """To each once, however many rules it has."""
    catalog = catalog_of(tmp_path, SHOP + "    slos: {availability: {objective: 99.9}}\n")
    alerts = view(catalog, PACKS, "checkout").alerts
    for panel_id in {alert.panel for alert in alerts}:
        expected = sorted({alert.runbook for alert in alerts if alert.panel == panel_id})
        assert expected == [each["url"] for each in panel(catalog, panel_id)["links"]]


@pytest.mark.parametrize(
    ("override", "line"), [("", 0.05), ("{HttpErrorsHigh: {above: 0.2}}", 0.2)], ids=["own", "overridden"]
)
def test_a_panel_has_a_line_where_the_alert_whose_query_it_draws_fires(
    tmp_path: Path, override: str, line: float
) -> None:
    """The catalog's threshold, where that has one."""
    catalog = catalog_of(tmp_path, SHOP + (f"    alerts: {override}\n" if override else ""))
    defaults = panel(catalog, "errors")["fieldConfig"]["defaults"]

    assert line in [step["value"] for step in defaults["thresholds"]["steps"]]
    assert "line" == defaults["custom"]["thresholdsStyle"]["mode"]


def test_an_alert_leads_to_its_panel(tmp_path: Path) -> None:
    """In Grafana where the catalog names one, else in the portal."""
    grafana = SHOP.replace("seawall: 1\n", "seawall: 1\ndefaults: {grafana_url: 'https://grafana.example.org/'}\n")
    alert = next(
        each for each in view(catalog_of(tmp_path, grafana), PACKS, "checkout").alerts if each.name == "HttpErrorsHigh"
    )

    assert (
        f"https://grafana.example.org/d/seawall-checkout?viewPanel={panel_number('errors')}"
        == alert.annotations["dashboard_url"]
    )
    assert "http://p/services/checkout#errors" == dashboard_url(None, "http://p", "checkout", "errors")


@pytest.mark.parametrize("expr", ['up{job="a b"} % 2 > 0', "a & b # ü", "${not} $__x 100%"])
def test_a_query_arrives_in_explore_as_it_is(expr: str) -> None:
    """Whatever signs it has; a variable of Grafana is filled in before it is read."""
    pane = asked(explore_path("seawall-prometheus", {"expr": expr}))

    assert expr == pane["queries"][0]["expr"]
    assert {"from": "now-3h", "to": "now"} == pane["range"]
