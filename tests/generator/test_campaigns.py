"""Campaigns in rules: whose traffic they reach, and what holds outside of them."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from scenarios import TODAY, check, loaded, said

from seawall.catalog import Catalog
from seawall.generator.campaigns import campaigns_of, outside_campaigns

# shop → cart → stock, and back from stock to cart; till stands alone.
EDGES = {"shop": ["cart"], "cart": ["stock"], "stock": ["cart"], "till": []}


def catalog(folder: Path, **campaigns: Mapping[str, Any]) -> Catalog:
    """Return a catalog of the four services with *campaigns*."""
    services = {name: {"kind": "http", "team": "a", "depends_on": needs} for name, needs in EDGES.items()}
    return loaded(json.dumps({"seawall": 1, "teams": {"a": {}}, "services": services, "campaigns": campaigns}), folder)


def campaign(begin: str, end: str, *of: str, **more: str) -> dict[str, Any]:
    """Return a campaign that multiplies the traffic *of* some services."""
    return {"from": begin, "to": end, "expects": dict.fromkeys(of, "6x"), **more}


SALE = ("2026-11-27T00:00:00", "2026-11-30T00:00:00")


@pytest.mark.parametrize(
    ("expects", "reached"),
    [
        ("shop", {"shop", "cart", "stock"}),
        ("cart", {"cart", "stock"}),
        ("stock", {"stock", "cart"}),
        ("till", {"till"}),
    ],
)
def test_a_campaign_reaches_what_its_services_depend_on(expects: str, reached: set[str], tmp_path: Path) -> None:
    """Directly, through others, and around a cycle; never those that call them."""
    found = catalog(tmp_path, sale=campaign(*SALE, expects))
    assert reached == {name for name, service in found.services.items() if campaigns_of(found, service)}


def test_a_campaign_that_has_ended_is_left_out_from_the_day_after(tmp_path: Path) -> None:
    """On its last day, it is still there; the day is that of the catalog, which begins at ten o'clock UTC at first."""
    today, yesterday = f"{TODAY}T01:00:00", f"{TODAY.replace(day=TODAY.day - 1)}T09:59:59"
    found = catalog(
        tmp_path,
        **{
            "ends-today": campaign("2026-11-01T00:00:00", today, "till"),
            "ended": campaign("2026-11-01T00:00:00", yesterday, "till"),
        },
    )
    [left] = campaigns_of(found, found.services["till"])
    assert today == left.to.isoformat()


@pytest.mark.parametrize("timezone", ["Asia/Tokyo", "Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"])
def test_a_campaign_is_there_until_its_last_moment(timezone: str, tmp_path: Path) -> None:
    """On the morning of its last day, though it is the day before in UTC, or where it is the day after by then."""
    one, other = datetime.fromisoformat(f"{TODAY}T08:00:00"), ZoneInfo(timezone)
    found = catalog(tmp_path, sale=campaign("2026-11-01T00:00:00", one.isoformat(), "till", timezone=timezone))
    last = one.replace(tzinfo=other) - timedelta(seconds=1)
    for clock in ("Pacific/Kiritimati", "Asia/Tokyo", "UTC", "America/New_York", timezone):
        found._today = last.astimezone(ZoneInfo(clock)).date()
        assert ["sale"] == [each.name for each in campaigns_of(found, found.services["till"])]


def test_without_a_campaign_nothing_is_added(tmp_path: Path) -> None:
    """The expression stays as it is."""
    found = catalog(tmp_path, sale=campaign(*SALE, "till"))
    assert "" == outside_campaigns(found, found.services["shop"])


@pytest.mark.parametrize("version", ["installed", "newer"])
def test_an_expression_holds_outside_of_campaigns_alone(
    version: str, tools: Mapping[str, Callable[[str], str]], tmp_path: Path
) -> None:
    """From the first second in its own time zone, up to its end; several are left out alike."""
    found = catalog(
        tmp_path,
        one=campaign("1970-01-01T02:00:00", "2070-01-01T02:00:00", "shop", timezone="Europe/Berlin"),
    )
    expr = "up" + outside_campaigns(found, found.services["cart"])
    begin = int(datetime(1970, 1, 1, 1, tzinfo=UTC).timestamp())
    assert f"vector(time()) >= {begin} <" in expr
    tests = [check(expr, "59m", ('up{job="a"}', 1)), check(expr, "1h"), check(expr, "90m")]
    content = {"tests": [{"interval": "1m", "input_series": [{"series": 'up{job="a"}', "values": "1x200"}], "promql_expr_test": tests}]}  # fmt: skip
    file = tmp_path / "campaigns.yml"
    file.write_text(yaml.safe_dump(content))
    assert "" == said(tools[version]("promtool"), "test", "rules", str(file))
    two = catalog(tmp_path, a=campaign(*SALE, "shop"), b=campaign("2026-12-24T00:00:00", "2026-12-25T00:00:00", "cart"))
    windows = outside_campaigns(two, two.services["cart"])
    assert 2 == windows.count("vector(time())")
    assert [1795737600, 1795996800] == [
        int(datetime.fromisoformat(each).replace(tzinfo=UTC).timestamp()) for each in SALE
    ]
    assert "(vector(time()) >= 1795737600 < 1795996800)" in windows
