"""One status for each service."""

from typing import Any

import pytest

from seawall.catalog import Catalog
from seawall.portal.evidence import AlertState
from seawall.portal.fleet import Readings, SloState, alert_rows, states
from seawall.portal.prometheus import Series

from .conftest import an_alert

CATALOG = Catalog.model_validate(
    {
        "seawall": 1,
        "teams": {"t": {}},
        "services": {
            name: {"kind": "http", "team": "t", "name": name, "slos": {"availability": {"objective": 99}}}
            for name in "ab"
        },
    }
)


def an_active(name: str = "X", severity: str = "page", state: str = "firing", service: str = "a") -> AlertState:
    """Return an alert that Prometheus holds active."""
    return AlertState(name, service, state, severity, {}, 5.0)


def readings(**fields: Any) -> Readings:
    """Return readings in which all is silent but *fields*."""
    return Readings(**{"alerts": (), "up": {}, "instances": {}, "budget": {}, "burn": {}, "traffic": {}, **fields})


@pytest.mark.parametrize(
    ("found", "inbox", "expected"),
    [
        (readings(alerts=(an_active(),), instances={"a": 2}, up={"a": 0}), [], "paging"),
        (readings(instances={"a": 2}, up={"a": 0}), [], "down"),
        (readings(instances={"a": 2}, up={}), [], "down"),
        (readings(alerts=(an_active(severity="ticket"),), instances={"a": 2}, up={"a": 1}), [], "ticket"),
        (readings(instances={"a": 2}, up={"a": 1}), [], "partly down"),
        (readings(alerts=(an_active(state="pending"),), instances={"a": 1}, up={"a": 1}), [], "ok"),
        (readings(instances={"a": 1}, up={"a": 1}), [an_active()], "ok"),
        (readings(burn={("a", "availability"): 0.0}), [], "ok"),
        (readings(), [], "no data"),
        (readings(alerts=(an_active("Watchdog"),)), [], "no data"),
        (readings(alerts=None), [], "unknown"),
        (readings(alerts=None), [an_active()], "paging"),
    ],
)
def test_a_service_has_the_worst_status_that_holds(found: Readings, inbox: list[AlertState], expected: str) -> None:
    """The inbox stands in only where Prometheus is silent."""
    by_name = {state.service.name: state.status for state in states(CATALOG, found, inbox, 15.0)}
    assert expected == by_name["a"]


def test_a_part_is_up_where_the_service_is_that_it_is_part_of() -> None:
    """Nobody asks a pool itself."""
    services = {
        "a": {"kind": "http", "team": "t", "name": "a"},
        "pool": {"kind": "pool", "team": "t", "name": "pool", "part_of": "a"},
    }
    catalog = Catalog.model_validate({"seawall": 1, "teams": {"t": {}}, "services": services})
    found = states(catalog, readings(instances={"a": 2}, up={"a": 1}), [], 15.0)
    assert {("a", 1, 2, "partly down"), ("pool", 1, 2, "partly down")} == {
        (each.service.name, each.up, each.instances, each.status) for each in found
    }


def test_the_worst_service_comes_first() -> None:
    """Whatever its name."""
    found = states(CATALOG, readings(alerts=(an_active(service="b"),)), [], 15.0)
    assert ["b", "a"] == [state.service.name for state in found]


@pytest.mark.parametrize(
    ("budget", "expected"),
    [(None, "unknown"), (float("nan"), "unknown"), (-0.5, "spent"), (0.0, "spent"), (0.2, "low"), (0.25, "fine")],
)
def test_a_budget_has_a_word(budget: float | None, expected: str) -> None:
    """One that is not measured is neither spent nor fine."""
    assert expected == SloState("s", "s", 99.0, "30d", budget, None).level


def test_traffic_is_a_number_and_a_line() -> None:
    """The latest value stands beside it."""
    found = states(CATALOG, readings(traffic={"a": Series({}, ((0.0, 1.0), (15.0, 2.5)))}), [], 15.0)
    state = next(state for state in found if state.service.name == "a")
    assert ("2.5/s", True, "ok") == (state.rate, "<svg" in state.spark, state.status)


def test_each_alert_of_a_service_has_one_row() -> None:
    """What fires comes first, then what is pending; the earliest start counts."""
    rules = [an_alert(name=name) for name in ("Quiet", "Firing", "Firing", "Pending")]
    active = [
        AlertState("Firing", "a", "pending", "page", {}, 3.0),
        AlertState("Firing", "a", "firing", "page", {}, 9.0),
        AlertState("Pending", "a", "pending", "page", {}, None),
        AlertState("Quiet", "b", "firing", "page", {}, 1.0),
    ]
    rows = [(row.rule.name, row.state, row.since) for row in alert_rows(rules, active, "a")]
    assert [("Firing", "firing", 3.0), ("Pending", "pending", None), ("Quiet", "inactive", None)] == rows
