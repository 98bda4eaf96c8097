"""The portal as a process, with the real Prometheus and the real Alertmanager."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from seawall.portal.settings import Settings

from .conftest import Clock, Site, free_port, notified, running, until, webhook

pytestmark = pytest.mark.e2e

OpenSite = Callable[..., AbstractContextManager[Site]]


@contextmanager
def portal(settings: Settings, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``seawall portal`` as a process of its own."""
    options = {
        "--catalog": settings.catalog, "--build": settings.build, "--data": settings.data,
        "--prometheus": settings.prometheus, "--listen": f"127.0.0.1:{port}",
    }  # fmt: skip
    command = (sys.executable, "-m", "seawall.cli", "portal", *(str(part) for pair in options.items() for part in pair))
    with running(*command, log=log) as process:
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200)
        yield process


def test_the_inbox_survives_a_kill_and_a_restart(settings: Settings, tmp_path: Path) -> None:
    """What was answered with 200 is there again, to the alert."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    sent = [notified(f"A{n}", fingerprint=f"f{n}") for n in range(200)]
    with portal(settings, port, tmp_path / "log") as process:
        for alert in sent:
            assert 200 == httpx.post(f"{url}/api/v1/alertmanager", json=webhook(alert), trust_env=False).status_code
        process.send_signal(signal.SIGKILL)
        process.wait()
    with portal(settings, port, tmp_path / "log"):
        kept = httpx.get(f"{url}/api/v1/alerts", trust_env=False).json()["alerts"]
        assert {alert["labels"]["alertname"] for alert in sent} == {alert["alertname"] for alert in kept}
        assert "A199" in httpx.get(f"{url}/alerts", trust_env=False).text


def test_a_port_in_use_is_named(settings: Settings, tmp_path: Path) -> None:
    """One line, a way out, exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with running(
            sys.executable, "-m", "seawall.cli", "portal", "--catalog", str(settings.catalog), "--build", str(settings.build),
            "--data", str(settings.data), "--listen", f"127.0.0.1:{port}", log=tmp_path / "log",
        ) as process:  # fmt: skip
            assert 1 == process.wait(30)
    said = (tmp_path / "log").read_text()
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said
    assert "choose another address with --listen" in said
    assert "Traceback" not in said


def test_what_a_real_alertmanager_sends_is_kept_and_resolved(settings: Settings, tmp_path: Path) -> None:
    """From its API through its webhook to the page, there and back."""
    port, manager = free_port(), free_port()
    config = {
        "route": {"receiver": "portal", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [
            {
                "name": "portal",
                "webhook_configs": [{"url": f"http://127.0.0.1:{port}/api/v1/alertmanager", "send_resolved": True}],
            }
        ],
    }
    (tmp_path / "alertmanager.yml").write_text(json.dumps(config))
    command = (
        "prometheus-alertmanager",
        f"--config.file={tmp_path / 'alertmanager.yml'}",
        f"--storage.path={tmp_path / 'am'}",
        f"--web.listen-address=127.0.0.1:{manager}",
        "--cluster.listen-address=",
    )
    url, api = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{manager}"

    def inbox(state: str) -> list[dict[str, object]]:
        found = httpx.get(f"{url}/api/v1/alerts", params={"state": state}, trust_env=False).json()["alerts"]
        assert isinstance(found, list)
        return found

    alert = {
        "labels": {"alertname": "CheckoutFailing", "service": "checkout", "team": "payments", "severity": "page"},
        "annotations": {"summary": "half <b>fail</b>"},
        "startsAt": "2026-09-21T12:00:00Z",
    }
    with portal(settings, port, tmp_path / "log"), running(*command, log=tmp_path / "am.log"):
        until(lambda: httpx.get(f"{api}/-/ready").status_code == 200)
        httpx.post(f"{api}/api/v2/alerts", json=[alert]).raise_for_status()
        (firing,) = until(lambda: inbox("firing"))
        assert ("half <b>fail</b>", None) == (firing["summary"], firing["ends_at"])
        httpx.post(f"{api}/api/v2/alerts", json=[{**alert, "endsAt": "2026-09-21T12:04:10Z"}]).raise_for_status()
        (resolved,) = until(lambda: inbox("resolved"))
        assert 250.0 == resolved["duration_seconds"]
        page = httpx.get(f"{url}/alerts", trust_env=False).text
        assert "4 min 10 s" in page
        assert "half &lt;b&gt;fail&lt;/b&gt;" in page


def test_the_alerts_own_query_is_drawn_against_its_threshold(open_site: OpenSite, prometheus_url: str) -> None:
    """With a line, the threshold, the numbers in words, and a way into Prometheus."""
    with open_site(Clock(time.time()), prometheus=prometheus_url) as site:
        page = site.web.get("/runbooks/checkout/CheckoutFailing").text
    evidence = page.split('id="evidence"')[1].split("<article")[0]
    assert '<path class="line s0"' in evidence
    assert '<path class="threshold"' in evidence
    assert re.search(r"fires above\s+<b>0.5 req/s</b>\s+for 1 min", evidence)
    assert "g0.expr=sum%28rate%28prometheus_http_requests_total" in evidence
    assert re.search(r"firing</span>\s+the condition has held since", page)
    assert "Live evidence is missing" not in page


def test_a_first_look_query_is_drawn_where_the_text_has_it(open_site: OpenSite, prometheus_url: str) -> None:
    """Between the paragraphs, beneath its own text."""
    with open_site(Clock(time.time()), prometheus=prometheus_url) as site:
        page = site.web.get("/runbooks/checkout/CheckoutFailing").text
    figure = page.split('id="query-0"')[1].split("</figure>")[0]
    assert "sum(prometheus_http_requests_total)" in figure
    assert "<svg" in figure
    assert page.index("First look") < page.index('id="query-0"') < page.index("Look at the logs")


def test_the_fleet_shows_status_budget_burn_and_traffic(open_site: OpenSite, prometheus_url: str) -> None:
    """As Prometheus has them; the worst comes first."""
    with open_site(time.time, prometheus=prometheus_url) as site:
        page = until(lambda: text if "/s</span>" in (text := site.web.get("/").text) else "")
    assert re.search(r"42 %</b>.*burn 2.5×", page, re.DOTALL)
    assert "100/s</span>" in page
    order = [page.index(f'/services/{name}"') for name in ("checkout", "orders-db", "storefront")]
    assert sorted(order) == order
    assert "down</span>" in page
    assert "CheckoutFailing" in page


def test_a_service_shows_its_panels_and_what_is_pending(open_site: OpenSite, prometheus_url: str) -> None:
    """Each panel is a chart with a legend; a range can be chosen by a link."""
    with open_site(Clock(time.time()), prometheus=prometheus_url) as site:
        page = site.web.get("/services/checkout").text
        day = site.web.get("/services/checkout?range=24h").text
    assert '<figure class="panel" id="requests">' in page
    assert "/api/v1/query" in page
    assert 'href="?range=15m" aria-current="true"' in page
    assert 'href="?range=24h" aria-current="true"' in day
    assert "<svg" in day


def test_a_terminal_browser_gets_charts_of_characters(open_site: OpenSite, prometheus_url: str) -> None:
    """And no SVG that it could not show."""
    with open_site(Clock(time.time()), prometheus=prometheus_url) as site:
        page = site.web.get("/runbooks/checkout/CheckoutFailing", headers={"user-agent": "w3m/0.5.3"}).text
    assert "<svg" not in page
    assert re.search(r'<pre class="spark-text">[▁▂▃▄▅▆▇█ ]+</pre>', page)
