"""The main job on real servers: a fault in the running shop pages the inbox, its runbook opens, and it heals.

The tests are steps of one story, in the order in which they stand.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import panels
import pytest
from servers import free_port

ROOT = Path(__file__).parents[2]
PORTS = {name: free_port() for name in ("prometheus", "alertmanager", "exporter", "portal")}
MOVED = {usual: free_port() for usual in ("8001", "8002", "9464", "9465", "9466", "9467")} | {"9879": PORTS["exporter"]}
# What a panel shows only where there is some of it, by its title and legend: none of it is wrong without.
MAY_BE_EMPTY = {
    ("Events a second, against last week", "a week ago"): "the shop is a few minutes old",
    ("Error budget remaining", "{{slo}}"): "it is recorded every ten minutes, and the shop is younger",
    ("Days of history", "{{slo}}"): "it is recorded every ten minutes, and the shop is younger",
    ("Failed requests a second by route", "{{http_route}} {{http_response_status_code}}"): "until something fails",
    ("Requests turned away", "429"): "the shop turns nobody away",
    ("Requests turned away", "503"): "the shop turns nobody away",
    ("Certificate", "{{instance}}"): "the shop is asked without TLS",
    ("TLS and IP", "{{version}}"): "the shop is asked without TLS",
    ("DNS", "answered"): "the shop is asked over HTTP",
    ("DNS", "records"): "the shop is asked over HTTP",
    ("Outcome", "{{instance}}, other content"): "the catalog expects no content",
    ("Why probes fail", "{{reason}}"): "while they succeed",
    ("Collectors that fail", "{{collector}}"): "while none does",
    ("Configuration and catalog", "collector {{source}}"): "without collectors of one's own",
    ("Configuration and catalog", "text files"): "without text files",
    ("Configuration and catalog", "watch"): "where no seawall watch runs",
    ("Configuration and catalog", "web configuration"): "without one",
}
# What the local stack does not run, by what a query asks for.
NOT_HERE = {
    'job="seawall-collector"': "the Collector is the Docker stack's",
    'job="seawall-watch"': "no seawall watch runs",
    'mountpoint=~"/volumes/': "volumes are Docker's",
    "prometheus_remote_storage_": "nothing is written on",
    "_maintenance_errors_total": "older Alertmanagers do not tell",
}
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
    return re.sub(rf"\b({'|'.join(MOVED)})\b", lambda port: str(MOVED[port[0]]), text)


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


def rewrite(file: Path, words: Mapping[str, str]) -> None:
    """Replace *words* in a rendered file, where each has to be."""
    text = file.read_text()
    for old, new in words.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def pids(state: Path) -> dict[str, int]:
    """Return the id of each process of the stack, by its name."""
    return {each["name"]: each["pid"] for each in json.loads(seawall(state, "status", "--json"))["processes"]}


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_a_fault_pages_the_inbox(stack: Path) -> None:
    """Half of the requests fail; within three minutes the page is in the inbox, with all that its reader needs."""
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


@pytest.mark.e2e
def test_every_panel_of_the_shop_has_data(stack: Path) -> None:
    """The real Prometheus answers each query of the dashboards, and takes those of their annotations."""
    url = f"http://localhost:{PORTS['prometheus']}"

    assert set() == panels.empty(stack / "build", url, MAY_BE_EMPTY, NOT_HERE, 180)
    marked = {(service, name) for service, name, expr in panels.annotations(stack / "build") if panels.ask(url, expr)}

    assert {("storefront", "Starts"), ("checkout", "Starts"), ("mailer", "Starts")} <= marked


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
    before = pids(stack)
    folder = stack.parent
    ports = [word for name, port in PORTS.items() for word in ("--port", f"{name}={port}")]
    arguments = [str(folder / "catalog.yaml"), "--processes", str(folder / "processes.yaml"), "--no-check", *ports]
    said = seawall(stack, "up", *arguments)

    assert "already" in said.lower() or "nothing" in said.lower()
    assert before == pids(stack)


@pytest.mark.e2e
def test_healing_resolves_the_page(stack: Path) -> None:
    """The inbox says how long it took.

    The errors leave the window of five minutes that the page looks at after five minutes, as the rules' proofs say; the
    rest of the way is the same where it is half a minute, looked at more often.
    """
    often = {'interval: "30s"': 'interval: "5s"'}
    for file in (stack / "build/prometheus/rules").glob("*"):
        rewrite(file, often | ({"[5m]": "[30s]"} if file.name.startswith("_shared-http") else {}))
    scrapes = {'scrape_interval: "15s"': 'scrape_interval: "5s"', 'scrape_timeout: "10s"': 'scrape_timeout: "5s"'}
    rewrite(stack / "build/prometheus/prometheus.yml", scrapes)
    os.kill(pids(stack)["prometheus"], signal.SIGHUP)
    seawall(stack, "demo", "heal")
    fast = ("SloErrorBudgetBurn", "1h")
    healed = eventually(
        lambda: [
            each
            for each in alerts(service="storefront", state="resolved")
            if (each["alertname"], each["labels"].get("window")) == fast
        ],
        240,
    )
    assert healed[0]["duration_seconds"] > 0
    assert "resolved" in get(f"{PORTAL}/alerts").lower() or "took" in get(f"{PORTAL}/alerts").lower()
