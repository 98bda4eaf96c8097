"""Who is told what: by the real amtool for the receivers, and by the clock for the hours."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from seawall.catalog import Catalog
from seawall.generator.routing import alertmanager_config, routing_warnings

Tool = Callable[[str], str]
Read = Callable[..., Catalog]
Written = Callable[[Mapping[str, Any]], str]
Told = Callable[[Mapping[str, Any], Mapping[str, str], datetime | None], list[str]]
BERLIN = ZoneInfo("Europe/Berlin")
INBOX = "seawall-portal"
NOBODY = "seawall-inbox-only"
# Tuesday, and Saturday, at noon in Berlin.
WORKDAY = datetime(2026, 12, 1, 11, tzinfo=UTC)
WEEKEND = datetime(2026, 12, 5, 11, tzinfo=UTC)


def alert(team: str, severity: str = "page", tier: int = 1, **labels: str) -> dict[str, str]:
    """The labels of an alert, as Prometheus sends them."""
    own = {"alertname": "HttpServiceFailing", "service": "some-api", "class": "symptom", "kind": "http"}
    return own | {"team": team, "severity": severity, "tier": str(tier)} | labels


def routed(amtool: str, config: str, labels: Mapping[str, str]) -> list[str]:
    """The receivers that the real Alertmanager's routing chooses; it does not look at the clock."""
    command = [amtool, "config", "routes", "test", f"--config.file={config}"]
    ran = subprocess.run(
        [*command, *(f"{name}={value}" for name, value in labels.items())], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip().split(",")


@pytest.mark.parametrize(
    ("team", "severity", "tier", "expected"),
    [
        ("payments", "page", 1, ["payments-page"]),
        ("payments", "page", 2, ["payments-page", "payments-ticket"]),
        ("payments", "page", 3, ["payments-ticket"]),
        ("payments", "ticket", 1, ["payments-ticket"]),
        ("payments", "ticket", 2, ["payments-ticket"]),
        ("payments", "ticket", 3, ["payments-ticket"]),
        ("search", "page", 1, ["search-page"]),
        ("search", "page", 2, ["search-page"]),
        ("search", "page", 3, ["search-ticket"]),
        ("search", "ticket", 1, ["search-ticket"]),
        ("tickets-only", "page", 1, ["tickets-only-ticket"]),
        ("tickets-only", "page", 2, ["tickets-only-ticket"]),
        ("pages-only", "page", 1, ["pages-only-page"]),
        ("pages-only", "page", 2, ["pages-only-page", NOBODY]),
        ("pages-only", "page", 3, [NOBODY]),
        ("pages-only", "ticket", 1, [NOBODY]),
        ("silent", "page", 1, [NOBODY]),
        ("silent", "ticket", 3, [NOBODY]),
        ("unheard-of", "page", 1, [INBOX]),
    ],
)
def test_amtool_routes_each_team_severity_and_tier(
    team: str, severity: str, tier: int, expected: list[str], tool: Tool, read: Read, written: Written
) -> None:
    """The inbox first, then the team's receivers; two where the clock decides between them."""
    config = written(alertmanager_config(read()))
    found = routed(tool("amtool"), config, alert(team, severity, tier))
    assert list(dict.fromkeys([INBOX, *expected])) == found


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (alert("payments", service="rewrite"), [INBOX, NOBODY]),
        (alert("payments", alertname="Watchdog"), [INBOX, INBOX, NOBODY]),
        (alert("payments", service="checkout", alertname="ServiceTrafficStopped"), [INBOX, "payments-page"]),
        (alert("payments", "ticket", 2, service="basket"), [INBOX, "payments-ticket"]),
        ({"alertname": "SomebodyElses"}, [INBOX]),
    ],
)
def test_amtool_routes_what_is_special(
    labels: dict[str, str], expected: list[str], tool: Tool, read: Read, written: Written
) -> None:
    """A service in mode shadow, the heartbeat, services with times of their own, and alerts from elsewhere."""
    assert expected == routed(tool("amtool"), written(alertmanager_config(read())), labels)


def test_the_tests_own_routing_agrees_with_amtool(tool: Tool, read: Read, written: Written, told: Told) -> None:
    """What the tests below say of hours rests on it."""
    config = alertmanager_config(read())
    for service in ("checkout", "basket", "images", "rewrite", "some-api"):
        for name in ("ServiceTrafficStopped", "SloErrorBudgetBurn", "Watchdog"):
            labels = alert("payments", "page", 2, service=service, alertname=name)
            assert told(config, labels, None) == routed(tool("amtool"), written(config), labels)


