"""An outage that may silence others says so, and in declared maintenance it does not: on the real promtool."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenarios import loaded, packs, rendered, verdict

from seawall.catalog import Catalog, Maintenance
from seawall.generator import view
from seawall.generator.expressions import maintenance_seconds
from seawall.generator.model import Alert

UTC_HOURS = {"timezone": "UTC", "reason": "a new rack"}
WINDOWS: Sequence[Mapping[str, str]] = (
    {"from": "1970-01-01T01:00:00", "to": "1970-01-01T02:00:00", **UTC_HOURS},
    {"from": "1970-01-01T03:00:00", "to": "1970-01-01T03:30:00", **UTC_HOURS},
)


def catalog(inhibits: bool = True, windows: Sequence[Mapping[str, str]] = (), timezone: str = "UTC") -> str:
    """Return a catalog of a shop that needs a database, by a hard edge or not."""
    database = {"kind": "redis", "team": "a", "url": "redis://db:6379", "maintenance": list(windows)}
    shop = {"kind": "http", "team": "a", "depends_on": {"db": {"inhibits": inhibits}}}
    teams = {"a": {"timezone": timezone}}
    return json.dumps({"seawall": 1, "teams": teams, "services": {"db": database, "shop": shop}})


def downs(found: Catalog) -> list[Alert]:
    """Return the rules that ServiceDown of the database becomes."""
    return [alert for alert in view(found, packs(), "db").alerts if alert.name == "ServiceDown"]


def test_only_the_source_of_a_hard_edge_is_marked(tmp_path: Path) -> None:
    """Dependencies explain; they silence where the catalog says so alone."""
    soft, hard = (loaded(catalog(inhibits), tmp_path) for inhibits in (False, True))
    assert [None] == [alert.labels.get("inhibits") for alert in downs(soft)]
    assert ["true"] == [alert.labels.get("inhibits") for alert in downs(hard)]
    marked = {
        alert.name
        for name in ("db", "shop")
        for alert in view(hard, packs(), name).alerts
        if "inhibits" in alert.labels
    }
    assert {"ServiceDown"} == marked


def test_maintenance_parts_the_rule_in_two(tmp_path: Path) -> None:
    """One that marks and one that does not, both of which say what the one said."""
    [whole] = downs(loaded(catalog(), tmp_path))
    parts = downs(loaded(catalog(windows=WINDOWS), tmp_path))
    assert ["true", None] == [part.labels.get("inhibits") for part in parts]
    assert all(whole.expr in part.expr and whole.query == part.query for part in parts)
    for part in parts:
        promql_parser.parse(part.expr)


@pytest.mark.parametrize("version", ["installed", "newer"])
def test_an_outage_in_maintenance_is_told_and_silences_nobody(
    version: str, tools: Mapping[str, Callable[[str], str]], tmp_path: Path
) -> None:
    """Before, between and after the windows it carries the mark; within them it fires without."""
    folder = rendered(catalog(windows=WINDOWS), tmp_path)
    labels = 'alertname="ServiceDown",alertstate="firing",class="symptom",job="db",kind="redis",service="db"'
    labels += ',severity="page",team="a",tier="2"'
    marks = {
        "58m": True,
        "62m": False,
        "118m": False,
        "122m": True,
        "178m": True,
        "182m": False,
        "208m": False,
        "212m": True,
    }
    checks: list[dict[str, Any]] = [
        {
            "expr": 'count by (inhibits, service) (ALERTS{alertname="ServiceDown",alertstate="firing"})',
            "eval_time": at,
            "exp_samples": [
                {"labels": f'{{service="db"{",inhibits=" + chr(34) + "true" + chr(34) if mark else ""}}}', "value": 1}
            ],
        }
        for at, mark in marks.items()
    ]
    series = [{"series": 'redis_up{job="db",instance="db:6379"}', "values": "0x240"}]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": checks}
    assert "" == verdict(tools[version]("promtool"), folder, [test])


@pytest.mark.parametrize(
    ("timezone", "window", "seconds"),
    [
        ("UTC", {}, (1795737600, 1795741200)),
        ("Europe/Berlin", {}, (1795734000, 1795737600)),
        ("UTC", {"timezone": "America/New_York"}, (1795755600, 1795759200)),
        ("Asia/Tokyo", {"timezone": "UTC"}, (1795737600, 1795741200)),
        ("Asia/Tokyo", {"from": "2026-11-27T00:00:00Z", "to": "2026-11-27T02:00:00+01:00"}, (1795737600, 1795741200)),
    ],
)
def test_times_are_in_the_windows_zone_else_in_the_teams(
    timezone: str, window: Mapping[str, str], seconds: tuple[int, int], tmp_path: Path
) -> None:
    """An offset of their own goes before both."""
    base = {"from": "2026-11-27T00:00:00", "to": "2026-11-27T01:00:00", "reason": "a new rack"}
    found = loaded(catalog(windows=[{**base, **window}], timezone=timezone), tmp_path)
    service = found.services["db"]
    assert seconds == maintenance_seconds(found, service, service.maintenance[0])


@given(
    begin=st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    minutes=st.integers(181, 100_000),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
)
def test_a_window_ends_after_it_begins_in_any_zone(begin: datetime, minutes: int, zone: str) -> None:
    """Also over a change of the clock: the seconds are those of the same wall clock in UTC."""
    window = Maintenance.model_validate(
        {"from": begin, "to": begin + timedelta(minutes=minutes), "reason": "a new rack", "timezone": zone}
    )
    found = Catalog.model_validate(
        {"seawall": 1, "teams": {"a": {}}, "services": {"db": {"kind": "redis", "team": "a"}}}
    )
    start, end = maintenance_seconds(found, found.services["db"], window)
    assert start < end
    assert begin.replace(tzinfo=ZoneInfo(zone)).timestamp() == start


def test_maintenance_without_an_end_to_speak_of_is_rendered(tmp_path: Path) -> None:
    """The last second of the calendar, west of Greenwich, has no instant in UTC; it is bounded, not a traceback."""
    window = {"from": "2026-01-01T00:00:00", "to": "9999-12-31T23:59:59", "reason": "retired"}
    found = downs(loaded(catalog(windows=(window,), timezone="America/New_York"), tmp_path))
    assert ["true", None] == [alert.labels.get("inhibits") for alert in found]
