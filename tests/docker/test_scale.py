"""The profile scale: VictoriaMetrics has the samples, and vmalert evaluates the same rules."""

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from docker_engine import ROOT, Stack
from servers import eventually, get

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def scaled(client: dict[str, str], image: str) -> Iterator[Stack]:
    """Return the running stack, as compose/scale.env asks for it."""
    asked = dict(
        line.split("=", 1)
        for line in (ROOT / "compose" / "scale.env").read_text().splitlines()
        if not line.startswith("#")
    )
    stack = Stack(
        {**client, **asked, "SEAWALL_IMAGE": image}, ROOT / "compose" / "catalog", f"seawall-scale-{os.getpid()}"
    )
    try:
        stack.up("prometheus", "alertmanager", "exporter", "vmalert")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "5", check=False)


def stored(stack: Stack, expression: str) -> list[dict[str, Any]]:
    """Return the series of *expression* in VictoriaMetrics."""
    answer = json.loads(get(stack.url("victoriametrics", f"/api/v1/query?query={quote(expression)}")))
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def test_every_sample_is_in_the_storage_too(scaled: Stack) -> None:
    eventually(
        lambda: {"seawall-exporter", "docker-host"} <= {each["metric"]["job"] for each in stored(scaled, "up == 1")},
        120,
        every=1,
    )


def test_vmalert_evaluates_every_rule_and_writes_what_rules_make(scaled: Stack) -> None:
    """Prometheus sends none of those: nobody else has written them."""
    told = json.loads(
        scaled.docker(
            "exec",
            scaled.container("vmalert"),
            "busybox",
            "wget",
            "-q",
            "-O",
            "-",
            "http://127.0.0.1:8880/api/v1/rules",
        )
    )
    rules = [rule for group in told["data"]["groups"] for rule in group["rules"]]
    ours = json.loads(get(scaled.url("prometheus", "/api/v1/rules")))["data"]["groups"]
    assert len(rules) == sum(len(group["rules"]) for group in ours)
    assert [] == [rule["name"] for rule in rules if rule.get("lastError")]
    eventually(lambda: stored(scaled, 'ALERTS{alertname="Watchdog"}') != [], 120, every=1)


def test_an_alert_of_both_is_one(scaled: Stack) -> None:
    def watchdogs() -> list[dict[str, Any]]:
        found = json.loads(get(scaled.url("alertmanager", "/api/v2/alerts")))
        return [each for each in found if each["labels"]["alertname"] == "Watchdog"]

    def sent() -> bool:
        told = scaled.docker(
            "exec", scaled.container("vmalert"), "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8880/metrics"
        )
        return any(
            float(line.split()[-1]) > 0 for line in told.splitlines() if line.startswith("vmalert_alerts_sent_total")
        )

    eventually(lambda: bool(scaled.query("prometheus_notifications_sent_total > 0")), 120, every=1)
    eventually(sent, 120, every=1)
    eventually(lambda: watchdogs() != [], 120, every=1)
    assert 1 == len(watchdogs())
