"""What a catalog may say and should think over: each warning with its place, its numbers and its mend."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline import catalog_of
from scenarios import packs

from seawall.generator.advice import _below, advice

HEAD = "seawall: 1\nteams: {t: {}}\nservices:\n"
QUIET = "kind: http, team: t, targets: ['a:1']"
PROBE = "outside: {sli: probe, objective: 99, value: 'avg(probe_success)'}"


def told(folder: Path, *services: str) -> list[str]:
    """Return what is said of a catalog with these services, without the path of its file."""
    catalog = catalog_of(folder, HEAD + "".join(f"  {each}\n" for each in services))
    return [f"{each.position.line}: {each.message}" for each in advice(catalog, packs())]


def on(*objectives: float, of: float, edge: str = "{}", sli: str = "availability") -> list[str]:
    """Return services: one with the objective *of*, and what it depends on, one for each of *objectives*."""
    names = [f"d{index}" for index in range(len(objectives))]
    edges = ", ".join(f"{name}: {edge}" for name in names)
    own = f"{sli}: {{objective: {of}{', under: 1s' if sli == 'latency' else ''}}}"
    return [
        f"a: {{{QUIET}, depends_on: {{{edges}}}, slos: {{{own}}}}}",
        *(
            f"{name}: {{{QUIET}, slos: {{availability: {{objective: {each}}}}}}}"
            for name, each in zip(names, objectives, strict=True)
        ),
    ]


def test_an_objective_above_the_product_of_its_hard_dependencies_names_the_weakest(tmp_path: Path) -> None:
    """99.9 % of 99.5 % is 99.4005 %: both may keep their promises while this one is missed."""
    [said] = told(tmp_path, *on(99.9, 99.5, of=99.9))
    assert said == (
        "4: service \"a\": SLO 'availability': the objective 99.9 exceeds what its hard dependencies promise together, "
        "99.401; the weakest is d1 with 99.5; write 99.4 or less, raise d1's, or write hard: false where it does without"
    )


def test_one_hard_dependency_is_spoken_of_alone(tmp_path: Path) -> None:
    """It promises less by itself."""
    [said] = told(tmp_path, *on(99, of=99.9))
    assert "the objective 99.9 exceeds what its hard dependency promises, 99; the weakest is d0 with 99" in said


def test_a_latency_objective_counts_failed_requests_and_is_held_against_them_too(tmp_path: Path) -> None:
    """A failed request is bad for latency."""
    [said] = told(tmp_path, *on(99, of=99.5, sli="latency"))
    assert "SLO 'latency': the objective 99.5 exceeds" in said


@pytest.mark.parametrize(
    ("objectives", "of", "edge"),
    [((99.9,), 99.9, "{}"), ((99.95, 99.95), 99.9, "{}"), ((99.0,), 99.9, "{hard: false}"), ((), 99.9, "{}")],
)
def test_an_objective_that_its_dependencies_allow_is_none_to_warn_of(
    objectives: tuple[float, ...], of: float, edge: str, tmp_path: Path
) -> None:
    """As much as one promises, somewhat less than several, or an edge without which it can do."""
    assert [] == told(tmp_path, *on(*objectives, of=of, edge=edge))


def test_a_dependency_that_promises_nothing_for_all_of_its_users_sets_no_bound(tmp_path: Path) -> None:
    """One route of it says nothing of the others."""
    services = on(90, of=99.9)
    narrowed = services[1].replace("objective: 90", "objective: 90, routes: ['/a']")
    assert [] == told(tmp_path, services[0], narrowed)
    assert [] == told(tmp_path, services[0], "d0: {kind: redis, team: t}")


@given(percent=st.floats(50, 99.99999))
def test_the_objective_to_write_is_below_what_is_promised_and_close_to_it(percent: float) -> None:
    """It keeps all but the last digit of the error budget."""
    found = float(_below(percent))
    assert found <= percent + 1e-6
    assert 100 - found <= 2 * (100 - percent) + 1e-6


def test_traffic_that_cannot_reach_the_floor_needs_something_else_to_page(tmp_path: Path) -> None:
    """1.5 requests an hour are nine in six hours, and ten failures are waited for."""
    slow = f"a: {{{QUIET}, traffic: 1.5/h, slos: {{availability: {{objective: 99}}}}}}"
    [said] = told(tmp_path, slow)
    assert "SLO 'availability': 1.5/h are 9 events in 6 hours, and no page waits for fewer than 10 bad ones; " in said
    assert said.endswith("add an SLO with sli: probe or freshness, or lower its floor")


@pytest.mark.parametrize(
    "slos", ["availability: {objective: 99}", f"availability: {{objective: 99, floor: 9}}, {PROBE}"]
)
def test_what_reaches_the_floor_or_is_probed_is_none_to_warn_of(slos: str, tmp_path: Path) -> None:
    """A sixth of an hour more is enough; a probe speaks where users are silent."""
    traffic = "1.5/h" if PROBE in slos else "1.7/h"
    assert [] == told(tmp_path, f"a: {{{QUIET}, traffic: {traffic}, slos: {{{slos}}}}}")


TIER_1 = "kind: http, team: t, targets: ['a:1'], tier: 1, runbook: {mitigations: [{when: x, do: y}]}"


def test_a_tier_1_service_that_nothing_watches_from_outside_is_warned_of(tmp_path: Path) -> None:
    """Its own metrics do not tell that nobody reaches it."""
    [said] = told(tmp_path, f"a: {{{TIER_1}}}")
    assert said.startswith('4: service "a": nothing watches this tier-1 service from outside')


@pytest.mark.parametrize(
    "services",
    [
        [f"a: {{{TIER_1}, slos: {{{PROBE}}}}}"],
        [f"a: {{{TIER_1}}}", f"b: {{{QUIET}, dialect: blackbox, depends_on: [a]}}"],
        [f"a: {{{TIER_1}, dialect: blackbox}}"],
        ["a: {kind: worker, team: t, tier: 1, runbook: {mitigations: [{when: x, do: y}]}}"],
        [f"a: {{{TIER_1.replace('tier: 1', 'tier: 2')}}}"],
    ],
)
def test_a_probe_by_an_slo_or_by_another_service_is_enough(services: list[str], tmp_path: Path) -> None:
    """A worker has no outside, and what is no tier 1 may do without."""
    assert [] == told(tmp_path, *services)


def test_an_override_of_an_alert_that_the_service_does_not_get_is_told(tmp_path: Path) -> None:
    """Such as one that an SLO replaces; not where it is switched off, which holds as well, or where it is there."""
    overrides = "HttpErrorsHigh: {above: 0.2}, HttpLatencyHigh: {above: 2}, HttpCapacityNearLimit: {disabled: x}"
    slos = "slos: {availability: {objective: 99}}"
    [said] = told(tmp_path, f"a: {{{QUIET}, {slos}, alerts: {{{overrides}}}}}")
    why = f"seawall explain HttpErrorsHigh {tmp_path}/catalog.yaml --service a says why"
    mend = f"this service does not get the alert; take it out ({why})"
    assert f'4: service "a": alerts.HttpErrorsHigh has no effect: {mend}' == said


@pytest.mark.parametrize("kind", ["http", "worker"])
def test_an_address_that_no_collector_asks_is_told(tmp_path: Path, kind: str) -> None:
    """Prometheus' own up of a probe says that the exporter answered; targets, and a kind with a gauge, are well."""
    [said] = told(tmp_path, f"a: {{kind: {kind}, team: t, url: 'http://a'}}")
    assert said == (
        f'4: service "a": url: Seawall has no collector for kind {kind}, so nothing tells that it is down; write targets: '
        f"in place of url, or name your collector's gauge under up: in alerts/{kind}.yaml.j2"
    )
    assert [] == told(
        tmp_path, f"a: {{kind: {kind}, team: t, targets: ['a:1']}}", "b: {kind: redis, team: t, url: 'redis://b'}"
    )
