"""Which edges inhibit, and which are refused with the reason."""

from collections.abc import Callable

import pytest

from seawall.catalog import Catalog
from seawall.generator.inhibition import inhibit_rules, inhibition_warnings

Read = Callable[..., Catalog]


def catalog(database: str = "tier: 2", dependent: str = "tier: 2", edge: str = "{inhibits: true}") -> str:
    """A service that depends on a database."""
    return (
        "seawall: 1\nteams: {t: {}}\nservices:\n"
        f"  orders-db: {{kind: postgres, team: t, {database}}}\n"
        f"  basket: {{kind: http, team: t, {dependent}, depends_on: {{orders-db: {edge}}}}}\n"
    )


def test_a_page_inhibits_the_ticket_of_its_own_slo_alone(read: Read) -> None:
    """``equal`` names labels that both sides carry; the alert's name is no part of it."""
    rule = {
        "source_matchers": ['alertname="SloErrorBudgetBurn"', 'severity="page"'],
        "target_matchers": ['alertname="SloErrorBudgetBurn"', 'severity="ticket"'],
        "equal": ["service", "slo"],
    }
    assert [rule] == inhibit_rules(read(catalog(edge="{}")))


def test_groups_of_an_slo_are_told_apart(read: Read) -> None:
    """The page of one route silences no ticket of another; an alert without groups lacks the label on both sides."""
    slos = "slos: {availability: {objective: 99, by: [http_route, slo]}, latency: {objective: 99, under: 1s}}"
    [rule, *_] = inhibit_rules(read(catalog(dependent=f"tier: 2, {slos}")))
    assert ["service", "slo", "http_route"] == rule["equal"]


def test_an_edge_that_asks_for_it_inhibits_the_symptoms_of_the_dependent(read: Read) -> None:
    """From a paging outage outside of maintenance, to symptoms that an outage explains."""
    rule = {
        "source_matchers": [
            'alertname="ServiceDown"',
            'service="orders-db"',
            'severity="page"',
            'inhibits="true"',
            'tier!="3"',
        ],
        "target_matchers": [
            'service="basket"',
            'class="symptom"',
            'tier!="1"',
            'alertname!~"ServiceDown|SloTelemetryAbsent|Watchdog"',
        ],
    }
    config = read(catalog())
    assert [rule] == inhibit_rules(config)[1:]
    assert inhibition_warnings(config) == []


@pytest.mark.parametrize(
    ("database", "dependent", "reason"),
    [
        ("tier: 2", "tier: 1", "nothing silences a tier-1 service; take the edge's inhibits out"),
        (
            "tier: 3",
            "tier: 2",
            "orders-db is of tier 3 and never pages, and only a page inhibits; raise its tier or take inhibits out",
        ),
        ("mode: shadow", "tier: 3", "orders-db is in mode shadow, and what nobody is told must not silence others"),
        (
            "depends_on: [basket]",
            "tier: 2",
            "orders-db and basket depend on each other, and could silence each other",
        ),
    ],
)
def test_an_edge_that_must_not_inhibit_is_left_out_with_a_warning(
    database: str, dependent: str, reason: str, read: Read
) -> None:
    """The warning stands at the service and says why."""
    config = read(catalog(database, dependent))
    assert inhibit_rules(config)[1:] == []
    expected = f'service "basket": depends_on orders-db: inhibits is left out: {reason}'
    assert [expected] == [problem.message for problem in inhibition_warnings(config)]


def test_members_of_a_longer_cycle_never_inhibit_each_other(read: Read) -> None:
    """a → b → c → a; d outside of it may be inhibited by a."""
    text = (
        "seawall: 1\nteams: {t: {}}\nservices:\n"
        "  a: {kind: http, team: t, depends_on: {b: {inhibits: true}}}\n"
        "  b: {kind: http, team: t, depends_on: {c: {inhibits: true}}}\n"
        "  c: {kind: http, team: t, depends_on: {a: {inhibits: true}}}\n"
        "  d: {kind: http, team: t, depends_on: {a: {inhibits: true}}}\n"
    )
    assert [rule["target_matchers"][0] for rule in inhibit_rules(read(text))[1:]] == ['service="d"']
