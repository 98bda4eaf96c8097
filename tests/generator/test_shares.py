"""Groups that lose their share of the traffic: who has the alert. When it fires, the pack's own proofs show."""

from collections.abc import Iterable
from typing import Any

import pytest

from seawall.catalog import Catalog, Service, Slo, Team
from seawall.generator import load_packs, view

PACKS = load_packs()
SLI: dict[str, Any] = {"sli": "availability", "objective": 99.9, "window": "30d"}


def watched(**slos: Iterable[str]) -> list[str]:
    """Return the SLOs of one http service whose groups' shares are watched; *slos* are their groupings."""
    own = {key: Slo(**SLI, by=tuple(by)) for key, by in slos.items()}
    service = Service(name="shop", kind="http", team="a", dialect="otel", slos=own)
    alerts = view(Catalog(seawall=1, teams={"a": Team()}, services={"shop": service}), PACKS, "shop").alerts
    return [each.labels["slo"] for each in alerts if each.name == "ServiceTrafficShareFallen"]


def test_groups_that_are_places_are_watched() -> None:
    """Regions, and any label of the user's own."""
    assert ["a", "b"] == watched(a=["region"], b=["region", "zone"])


@pytest.mark.parametrize("by", [["http_route"], ["region", "http_route"], []])
def test_routes_and_ungrouped_objectives_are_not(by: list[str]) -> None:
    """Which routes are used changes with the hour and with each deployment."""
    assert [] == watched(a=by)


def test_one_ticket_tells_of_one_grouping() -> None:
    """Two objectives that are told by the same regions lose the same traffic."""
    assert ["a"] == watched(a=["region"], b=["region"])
