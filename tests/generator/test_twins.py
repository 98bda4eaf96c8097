"""What is made from a rendering of twins is, to the byte, what rendering each service by itself gives."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from scenarios import loaded, packs
from strategies import as_yaml, valid_catalogs

from seawall.catalog import Catalog, CatalogError, Service
from seawall.generator import Alert, Artifact, iterate, load_packs, twins
from seawall.generator.alerts import render_alerts
from seawall.generator.packs import Packs
from seawall.generator.yaml_out import dump

HEAD: Final = "seawall: 1\nteams: {shop: {}, on: {}, t: {}, e: {}, o: {}, payments: {timezone: Europe/Berlin, escalation: Call.}}\nservices:\n"
SLOS: Final = "slos: {availability: {objective: 99.9}, latency: {objective: 95, under: 300ms}}"
ALERTS: Final = {kind: packs().alert_names(kind) for kind in packs().kinds}


def service(name: str, more: str = "", team: str = "shop") -> str:
    """Return the YAML of an http service."""
    return f"  {name}: {{kind: http, team: {team}, targets: ['{name}:80'], {SLOS}{more}}}\n"


def files(catalog: Catalog, of: Packs, alone: int) -> Mapping[str, bytes]:
    """Return what is rendered where twins are made for more than *alone* services of a shape."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twins, "_ALONE", alone)
        return {artifact.path: artifact.content for artifact in iterate(catalog, of)}


def differing(catalog: Catalog, of: Packs) -> list[str]:
    """Return the paths of the files that twins make otherwise."""
    single, shared = files(catalog, of, 10**6), files(catalog, of, 0)
    return [path for path in single.keys() | shared.keys() if single.get(path) != shared.get(path)]


def rendered_alone(catalog: Catalog, of: Packs) -> list[str]:
    """Return the services that are rendered by themselves where none needs to be."""
    found = []

    def spy(catalog_: Catalog, packs_: Packs, service: Service, scope: Mapping[str, Any]) -> list[Alert]:
        found.append(service.name)
        return render_alerts(catalog_, packs_, service, scope)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("seawall.generator.render"), "render_alerts", spy)
        files(catalog, of, 0)
    return [name for name in found if name in catalog.services]


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(raw=valid_catalogs(ALERTS))
def test_twins_make_what_each_would_be_by_itself(raw: dict[str, Any], tmp_path: Path) -> None:
    """Whatever a catalog says: hostile texts, edges, campaigns, maintenance, matchers, overrides, names of any length."""
    catalog = loaded(as_yaml(raw), tmp_path)
    try:
        assert [] == differing(catalog, packs())
    except CatalogError:
        return  # an override that no proof allows


MANY: Final = HEAD + "".join(
    [
        service("checkout", ", depends_on: [cart-api], description: 'Takes \"$money\".', tier: 1"),
        service("shipping", ", depends_on: {checkout: {inhibits: true}}, tier: 1", "payments"),
        service("cart-api", ", runbook: {notes: '1) `a`', links: {Wiki: 'https://wiki.example.org/'}}, tier: 1"),
        service("longer-name", ", tier: 1"),
    ]
)


def test_services_of_one_shape_have_nothing_of_each_other(tmp_path: Path) -> None:
    """Neither texts, nor dependencies, nor what silences whom."""
    assert [] == differing(loaded(MANY, tmp_path), packs())


_WINDOW: Final = "maintenance: [{from: 2026-12-01T00:00:00, to: 2026-12-02T00:00:00, reason: a move}]"
VARIATIONS: Final = (
    "tier: 2",  # as all are
    "tier: 1",
    "kind: worker",
    "dialect: micrometer, buckets: [300ms]",
    "match: {region: eu}",
    "match: {region: us}",
    "slos: {availability: {objective: 99}}",
    "slos: {availability: {objective: 99.9}, latency: {objective: 95, under: 300ms}, pay: {sli: latency, objective: 95, under: 1s, routes: [/pay]}}",
    "capacity: {requests_per_second: 100}",
    "capacity: {requests_per_second: 200}",
    "alerts: {HttpServiceFailing: {above: 0.7}}",
    "alerts: {HttpServiceFailing: {for: 2m}}",
    "alerts: {HttpServiceFailing: {disabled: a rewrite}}",
    f"depends_on: {{base: {{inhibits: true}}}}, {_WINDOW}",
    f"team: payments, {_WINDOW}",
    _WINDOW,
    "mode: shadow",
    "targets: []",
    "targets: [], url: 'http://a'",
)


def test_services_that_differ_in_anything_else_have_no_twins_in_common(tmp_path: Path) -> None:
    """Each has the same long name but for a letter, and one difference."""
    fields = {"kind": "http", "team": "shop", "targets": "['a:1']", "slos": SLOS.removeprefix("slos: ")}
    text = HEAD + service("base")
    for letter, variation in zip("abcdefghijklmnopqrstuvwxyz", VARIATIONS, strict=False):
        keys = {key: value for key, value in fields.items() if f"{key}:" not in variation}
        text += f"  api-{letter}: {{{', '.join(f'{key}: {value}' for key, value in keys.items())}, {variation}}}\n"

    assert [] == differing(loaded(text, tmp_path), packs())


def test_a_window_of_maintenance_is_in_the_time_zone_of_its_team(tmp_path: Path) -> None:
    """Which the rule of an outage says in seconds, where one is silenced by it."""
    edges = "depends_on: {api-a: {inhibits: true}, api-b: {inhibits: true}}"
    pair = service("api-a", f", {_WINDOW}") + service("api-b", f", {_WINDOW}", "payments")
    catalog = loaded(HEAD + pair + service("caller", f", {edges}"), tmp_path)

    assert [] == differing(catalog, packs())


