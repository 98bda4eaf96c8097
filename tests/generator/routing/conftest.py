"""Alertmanager's tools in two versions, and its way of choosing receivers, written once more from its documentation."""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from seawall.catalog import Catalog, load

REPOSITORY = Path(__file__).parents[3]
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SCENARIO = """
seawall: 1
teams:
  payments:
    notify:
      page: {pagerduty: {routing_key_file: /run/secrets/pagerduty}}
      ticket: {slack: {channel: "#payments", api_url_file: /run/secrets/slack}}
    hours: "Mon-Fri 08:00-20:00"
    timezone: Europe/Berlin
  search:
    notify: {page: {webhook: {url: "http://hooks.test/page"}}, ticket: {webhook: {url: "http://hooks.test/ticket"}}}
  tickets-only: {notify: {ticket: {webhook: {url: "http://hooks.test/ticket"}}}}
  pages-only: {notify: {page: {webhook: {url: "http://hooks.test/page"}}}, hours: "Mon-Fri 08:00-20:00"}
  silent: {}
services:
  checkout: {kind: http, team: payments, tier: 1, alerts: {ServiceTrafficStopped: {only: "07:00-23:00 Asia/Tokyo"}}}
  basket:
    kind: http
    team: payments
    tier: 2
    alerts:
      ServiceTrafficStopped: {only: "Sat-Sun 10:00-18:00"}
      HttpLatencyHigh: {only: "10:00-11:00", until: 2026-11-30}
    maintenance: [{from: 2026-12-30T22:15:00, to: 2027-01-01T01:30:00, reason: a new rack}]
  images: {kind: http, team: payments, tier: 3}
  rewrite: {kind: http, team: payments, tier: 1, mode: shadow}
"""


@pytest.fixture(params=["installed", "newer"])
def tool(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Return where a tool of Alertmanager is, once of the installed version and once of a newer one."""

    def find(name: str) -> str:
        newer = os.environ.get("SEAWALL_NEWER_TOOLS", str(REPOSITORY / ".cache/newer/root/usr/bin"))
        found = shutil.which(name, path=newer if request.param == "newer" else None)
        if found is None:
            pytest.fail(f"{name} ({request.param}) is missing: `make test` fetches it")
        return found

    return find


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Catalog]:
    """Return a function that loads a catalog from its text, as of 1 December 2026."""

    def catalog(text: str = SCENARIO, *, today: date = date(2026, 12, 1)) -> Catalog:
        path = tmp_path / "catalog.yaml"
        path.write_text(text)
        return load(path, today=today)

    return catalog


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Mapping[str, Any]], str]:
    """Return a function that writes a configuration as YAML and returns its path."""

    def write(config: Mapping[str, Any]) -> str:
        path = tmp_path / "alertmanager.yml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return str(path)

    return write


@pytest.fixture(scope="session")
def holds() -> Callable[[Sequence[Mapping[str, Any]], datetime], bool]:
    """Return whether one of some time intervals holds at a moment."""
    return lambda intervals, moment: any(_holds(interval, moment) for interval in intervals)


@pytest.fixture(scope="session")
def told() -> Callable[[Mapping[str, Any], Mapping[str, str], datetime | None], list[str]]:
    """Return the receivers that are notified of an alert at a moment; without one, at some time or other."""

    def receivers(config: Mapping[str, Any], labels: Mapping[str, str], moment: datetime | None) -> list[str]:
        named = {one["name"]: one["time_intervals"] for one in config["time_intervals"]}
        return [
            str(route["receiver"])
            for route in _matched(config["route"], labels)
            if moment is None or _speaks(route, named, moment)
        ]

    return receivers


def _matched(route: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    found = False
    for child in route.get("routes", ()):
        if all(_matches(matcher, labels) for matcher in child.get("matchers", ())):
            found = True
            yield from _matched(child, labels)
            if not child.get("continue", False):
                break
    if not found:
        yield route


def _matches(matcher: str, labels: Mapping[str, str]) -> bool:
    parts = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher)
    assert parts is not None
    name, operator, value = parts.groups()
    actual = labels.get(name, "")
    equal = re.fullmatch(value, actual) is not None if "~" in operator else value == actual
    return equal is not operator.startswith("!")


def _speaks(route: Mapping[str, Any], named: Mapping[str, Sequence[Mapping[str, Any]]], moment: datetime) -> bool:
    def within(key: str) -> bool:
        return any(_holds(interval, moment) for name in route.get(key, ()) for interval in named[name])

    return not within("mute_time_intervals") and (
        not route.get("active_time_intervals") or within("active_time_intervals")
    )


def _holds(interval: Mapping[str, Any], moment: datetime) -> bool:
    local = moment.astimezone(ZoneInfo(interval["location"]) if "location" in interval else UTC)
    clock = f"{local:%H:%M}"
    fields = {
        "years": local.year,
        "months": local.month,
        "days_of_month": local.day,
        "weekdays": (local.weekday() + 1) % 7,
    }
    return all(
        any(_spans(span, value) for span in interval[key]) for key, value in fields.items() if key in interval
    ) and any(
        span["start_time"] <= clock < span["end_time"]
        for span in interval.get("times", [{"start_time": "00:00", "end_time": "24:00"}])
    )


def _spans(span: str, value: int) -> bool:
    """Whether *value* lies in a range such as ``monday:friday`` or ``28:30``; both ends count, Sunday is 0."""
    first, _, last = span.partition(":")
    begin, end = (_number(part) for part in (first, last or first))
    assert begin <= end, f"Alertmanager refuses {span}"
    return begin <= value <= end


def _number(part: str) -> int:
    return (WEEK.index(part) + 1) % 7 if part in WEEK else int(part)
