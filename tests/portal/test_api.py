"""What machines ask of the portal, over HTTP."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from .conftest import START, Clock, Site, notified, webhook

OpenSite = Callable[..., AbstractContextManager[Site]]


def test_a_webhook_is_in_the_inbox_at_once(site: Site) -> None:
    """With every field that the API promises."""
    annotations = {"summary": "half fail", "runbook_url": "http://localhost:8800/runbooks/checkout/CheckoutFailing"}
    assert site.post(webhook(notified(annotations=annotations, fingerprint="f1"))).json() == {"stored": 1}
    (alert,) = site.alerts()
    assert {name: value for name, value in alert.items() if name != "labels"} == {
        "alertname": "CheckoutFailing",
        "service": "checkout",
        "team": "payments",
        "tier": "1",
        "severity": "page",
        "state": "firing",
        "summary": "half fail",
        "likely_cause": "",
        "dashboard_url": "",
        "runbook_url": "http://localhost:8800/runbooks/checkout/CheckoutFailing",
        "starts_at": "2026-09-21T12:00:00.000Z",
        "ends_at": None,
        "duration_seconds": START - 1789992000,
        "received_at": "2026-09-21T14:13:20.000Z",
        "fingerprint": "f1",
    }


def test_a_resolved_alert_tells_how_long_it_took(site: Site) -> None:
    """From its own start to its own end, whenever it arrived."""
    site.post(webhook(notified()))
    site.post(webhook(notified(status="resolved", ends_at="2026-09-21T12:04:10Z")))
    (alert,) = site.alerts()
    assert (
        alert["state"], alert["duration_seconds"], alert["ends_at"],
    ) == ("resolved", 250.0, "2026-09-21T12:04:10.000Z")  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, {"checkout", "orders-db"}),
        ({"service": "orders-db"}, {"orders-db"}),
        ({"team": "data"}, {"orders-db"}),
        ({"state": "resolved"}, set()),
        ({"severity": "page", "unknown": "x"}, {"checkout", "orders-db"}),
    ],
)
def test_the_api_takes_the_filters_of_the_inbox(site: Site, wanted: dict[str, str], expected: set[str]) -> None:
    """What is not a filter is ignored."""
    site.post(webhook(notified(), notified("PostgresDown", "orders-db", labels={"team": "data"})))
    assert expected == {alert["service"] for alert in site.alerts(**wanted)}


def test_a_firing_dependency_is_the_likely_cause(site: Site) -> None:
    """Where the alert itself names none."""
    site.post(webhook(notified(), notified("PostgresDown", "orders-db")))
    (alert,) = site.alerts(service="checkout")
    assert alert["likely_cause"] == "orders-db: PostgresDown"


def test_links_that_are_not_http_are_left_out(site: Site) -> None:
    """An annotation is somebody's text."""
    site.post(
        webhook(notified(annotations={"runbook_url": "javascript:alert(1)", "dashboard_url": "data:text/html,x"}))
    )
    (alert,) = site.alerts()
    assert (alert["runbook_url"], alert["dashboard_url"]) == ("", "")


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"version": "3"}', "application/json", 400),
        (b'{"version": "4", "alerts": [{}]}', "application/json; charset=utf-8", 400),
        (b'{"version": "4", "alerts": []}', "text/plain", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b'{"version": "4", "alerts": [], "x": "' + b"y" * 2000 + b'"}', "application/json", 413),
    ],
)
def test_a_bad_webhook_is_refused_with_one_line_in_the_log(
    open_site: OpenSite, caplog: pytest.LogCaptureFixture, content: bytes, content_type: str, status: int
) -> None:
    """What was there before stays; the next webhook is heard."""
    with open_site(body_limit=1500) as site, caplog.at_level(logging.INFO, logger="seawall.portal"):
        site.post(webhook(notified()))
        answer = site.web.post("/api/v1/alertmanager", content=content, headers={"content-type": content_type})
        assert (status, 1) == (answer.status_code, len(caplog.records))
        assert answer.json()["error"]
        assert "\n" not in caplog.messages[0]
        site.post(webhook(notified("Other")))
        assert len(site.alerts()) == 2


def test_the_good_alerts_of_a_partly_bad_webhook_are_kept(site: Site) -> None:
    """The answer is 400 all the same, so that Alertmanager's own log and metrics tell of it."""
    answer = site.post(webhook({"status": "firing"}, notified()))
    assert (answer.status_code, answer.json()["stored"]) == (400, 1)
    assert len(site.alerts()) == 1


def test_a_store_that_fails_is_answered_with_503(site: Site) -> None:
    """Alertmanager sends what was answered with 5xx again."""
    site.store._connection.execute("PRAGMA query_only = ON")
    assert site.post(webhook(notified())).status_code == 503
    assert site.web.get("/health").status_code == 503
    site.store._connection.execute("PRAGMA query_only = OFF")
    assert site.post(webhook(notified())).status_code == 200


def test_the_webhook_takes_no_get(site: Site) -> None:
    """No GET changes anything."""
    assert site.web.get("/api/v1/alertmanager").status_code == 405


def test_what_ended_before_the_retention_is_forgotten(open_site: OpenSite) -> None:
    """The next webhook after the retention has passed sweeps it out."""
    clock = Clock()
    with open_site(clock) as site:
        site.post(webhook(notified(status="resolved", ends_at="2026-09-21T12:04:10Z")))
        clock.seconds += 91 * 86400
        site.post(webhook())
        assert site.alerts() == []


def test_health_is_200_where_the_store_writes_and_the_catalog_is_loaded(site: Site) -> None:
    """Prometheus is down in this test: that is not the portal's health."""
    answer = site.web.get("/health")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_health_is_503_without_a_catalog(open_site: OpenSite, settings: Any) -> None:
    """The inbox works even then."""
    settings.catalog.write_text("services: [")
    with open_site() as site:
        answer = site.web.get("/health")
        assert answer.status_code == 503
        assert "the catalog is not loaded" in answer.text
        assert site.post(webhook(notified())).status_code == 200


def test_metrics_count_what_came_in(site: Site) -> None:
    """Every outcome has its series from the start."""
    site.post(webhook(notified(), notified("Watchdog", "seawall")))
    site.post("nonsense")
    lines = site.web.get("/metrics").text.splitlines()
    for expected in (
        'seawall_portal_webhooks_total{outcome="stored"} 1.0',
        'seawall_portal_webhooks_total{outcome="refused"} 1.0',
        'seawall_portal_webhooks_total{outcome="failed"} 0.0',
        "seawall_portal_alerts_stored_total 1.0",
        "seawall_portal_firing_alerts 1.0",
        f"seawall_portal_last_heartbeat_timestamp_seconds {START:.9e}".replace("000000e", "e"),
    ):
        name = expected.split(" ")[0]
        assert [float(expected.split(" ")[1])] == [
            float(line.split(" ")[1]) for line in lines if line.startswith(f"{name} ")
        ]
