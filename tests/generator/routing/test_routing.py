"""Who is told what: by the real amtool for the receivers, and by the clock for the hours."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    assert 0 == ran.returncode, ran.stderr
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
        (alert("payments", alertname="Watchdog"), [INBOX, NOBODY]),
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


def hourly(
    config: Mapping[str, Any], labels: Mapping[str, str], told: Told, start: datetime, days: int
) -> list[list[str]]:
    """Who is told beside the inbox, each quarter of an hour from *start*."""
    moments = (start + timedelta(minutes=15 * number) for number in range(days * 96))
    return [[name for name in told(config, labels, moment) if name != INBOX] for moment in moments]


@pytest.mark.parametrize("start", [datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 3, 27, tzinfo=UTC)], ids=str)
def test_a_tier_2_page_is_a_page_in_the_team_s_hours_and_a_ticket_outside(
    start: datetime, read: Read, told: Told
) -> None:
    """Exactly one of the two at any time, through a week with a change of clocks too."""

    def expected(moment: datetime) -> list[str]:
        local = moment.astimezone(BERLIN)
        return ["payments-page" if local.weekday() < 5 and 8 <= local.hour < 20 else "payments-ticket"]

    found = hourly(alertmanager_config(read()), alert("payments", "page", 2), told, start, days=9)
    assert [expected(start + timedelta(minutes=15 * number)) for number in range(9 * 96)] == found


@pytest.mark.parametrize(
    ("severity", "tier", "expected"),
    [("page", 1, "payments-page"), ("page", 3, "payments-ticket"), ("ticket", 2, "payments-ticket")],
)
def test_the_hours_touch_nothing_but_tier_2_pages(
    severity: str, tier: int, expected: str, read: Read, told: Told
) -> None:
    """Tier 1 pages at any hour; tickets are delivered when they come."""
    found = hourly(alertmanager_config(read()), alert("payments", severity, tier), told, WEEKEND, days=7)
    assert [[expected]] * (7 * 96) == found


def test_only_limits_the_notifications_of_that_alert_to_its_hours(read: Read, told: Told) -> None:
    """In the zone of the override; the service's other alerts go on."""
    config = alertmanager_config(read())
    start = datetime(2026, 12, 1, tzinfo=UTC)
    tokyo = [(start + timedelta(minutes=15 * n)).astimezone(ZoneInfo("Asia/Tokyo")).hour for n in range(2 * 96)]
    limited = alert("payments", service="checkout", alertname="ServiceTrafficStopped")
    expected = [["payments-page"] if 7 <= hour < 23 else [] for hour in tokyo]
    assert expected == hourly(config, limited, told, start, days=2)
    assert [["payments-page"]] * (2 * 96) == hourly(config, alert("payments", service="checkout"), told, start, days=2)


def test_only_and_the_team_s_hours_hold_together(read: Read, told: Told) -> None:
    """A tier-2 page limited to weekends: there it is a ticket, as weekends are outside of the team's hours."""
    config = alertmanager_config(read())
    limited = alert("payments", "page", 2, service="basket", alertname="ServiceTrafficStopped")
    assert [INBOX] == told(config, limited, WORKDAY)
    assert [INBOX, "payments-ticket"] == told(config, limited, WEEKEND)
    assert [INBOX] == told(config, limited, WEEKEND + timedelta(hours=8))


def test_an_override_past_its_until_limits_nothing(read: Read, told: Told) -> None:
    """On its last day it still holds."""
    late = alert("payments", "ticket", 2, service="basket", alertname="HttpLatencyHigh")
    assert [INBOX, "payments-ticket"] == told(alertmanager_config(read()), late, WORKDAY)
    assert [INBOX] == told(alertmanager_config(read(today=date(2026, 11, 30))), late, WORKDAY)


