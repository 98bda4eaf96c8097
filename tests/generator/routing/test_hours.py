"""Who is told at which hour, asked of the clock by zoneinfo."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from seawall.catalog import Catalog
from seawall.generator.routing import alertmanager_config

Read = Callable[..., Catalog]
Told = Callable[[Mapping[str, Any], Mapping[str, str], datetime | None], list[str]]
BERLIN = ZoneInfo("Europe/Berlin")
INBOX = "seawall-portal"
# Tuesday, and Saturday, at noon in Berlin.
WORKDAY = datetime(2026, 12, 1, 11, tzinfo=UTC)
WEEKEND = datetime(2026, 12, 5, 11, tzinfo=UTC)


def alert(team: str, severity: str = "page", tier: int = 1, **labels: str) -> dict[str, str]:
    """The labels of an alert, as Prometheus sends them."""
    own = {"alertname": "HttpServiceFailing", "service": "some-api", "class": "symptom", "kind": "http"}
    return own | {"team": team, "severity": severity, "tier": str(tier)} | labels


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
    assert hourly(config, alert("payments", service="checkout"), told, start, days=2) == [["payments-page"]] * (2 * 96)


def test_only_and_the_team_s_hours_hold_together(read: Read, told: Told) -> None:
    """A tier-2 page limited to weekends: there it is a ticket, as weekends are outside of the team's hours."""
    config = alertmanager_config(read())
    limited = alert("payments", "page", 2, service="basket", alertname="ServiceTrafficStopped")
    assert told(config, limited, WORKDAY) == [INBOX]
    assert told(config, limited, WEEKEND) == [INBOX, "payments-ticket"]
    assert told(config, limited, WEEKEND + timedelta(hours=8)) == [INBOX]


def test_an_override_past_its_until_limits_nothing(read: Read, told: Told) -> None:
    """On its last day it still holds."""
    late = alert("payments", "ticket", 2, service="basket", alertname="HttpLatencyHigh")
    assert told(alertmanager_config(read()), late, WORKDAY) == [INBOX, "payments-ticket"]
    assert told(alertmanager_config(read(today=date(2026, 11, 30))), late, WORKDAY) == [INBOX]


def test_in_a_maintenance_window_nobody_is_told_and_the_inbox_sees_it(read: Read, told: Told) -> None:
    """From 22:15 on the 30th until 01:30 on the 1st in Berlin, and only that service."""
    config = alertmanager_config(read())
    start, end = datetime(2026, 12, 30, 21, 15, tzinfo=UTC), datetime(2027, 1, 1, 0, 30, tzinfo=UTC)
    for severity in ("page", "ticket"):
        labels = alert("payments", severity, 2, service="basket")
        minutes = [start - timedelta(minutes=1), start, end - timedelta(minutes=1), end]
        assert [len(told(config, labels, minute)) for minute in minutes] == [2, 1, 1, 2]
        assert all(INBOX in told(config, labels, minute) for minute in minutes)
    assert told(config, alert("payments", service="checkout"), start) == [INBOX, "payments-page"]


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
    assert told(config, labels, WEEKEND) == [INBOX]
    assert told(config, labels, WEEKEND + timedelta(hours=2)) == [INBOX, "t-ticket"]