@pytest.mark.parametrize(
    "more",
    [
        "",
        "campaigns: {sale: {from: 2026-11-27T00:00:00, to: 2026-11-30T00:00:00, expects: {checkout: 6x}}}\n",
        "defaults: {grafana_url: 'http://grafana:3000', match: {environment: \"it's\"}}\n",
    ],
)
def test_no_service_is_left_to_itself(more: str, tmp_path: Path) -> None:
    """Else there would be nothing to compare: the twins agree, whatever the services have to do with each other."""
    catalog = loaded(MANY + more, tmp_path)

    assert [] == rendered_alone(catalog, packs())
    assert [] == differing(catalog, packs())


@pytest.mark.parametrize(("name", "team"), [("no", "shop"), ("null", "shop"), ("api", "on")])
def test_what_yaml_quotes_for_its_meaning_has_no_twin(name: str, team: str, tmp_path: Path) -> None:
    """A made-up name stands there without quotes."""
    catalog = loaded(HEAD + service(name, team=team), tmp_path)

    assert [name] == rendered_alone(catalog, packs())
    assert [] == differing(catalog, packs())


@pytest.mark.parametrize(("name", "team"), [("alse", "shop"), ("api", "t"), ("tru", "e")])
def test_part_of_a_word_is_none(name: str, team: str, tmp_path: Path) -> None:
    """A team of one letter costs no more than another one."""
    catalog = loaded(HEAD + service(name, team=team) + service(f"{name}s"), tmp_path)

    assert [] == rendered_alone(catalog, packs())
    assert [] == differing(catalog, packs())


@pytest.mark.parametrize(("before", "after"), [("tru", ""), ("", "n")])
def test_where_a_letter_stands_beside_a_name_it_may_become_a_word(before: str, after: str, tmp_path: Path) -> None:
    """What YAML quotes for its meaning; such a service is rendered by itself."""
    teams = ["e", "o", "shop", "payments"]
    text = HEAD + "".join(service(f"api-{at}", team=team) for at, team in enumerate(teams))
    catalog = loaded(text, tmp_path)

    def make(subject: twins.Subject) -> Iterator[Artifact]:
        yield Artifact(f"{subject.service.name}.yml", dump({"team": f"{before}{subject.service.team}{after}"}))

    subjects = [twins.Subject(catalog, packs(), each) for each in catalog.services.values()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twins, "_ALONE", 0)
        makers = twins.Twins(make)
        assert [[*make(each)] for each in subjects] == [[*makers.files(each)] for each in subjects]


def test_a_template_of_ones_own_may_ask_for_a_name(tmp_path: Path) -> None:
    """No twin would answer as the service does, so each is rendered by itself."""
    (tmp_path / "own/alerts").mkdir(parents=True)
    text = (
        Path("alerts/http.yaml.j2").read_text().replace("fails {{", "{{ '(mine) ' if name == 'checkout' }}fails {{", 1)
    )
    (tmp_path / "own/alerts/http.yaml.j2").write_text(text)
    catalog, own = loaded(HEAD + service("checkout") + service("shipping"), tmp_path), load_packs(tmp_path / "own")
    found = files(catalog, own, 0)

    assert {True, False} == {b"(mine)" in found[f"prometheus/rules/{each}.yml"] for each in catalog.services}
    assert ["checkout", "shipping"] == rendered_alone(catalog, own)


def test_what_decides_and_no_twin_shares_is_not_made_from_them(tmp_path: Path) -> None:
    """The twins differ in what they say of themselves, so that a file which depends on more shows it."""
    layout = Path("runbooks/_layout.md.j2").read_text()
    (tmp_path / "own/runbooks").mkdir(parents=True)
    (tmp_path / "own/runbooks/_layout.md.j2").write_text(layout + "{{ alert.name if service.description }}")
    own = load_packs(tmp_path / "own")
    trusted = Packs(own.by_kind, own.dialects, own.layout, are_own=True)
    catalog = loaded(HEAD + service("checkout", ", description: Sells.") + service("shipping"), tmp_path)

    assert [] == differing(catalog, trusted)


def test_parts_are_rendered_by_themselves(tmp_path: Path) -> None:
    """What they need decides which alerts they have."""
    needs = ["", ", depends_on: [database]", "", ", depends_on: [database]"]
    pools = [f"  pool-{at}: {{kind: pool, team: shop, part_of: checkout{need}}}\n" for at, need in enumerate(needs)]
    text = HEAD + service("checkout") + "  database: {kind: postgres, team: shop}\n" + "".join(pools)

    assert [] == differing(loaded(text, tmp_path), packs())


def test_most_services_of_a_shape_are_not_rendered(tmp_path: Path) -> None:
    """Two by themselves, and two twins; the others are made from those."""
    calls = []
    catalog = loaded(HEAD + "".join(service(f"api-{each}") for each in "abcdefgh"), tmp_path)

    def make(subject: twins.Subject) -> Iterator[Artifact]:
        calls.append(subject.service.name)
        yield Artifact(subject.service.name, b"")

    makers = twins.Twins(make)
    found = [
        each.path
        for name in catalog.services
        for each in makers.files(twins.Subject(catalog, packs(), catalog.services[name]))
    ]

    assert list(catalog.services) == found
    assert ["api-a", "api-b", "a----", "zzzzz"] == calls
