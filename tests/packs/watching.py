"""Failures made for real, seen by a real Prometheus: an exporter over a catalog, and rendered rules as quick as a test."""

import json
import logging
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from servers import answers, eventually, free_port, get, process, serving

from seawall.catalog import load
from seawall.generator import Addresses, Packs, load_packs, render

# Debian's Prometheus has a database of the whole machine where none is named.
FLAGS: Final = ("--config.file=prometheus/prometheus.yml", "--storage.tsdb.path=data")
AT_ONCE: Final = "for: 1s"
PATIENCE: Final = 60
"""Seconds that a test waits for what it looks at, on a machine that has much else to do."""
EVERY: Final = 0.2
"""Seconds between two questions to Prometheus, which evaluates once a second."""
WATCHDOG: Final = ("seawall", "Watchdog")
OF_THE_OTHERS: Final = ("SeawallAlertmanagerDown", "SeawallAlertsNotSent", "SeawallPortalDown")
"""What Prometheus rightly says of the stack where it and the exporter run alone."""

_LOG: Final = logging.getLogger(__name__)

Alerts = set[tuple[str, str]]
"""The service and the name of each."""


@dataclass(frozen=True)
class Prometheus:
    """A real Prometheus with the rendered rules, each evaluated every second; *is_alone* where no Alertmanager runs."""

    url: str
    is_alone: bool = True

    def ask(self, path: str) -> Any:
        """Return what its API answers."""
        return json.loads(get(f"{self.url}/api/v1/{path}"))["data"]

    def value(self, query: str) -> float:
        """Return the one value of *query*; 0 where there is none."""
        found = self.ask(f"query?query={urllib.parse.quote(query)}")["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def alerts(self, *states: str, severity: str = "") -> Alerts:
        """Return those in one of *states*, of one severity or of any."""
        found = [each["labels"] for each in self.ask("alerts")["alerts"] if each["state"] in states]
        told = {(each["service"], each["alertname"]) for each in found if severity in ("", each["severity"])}
        return {each for each in told if not (self.is_alone and each[1] in OF_THE_OTHERS)}

    def firing(self, severity: str = "") -> Alerts:
        """Return what fires, but for the Watchdog."""
        return self.alerts("firing", severity=severity) - {WATCHDOG}

    def active(self, severity: str = "") -> Alerts:
        """Return what fires or begins to, but for the Watchdog."""
        return self.alerts("pending", "firing", severity=severity) - {WATCHDOG}

    def has(self, query: str, value: float | None = None) -> None:
        """Wait until *query* has a value that is not 0, or the one that is said."""
        _wait(lambda: self.value(query) != 0 if value is None else self.value(query) == value)

    def fires(self, service: str, *alerts: str, meanwhile: Callable[[], object] = lambda: None) -> float:
        """Wait until all of *alerts* fire, and do *meanwhile* again and again; return the seconds, and log them."""
        expected, start = {(service, alert) for alert in alerts}, time.monotonic()

        def do_fire() -> bool:
            meanwhile()
            return expected <= self.firing()

        _wait(do_fire)
        seconds = time.monotonic() - start
        _LOG.info("%s: %s after %.1f s", service, ", ".join(alerts), seconds)
        return seconds

    def resolves(self, service: str, *alerts: str) -> None:
        """Wait until *alerts* are over."""
        _wait(lambda: not {(service, alert) for alert in alerts} & self.active())

    def is_quiet(self) -> None:
        """Wait until nothing is wrong any more."""
        _wait(lambda: not self.active())

    def knows(self, up: str, services: int) -> None:
        """Wait until *up* was told a few times by as many services, and each rule evaluated; all went well."""
        self.has(f"count(count_over_time({up}[5m]) >= 4)", services)
        _wait(lambda: all(rule["health"] != "unknown" for rule in self.rules()))
        assert [] == [rule for rule in self.rules() if rule["health"] != "ok"]
        assert services == self.value(f"count({up} == 1)")


def _wait(check: Callable[[], bool]) -> None:
    eventually(check, PATIENCE, EVERY)


@cache
def packs() -> Packs:
    """Return all packs, read once."""
    return load_packs()


def at_once(kind: str, moved: Mapping[str, Mapping[str, object]] | None = None) -> dict[str, dict[str, object]]:
    """Return overrides by which every alert of *kind* fires at once; *moved* says more of some, or otherwise."""
    names = [name for name in packs().alert_names(kind) if not name.startswith(("Slo", "ServiceTraffic"))]
    return {name: {"for": "1s", **(moved or {}).get(name, {}), "reason": "a test"} for name in names}


def catalog_of(services: Mapping[str, Mapping[str, object]]) -> str:
    """Return a catalog, in JSON, of the services, whose team it adds."""
    teamed = {name: {"team": "ops", **service} for name, service in services.items()}
    return json.dumps({"seawall": 1, "teams": {"ops": {}}, "services": teamed})


def catalog_of_kind(kind: str, urls: Mapping[str, str], moved: Mapping[str, Mapping[str, object]] | None = None) -> str:
    """Return a catalog of services of one kind, by name and url, whose alerts fire at once but as *moved* says."""
    return catalog_of({name: {"kind": kind, "url": url, "alerts": at_once(kind, moved)} for name, url in urls.items()})


def write_quick(
    catalog: Path, folder: Path, where: Addresses, quick: Mapping[str, str] | None = None, every: str = "1s"
) -> None:
    """Render *catalog* into *folder*, with *every* for each interval, and words of rules replaced as *quick* says."""
    for artifact in render(load(catalog), packs(), where):
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        text = artifact.content.decode()
        if artifact.path.startswith("prometheus/"):
            text = re.sub(r'^(\s*\w*(?:interval|timeout): )"?\d+[smh]"?$', rf"\g<1>{every}", text, flags=re.MULTILINE)
        if artifact.path.startswith("prometheus/rules/"):
            for usual, other in (quick or {}).items():
                text = text.replace(usual, other)
        path.write_text(text)


@contextmanager
def watching(
    folder: Path,
    catalog: str,
    quick: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    port: int = 0,
    every: str = "1s",
) -> Iterator[Prometheus]:
    """Run an exporter of *catalog*, and a Prometheus with its rules, until the end of the block.

    *quick* are words of the rules to be replaced, such as windows of minutes by windows of seconds. The exporter is on a
    free port of loopback, or on *port*. *every* is how far apart scrapes and evaluations are, and how long a scrape may take.
    """
    path, url = folder / "catalog.yaml", f"127.0.0.1:{free_port()}"
    path.write_text(catalog)
    with serving(path, environ, port=port) as exporter:
        address = urllib.parse.urlsplit(exporter.url).netloc
        write_quick(path, folder, Addresses(prometheus=url, exporter=address), quick, every)
        with process("prometheus", f"--web.listen-address={url}", *FLAGS, cwd=folder):
            eventually(lambda: answers(f"http://{url}/-/ready"), PATIENCE)
            yield Prometheus(f"http://{url}")