def test_everything_goes_to_the_portal_first_and_at_once(read: Read) -> None:
    """The first route has no matcher, continues, and waits for seconds only."""
    config = alertmanager_config(read(), portal="127.0.0.1:18800")
    first = config["route"]["routes"][0]
    webhook = {"url": "http://127.0.0.1:18800/api/v1/alertmanager", "send_resolved": True, "max_alerts": 0}
    assert (first["receiver"], first["continue"], first["group_wait"]) == (INBOX, True, "1s")
    assert "matchers" not in first
    assert {"name": INBOX, "webhook_configs": [webhook]} == config["receivers"][0]


def test_a_service_without_times_of_its_own_adds_no_route(read: Read) -> None:
    """A thousand services of one team are routed by one route."""
    services = "".join(f"  s{number}: {{kind: http, team: t}}\n" for number in range(1000))
    text = "seawall: 1\nteams: {t: {notify: {ticket: {webhook: {url: 'http://hooks.test/'}}}}}\nservices:\n" + services
    assert len(alertmanager_config(read(text))["route"]["routes"]) == 4


def test_the_same_catalog_gives_the_same_configuration(read: Read) -> None:
    """And no list stands in two places, which YAML would write as an alias."""
    first, second = (yaml.safe_dump(alertmanager_config(read())) for _ in range(2))
    assert first == second
    assert "&id" not in first


def test_the_heartbeat_goes_to_the_dead_man_s_switch_and_says_nothing_when_it_ends(read: Read, told: Told) -> None:
    """A resolved message would count as one more beat."""
    text = "seawall: 1\nnotify: {watchdog: {webhook: {url: 'http://hooks.test/beat'}}}\nteams: {t: {}}\n"
    config = alertmanager_config(read(text))
    beat = {"url": "http://hooks.test/beat", "send_resolved": False}
    assert told(config, {"alertname": "Watchdog", "team": "t"}, WORKDAY) == [INBOX, INBOX, "seawall-watchdog"]
    assert {"name": "seawall-watchdog", "webhook_configs": [beat]} in config["receivers"]


def test_a_team_named_seawall_is_told_of_the_stack_s_own_alerts(read: Read, told: Told) -> None:
    """Without it they stay in the inbox."""
    text = "seawall: 1\nteams: {seawall: {notify: {page: {webhook: {url: 'http://hooks.test/page'}}}}}\n"
    own = alert("seawall", service="seawall", alertname="SeawallExporterDown")
    assert told(alertmanager_config(read(text)), own, WORKDAY) == [INBOX, "seawall-page"]
    assert told(alertmanager_config(read()), own, WORKDAY) == [INBOX]


def test_what_reaches_nobody_is_a_warning(read: Read) -> None:
    """Each names the team, what happens now and what to write."""
    text = (
        "seawall: 1\nteams:\n  a: {}\n  b: {hours: 'Mon 08:00-09:00', notify: {page: {webhook: {url: 'http://hooks.test/'}}}}\n"
        "services:\n"
        + "".join(f"  s{number}: {{kind: http, team: a, tier: 1}}\n" for number in range(5))
        + "  z: {kind: http, team: b}\n"
    )
    assert [problem.message for problem in routing_warnings(read(text))] == [
        'team "a": notify.page is missing: pages of s0, s1, s2 and 2 more stay in the inbox, where nobody is told; '
        "name a receiver",
        'team "b": notify.ticket is missing: pages outside of its hours stay in the inbox; name a receiver',
        "notify.watchdog is missing: nobody outside learns when the monitoring itself stops; "
        "add a receiver that expects a message every few minutes, such as a dead man's switch",
    ]


def test_a_complete_catalog_has_no_warning(read: Read) -> None:
    """Nor has a team without services, or with services of tier 3 and in mode shadow alone."""
    text = (
        "seawall: 1\nnotify: {watchdog: {webhook: {url: 'http://hooks.test/beat'}}}\nteams: {t: {}, empty: {}}\n"
        "services: {a: {kind: http, team: t, tier: 3}, b: {kind: http, team: t, tier: 1, mode: shadow}}\n"
    )
    assert routing_warnings(read(text)) == []


def test_amlint_finds_no_fault_in_it(read: Read, written: Written) -> None:
    """What it remarks is meant: a receiver that tells nobody, and one alert's page before its ticket."""
    command = [sys.executable, "-m", "amlint.cli", "check", "--format", "json", written(alertmanager_config(read()))]
    found = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    assert sorted(one["code"] for one in found) == [
        "empty-receiver",
        "global-resolve-timeout-missing",
        "inhibit-same-match",
    ]
