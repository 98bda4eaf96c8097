"""The main job on real servers: a fault in the running shop pages the inbox, its runbook opens, and it heals."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PORTS = {"prometheus": 29090, "alertmanager": 29093, "exporter": 29879, "portal": 28800}
SHOP = {"8001": "28001", "8002": "28002", "9464": "29464", "9465": "29465", "9466": "29466", "9467": "29467"}
PORTAL = f"http://localhost:{PORTS['portal']}"


def seawall(state: Path, command: str, *arguments: str) -> str:
    """Run the real command and return what it prints."""
    line = [sys.executable, "-m", "seawall.cli", command, *arguments, "--state", str(state)]
    done = subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, timeout=240, env={**os.environ, "NO_COLOR": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def get(url: str) -> str:
    """Return the body of *url*."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def eventually(find: Callable[[], Any], seconds: float) -> Any:
    """Return the first true answer of *find*; fail after *seconds*."""
    end = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        assert time.monotonic() < end, f"nothing within {seconds} s; last: {found!r}"
        time.sleep(1)


def moved(text: str) -> str:
    """Return a file of the example with its ports moved away from the usual ones."""
    return re.sub(r"\b(8001|8002|946[4-7]|9879)\b", lambda port: {**SHOP, "9879": "29879"}[port[0]], text)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The shop's stack, up, on ports of its own."""
    folder = tmp_path_factory.mktemp("shop")
    for file in (ROOT / "examples/shop").glob("*.*"):
        text = file.read_text()
        (folder / file.name).write_text(moved(text) if file.suffix == ".yaml" else text)
    state = folder / ".seawall"
    ports = [word for name, port in PORTS.items() for word in ("--port", f"{name}={port}")]
    arguments = [str(folder / "catalog.yaml"), "--processes", str(folder / "processes.yaml"), "--no-check", *ports]
    seawall(state, "up", *arguments)
    try:
        yield state
    finally:
        seawall(state, "down")


def alerts(**filters: str) -> list[dict[str, Any]]:
    """Return the inbox, narrowed."""
    query = "&".join(f"{key}={value}" for key, value in filters.items())
    found: list[dict[str, Any]] = json.loads(get(f"{PORTAL}/api/v1/alerts?{query}"))["alerts"]
    return found


def page() -> dict[str, Any] | None:
    """Return the storefront's availability page, if it is in the inbox."""
    mine = alerts(service="storefront", severity="page")
    return next((each for each in mine if each["labels"].get("slo") == "availability"), None)


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_a_fault_pages_the_inbox_and_healing_resolves_it(stack: Path) -> None:
    """Half of the requests fail; within three minutes the page is in the inbox; healed, it says how long it took."""
    prometheus = f"http://localhost:{PORTS['prometheus']}/api/v1/query?query="
    eventually(lambda: json.loads(get(prometheus + "slo:total:rate5m"))["data"]["result"], 120)
    assert page() is None

    seawall(stack, "demo", "errors")
    alert = eventually(page, 180)

    assert (alert["state"], alert["team"], alert["tier"]) == ("firing", "storefront", "1")
    assert "burns the error budget of availability" in alert["summary"]
    assert alert["likely_cause"]
    assert f"{PORTAL}/services/storefront#burn-rate" == alert["dashboard_url"]
    assert f"{PORTAL}/runbooks/storefront/SloErrorBudgetBurn" == alert["runbook_url"]
    assert "Error budget" in get(alert["dashboard_url"])
    runbook = eventually(lambda: text if "<svg" in (text := get(alert["runbook_url"])) else "", 60)
    assert all(f">{part}<" in runbook for part in ("Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation"))
    assert "<svg" in runbook
    assert "slo:burn_rate:ratio{" in runbook.replace("&#34;", '"').replace("&quot;", '"')

    seawall(stack, "demo", "heal")
    fast = ("SloErrorBudgetBurn", "1h")
    healed = eventually(
        lambda: [
            each
            for each in alerts(service="storefront", state="resolved")
            if (each["alertname"], each["labels"].get("window")) == fast
        ],
        600,
    )
    assert healed[0]["duration_seconds"] > 0
    assert "resolved" in get(f"{PORTAL}/alerts").lower() or "took" in get(f"{PORTAL}/alerts").lower()


@pytest.mark.e2e
def test_every_rule_of_the_shop_is_evaluated_without_an_error(stack: Path) -> None:
    """The real Prometheus finds no rule broken."""
    groups = json.loads(get(f"http://localhost:{PORTS['prometheus']}/api/v1/rules"))["data"]["groups"]

    assert [
        (rule["name"], rule["lastError"]) for group in groups for rule in group["rules"] if rule.get("lastError")
    ] == []


@pytest.mark.e2e
def test_a_second_up_changes_nothing(stack: Path) -> None:
    """The stack that runs is left alone, and says so."""
    before = json.loads(seawall(stack, "status", "--json"))
    folder = stack.parent
    ports = [word for name, port in PORTS.items() for word in ("--port", f"{name}={port}")]
    arguments = [str(folder / "catalog.yaml"), "--processes", str(folder / "processes.yaml"), "--no-check", *ports]
    said = seawall(stack, "up", *arguments)
    after = json.loads(seawall(stack, "status", "--json"))

    assert "already" in said.lower() or "nothing" in said.lower()
    assert [each["pid"] for each in before["processes"]] == [each["pid"] for each in after["processes"]]