def test_in_a_maintenance_window_nobody_is_told_and_the_inbox_sees_it(read: Read, told: Told) -> None:
    """From 22:15 on the 30th until 01:30 on the 1st in Berlin, and only that service."""
    config = alertmanager_config(read())
    start, end = datetime(2026, 12, 30, 21, 15, tzinfo=UTC), datetime(2027, 1, 1, 0, 30, tzinfo=UTC)
    for severity in ("page", "ticket"):
        labels = alert("payments", severity, 2, service="basket")
        minutes = [start - timedelta(minutes=1), start, end - timedelta(minutes=1), end]
        assert [2, 1, 1, 2] == [len(told(config, labels, minute)) for minute in minutes]
        assert all(INBOX in told(config, labels, minute) for minute in minutes)
    assert [INBOX, "payments-page"] == told(config, alert("payments", service="checkout"), start)


def test_maintenance_holds_for_alerts_with_hours_of_their_own(read: Read, told: Told) -> None:
    """A window on a Saturday mutes what ``only`` allows on Saturdays."""
    text = (
        "seawall: 1\nteams: {t: {notify: {ticket: {webhook: {url: 'http://hooks.test/'}}}}}\n"
        "services:\n  a: {kind: http, team: t,"
        " alerts: {ServiceDown: {only: 'Sat 00:00-24:00'}},"
        " maintenance: [{from: 2026-12-05T10:00:00, to: 2026-12-05T12:00:00, reason: x}]}\n"
    )
    config = alertmanager_config(read(text))
    labels = alert("t", "page", 2, service="a", alertname="ServiceDown")
    assert [INBOX] == told(config, labels, WEEKEND)
    assert [INBOX, "t-ticket"] == told(config, labels, WEEKEND + timedelta(hours=2))


def test_everything_goes_to_the_portal_first_and_at_once(read: Read) -> None:
    """The first route has no matcher, continues, and waits for seconds only."""
    config = alertmanager_config(read(), portal="127.0.0.1:18800")
    first = config["route"]["routes"][0]
    webhook = {"url": "http://127.0.0.1:18800/api/v1/alertmanager", "send_resolved": True, "max_alerts": 0}
    assert (INBOX, True, "1s") == (first["receiver"], first["continue"], first["group_wait"])
    assert "matchers" not in first
    assert {"name": INBOX, "webhook_configs": [webhook]} == config["receivers"][0]


def test_a_service_without_times_of_its_own_adds_no_route(read: Read) -> None:
    """A thousand services of one team are routed by one route."""
    services = "".join(f"  s{number}: {{kind: http, team: t}}\n" for number in range(1000))
    text = "seawall: 1\nteams: {t: {notify: {ticket: {webhook: {url: 'http://hooks.test/'}}}}}\nservices:\n" + services
    assert 3 == len(alertmanager_config(read(text))["route"]["routes"])


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
    assert [INBOX, "seawall-watchdog"] == told(config, {"alertname": "Watchdog", "team": "t"}, WORKDAY)
    assert {"name": "seawall-watchdog", "webhook_configs": [beat]} in config["receivers"]


def test_what_reaches_nobody_is_a_warning(read: Read) -> None:
    """Each names the team, what happens now and what to write."""
    text = (
        "seawall: 1\nteams:\n  a: {}\n  b: {hours: 'Mon 08:00-09:00', notify: {page: {webhook: {url: 'http://hooks.test/'}}}}\n"
        "services:\n"
        + "".join(f"  s{number}: {{kind: http, team: a, tier: 1}}\n" for number in range(5))
        + "  z: {kind: http, team: b}\n"
    )
    assert [
        'team "a": notify.page is missing: pages of s0, s1, s2 and 2 more stay in the inbox, where nobody is told; '
        "name a receiver",
        'team "b": notify.ticket is missing: pages outside of its hours stay in the inbox; name a receiver',
        "notify.watchdog is missing: nobody outside learns when the monitoring itself stops; "
        "add a receiver that expects a message every few minutes, such as a dead man's switch",
    ] == [problem.message for problem in routing_warnings(read(text))]


def test_a_complete_catalog_has_no_warning(read: Read) -> None:
    """Nor has a team without services, or with services of tier 3 and in mode shadow alone."""
    text = (
        "seawall: 1\nnotify: {watchdog: {webhook: {url: 'http://hooks.test/beat'}}}\nteams: {t: {}, empty: {}}\n"
        "services: {a: {kind: http, team: t, tier: 3}, b: {kind: http, team: t, tier: 1, mode: shadow}}\n"
    )
    assert [] == routing_warnings(read(text))


names = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
hooks = st.fixed_dictionaries(
    {},
    optional={
        "webhook": st.just({"url": "http://hooks.test/"}),
        "slack": st.just({"api_url_file": "/s", "text": "{{ .Status }} by hand"}),
        "pagerduty": st.just({"routing_key_file": "/s"}),
        "email": st.just({"to": "a@hooks.test", "from": "s@hooks.test", "smarthost": "hooks.test:25"}),
        "opsgenie": st.just({"api_key_file": "/s"}),
        "victorops": st.just({"api_key_file": "/s", "routing_key": "all"}),
    },
)
hours = st.sampled_from(["Mon-Fri 08:00-20:00", "Sat-Tue 22:00-06:00 Asia/Tokyo", "00:00-24:00", "Sun 00:00-00:01"])
teams = st.dictionaries(
    names,
    st.fixed_dictionaries(
        {"notify": st.fixed_dictionaries({"page": hooks, "ticket": hooks})},
        optional={"hours": hours, "timezone": st.sampled_from(["Europe/Berlin", "Pacific/Apia"])},
    ),
    min_size=1,
    max_size=4,
)
window = st.tuples(st.datetimes(datetime(2026, 11, 1), datetime(2027, 12, 1)), st.integers(1, 100_000)).map(
    lambda pair: {
        "from": pair[0].isoformat(timespec="seconds"),
        "to": (pair[0] + timedelta(minutes=pair[1])).isoformat(timespec="seconds"),
        "reason": '{{ "x" }}',
    }
)


@st.composite
def catalogs(draw: st.DrawFn) -> dict[str, Any]:
    """A catalog with anything that routing looks at."""
    drawn = draw(teams)
    service_names = sorted(draw(st.sets(names, min_size=1, max_size=6)))
    services = {}
    for name in service_names:
        others = [other for other in service_names if other != name]
        services[name] = {
            "kind": "http",
            "team": draw(st.sampled_from(sorted(drawn))),
            "tier": draw(st.integers(1, 3)),
            "mode": draw(st.sampled_from(["live", "live", "shadow"])),
            "depends_on": {other: {"inhibits": draw(st.booleans())} for other in others if draw(st.booleans())},
            "alerts": {"ServiceDown": {"only": draw(hours)}} if draw(st.booleans()) else {},
            "maintenance": draw(st.lists(window, max_size=2)),
        }
    return {"seawall": 1, "notify": {"watchdog": draw(hooks)}, "teams": drawn, "services": services}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(raw=catalogs())
def test_amtool_accepts_the_configuration_of_any_catalog(
    raw: dict[str, Any], tool: Tool, read: Read, written: Written
) -> None:
    """Whatever teams, hours, windows, edges and receivers it declares."""
    config = written(alertmanager_config(read(yaml.safe_dump(raw))))
    ran = subprocess.run([tool("amtool"), "check-config", config], capture_output=True, text=True)
    assert 0 == ran.returncode, ran.stdout + ran.stderr


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(raw=catalogs(), offset=st.integers(0, 400 * 1440))
def test_an_alert_reaches_the_inbox_and_at_most_one_receiver_of_its_team_at_any_time(
    raw: dict[str, Any], offset: int, read: Read, told: Told
) -> None:
    """Never another team's, never both of its own."""
    config = alertmanager_config(read(yaml.safe_dump(raw)))
    for name, service in raw["services"].items():
        labels = alert(service["team"], "page", service["tier"], service=name, alertname="ServiceDown")
        inbox, *others = told(config, labels, datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=offset))
        own = {f"{service['team']}-page", f"{service['team']}-ticket", NOBODY}
        assert (INBOX, True, True) == (inbox, len(others) <= 1, set(others) <= own)


def test_amlint_finds_no_fault_in_it(read: Read, written: Written) -> None:
    """What it remarks is meant: a receiver that tells nobody, and one alert's page before its ticket."""
    command = [sys.executable, "-m", "amlint.cli", "check", "--format", "json", written(alertmanager_config(read()))]
    found = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    assert ["empty-receiver", "global-resolve-timeout-missing", "inhibit-same-match"] == sorted(
        one["code"] for one in found
    )
