"""How the inbox is arranged."""

import pytest

from seawall.catalog import Catalog
from seawall.portal.inbox import Entry, Group, causes, entries, firing_by_service, grouped, web_link
from seawall.portal.store import StoredAlert


def _catalog(**depends_on: list[str]) -> Catalog:
    services = {name: {"kind": "http", "team": "t", "depends_on": names} for name, names in depends_on.items()}
    return Catalog.model_validate({"seawall": 1, "teams": {"t": {}}, "services": services})


def _alert(service: str, name: str = "Failing", state: str = "firing", **annotations: str) -> StoredAlert:
    ends_at = None if state == "firing" else 60.0
    return StoredAlert(service, 0.0, ends_at, state, name, service, "t", "1", "page", {}, annotations, 0.0, 0.0)


def _entries(catalog: Catalog, *alerts: StoredAlert) -> list[Entry]:
    return entries(alerts, firing_by_service(alerts), catalog, 100.0)


def _shape(groups: list[Group]) -> dict[str, object]:
    return {group.service: _shape(group.symptoms) for group in groups}


def test_symptoms_stand_beneath_the_firing_dependency() -> None:
    """Through services that do not fire, too."""
    catalog = _catalog(web=["api"], api=["db"], db=[], other=[])
    found = _entries(catalog, _alert("web"), _alert("db"), _alert("other"))
    assert _shape(grouped(found, catalog)) == {"db": {"web": {}}, "other": {}}


def test_the_nearest_firing_dependency_takes_the_symptom() -> None:
    """A chain is shown as a chain."""
    catalog = _catalog(web=["api"], api=["db"], db=[])
    groups = grouped(_entries(catalog, _alert("web"), _alert("api"), _alert("db")), catalog)
    assert _shape(groups) == {"db": {"api": {"web": {}}}}
    assert groups[0].size == 3


def test_services_that_depend_on_each_other_explain_nothing() -> None:
    """Both stay at the top."""
    catalog = _catalog(a=["b"], b=["a"])
    assert _shape(grouped(_entries(catalog, _alert("a"), _alert("b")), catalog)) == {"a": {}, "b": {}}


def test_a_cycle_still_stands_beneath_what_both_depend_on() -> None:
    """No alert is lost in a cycle."""
    catalog = _catalog(a=["b"], b=["a", "db"], db=[])
    found = _entries(catalog, _alert("a"), _alert("b"), _alert("db"))
    assert _shape(grouped(found, catalog)) == {"db": {"b": {}, "a": {}}} or _shape(grouped(found, catalog)) == {
        "db": {"a": {}, "b": {}}
    }


def test_an_alert_of_an_unknown_service_is_shown() -> None:
    """The catalog may have changed since."""
    catalog = _catalog(a=[])
    assert _shape(grouped(_entries(catalog, _alert("gone"), _alert("")), catalog)) == {"gone": {}, "": {}}


def test_causes_come_nearest_first() -> None:
    """Only firing services are causes."""
    catalog = _catalog(web=["api", "cache"], api=["db"], db=[], cache=[])
    assert list(causes(catalog, "web", {"db": [], "cache": [], "web": []})) == ["cache", "db"]


def test_what_fires_now_is_the_likely_cause() -> None:
    """It comes before what the alert said when it was told."""
    catalog = _catalog(web=["db"], db=[])
    (web, _) = _entries(catalog, _alert("web", likely_cause="none"), _alert("db", "PostgresDown"))
    assert web.likely_cause == "db: PostgresDown"


def test_the_alerts_own_likely_cause_stands_where_nothing_else_fires() -> None:
    """Without the divider that a template leaves at the end."""
    (web,) = _entries(_catalog(web=["db"], db=[]), _alert("web", likely_cause="db: PostgresDown; "))
    assert web.likely_cause == "db: PostgresDown"


def test_what_has_ended_gets_no_likely_cause_of_today() -> None:
    """What fires now says nothing about yesterday."""
    catalog = _catalog(web=["db"], db=[])
    (ended, _) = _entries(catalog, _alert("web", state="resolved"), _alert("db"))
    assert (ended.likely_cause, ended.duration) == ("", 60.0)


def test_the_summary_falls_back_to_what_there_is() -> None:
    """Every alert has something to read."""
    catalog = _catalog(a=[])
    found = _entries(catalog, _alert("a", summary="s", description="d"), _alert("a", description="d"), _alert("a"))
    assert [entry.summary for entry in found] == ["s", "d", "Failing"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:3000/d/x", True),
        ("https://example.com", True),
        ("HTTPS://example.com", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.com", False),
        ("/relative", False),
        ("http://", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_absolute_web_addresses_are_links(url: str, expected: bool) -> None:
    """Everything else is left out."""
    assert (url if expected else "") == web_link(url)


def test_a_chain_of_hundreds_of_services_are_grouped_in_no_time() -> None:
    """A chain of dependencies that all fire is the worst that a catalog can bring."""
    names = [f"s{n}" for n in range(300)]
    catalog = _catalog(**{name: names[n + 1 : n + 2] for n, name in enumerate(names)})
    groups = grouped(_entries(catalog, *(_alert(name) for name in names)), catalog)
    assert (len(groups), groups[0].size) == (1, 300)
