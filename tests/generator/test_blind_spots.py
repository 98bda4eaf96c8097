"""Blind spots: what promtool says of a service's scenarios, in two versions of it, and what is said of that."""

import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from pipeline import SHOP, TEAMS, catalog_of, put, run

from seawall.catalog import SeawallError, Service
from seawall.generator import PackError, Packs, TemplateError, load_packs, render
from seawall.generator.blind_spots import Row, Table, blind_spots
from seawall.generator.blind_spots_text import as_text
from seawall.generator.packs import COMMON, STACK_KIND
from seawall.generator.scenarios import Course, Subject
from seawall.generator.variables import variables

Tools = Mapping[str, Callable[[str], str]]
PACKS: Final = load_packs()
COURSE: Final = Course(well=3600, fault=7200, evaluation=300, seeds=800)
CANARY: Final = "canary failing"
STOPPED: Final = "load balancer out"
QUIET: Final = "load balancer out, few visitors"
CHECKOUT: Final = "  checkout:\n    kind: http\n    team: payments\n    tier: 1\n    targets: ['checkout:9464']\n"


def only(*names: str) -> Packs:
    """Return the packs with no scenarios but these."""
    by_kind = {
        kind: replace(pack, scenarios=tuple(each for each in pack.scenarios if each.name in names))
        for kind, pack in PACKS.by_kind.items()
    }
    return replace(PACKS, by_kind=by_kind)


def tables(folder: Path, tool: str, services: str, *scenarios: str) -> dict[str, Table]:
    """Return the tables of *services*, by name, with these scenarios alone."""
    catalog = catalog_of(folder, TEAMS + services)
    found = blind_spots(catalog, only(*scenarios), sorted(catalog.services), Path(tool))
    return {table.service.name: table for table in found}


def told(row: Row) -> tuple[tuple[str, str, str, float] | None, ...]:
    """Return the first page and the first ticket as plain values."""
    return tuple(each and (each.alert, each.slo, each.window, each.seconds) for each in (row.page, row.ticket))


@pytest.mark.parametrize("version", ["installed", "newer"])
def test_a_canary_pages_when_its_share_burns_the_budget_fast_enough(version: str, tools: Tools, tmp_path: Path) -> None:
    """Five per cent is fifty times what 99.9 allows, and five times what 99 does; theory says 1,037 s of the first."""
    slos = "    slos: {{availability: {{objective: {}}}}}\n"
    services = CHECKOUT + slos.format(99.9) + CHECKOUT.replace("checkout", "lax") + slos.format(99)
    found = tables(tmp_path, tools[version]("promtool"), services, CANARY)

    page, ticket = told(found["checkout"].rows[0])
    assert ("SloErrorBudgetBurn", "availability", "1h", 1080.0) == page
    assert ticket is not None
    # A tenth of the month's budget: 72 hours' worth of a ratio of 0.001, at 0.05; to five minutes, and one more sample.
    assert ("SloErrorBudgetBurn", "availability", "3d") == ticket[:3]
    assert 72 * 3600 * 0.001 / 0.05 <= ticket[3] <= 72 * 3600 * 0.001 / 0.05 + 600
    assert (None, None) == told(found["lax"].rows[0])


def test_an_alert_that_is_switched_off_leaves_nothing_behind(tools: Tools, tmp_path: Path) -> None:
    """The traffic of both stops; the ticket for traffic that fell is another alert."""
    off = "    alerts: {ServiceTrafficStopped: {disabled: noisy}}\n"
    services = CHECKOUT + CHECKOUT.replace("checkout", "without") + off
    found = tables(tmp_path, tools["installed"]("promtool"), services, STOPPED)
    fallen = ("ServiceTrafficFallen", "", "", 780.0)

    assert (("ServiceTrafficStopped", "", "", 600.0), fallen) == told(found["checkout"].rows[0])
    assert (None, fallen) == told(found["without"].rows[0])


def test_what_no_number_tells_of_a_quiet_service_a_probe_does(tools: Tools, tmp_path: Path) -> None:
    """Nothing at all sees that the last of its visitors stay away, until there is an SLO of what a probe sees."""
    probe = "    slos: {front: {sli: probe, objective: 99.9, value: 'probe_success{job=\"front\"}'}}\n"
    services = CHECKOUT + CHECKOUT.replace("checkout", "probed") + probe
    found = tables(tmp_path, tools["installed"]("promtool"), services, QUIET)
    row = found["checkout"].rows[0]
    page, ticket = told(found["probed"].rows[0])

    assert (None, None) == told(row)
    assert "sli: probe" in row.mend
    assert page is not None
    assert ticket is not None
    assert (("SloErrorBudgetBurn", "front", "1h"), "3d") == (page[:3], ticket[2])
    assert page[3] <= 180


def test_a_probe_that_is_the_service_sees_what_visitors_see(tools: Tools, tmp_path: Path) -> None:
    """To the minute by the window of an hour: two minutes of failure are the floor, and 52 s the theory."""
    slos = "    dialect: blackbox\n    slos: {availability: {objective: 99.9}}\n"
    found = tables(tmp_path, tools["installed"]("promtool"), CHECKOUT + slos, STOPPED)
    page, ticket = told(found["checkout"].rows[0])

    assert ("SloErrorBudgetBurn", "availability", "1h", 120.0) == page
    assert ticket is not None
    # A tenth of the month's budget is 259 s. Moments that are judged each five minutes tell it to ten.
    assert ("SloErrorBudgetBurn", "availability", "3d") == ticket[:3]
    assert 259 <= ticket[3] <= 259 + 900


def test_a_filtered_slo_sees_the_fault_too(tools: Tools, tmp_path: Path) -> None:
    """Requests of its route come, fail and are slow as all others do."""
    slow = "    slos: {pay: {sli: latency, objective: 95, under: 300ms, routes: [/pay/*], methods: [POST]}}\n"
    found = tables(tmp_path, tools["installed"]("promtool"), CHECKOUT + slow, "database slow")
    page, _ = told(found["checkout"].rows[0])

    # 0.9 is eighteen times what 95 allows.
    assert ("SloErrorBudgetBurn", "pay", "1h", 49 * 60.0) == page


def test_who_asks_on_behalf_of_a_service_is_watched_by_the_stack(tools: Tools, tmp_path: Path) -> None:
    """The page for a dead exporter is not the service's own, and says so."""
    services = "  sessions: {kind: redis, team: payments, url: 'redis://sessions'}\n"
    table = tables(tmp_path, tools["installed"]("promtool"), services, "exporter dead")["sessions"]
    page = table.rows[0].page

    assert page is not None
    assert ("SeawallExporterDown", "seawall", 120.0) == (page.alert, page.service, page.seconds)
    assert "after 2m: SeawallExporterDown (of seawall)" in as_text([table])


def test_what_fires_while_all_is_well_tells_of_no_fault(tools: Tools, tmp_path: Path) -> None:
    """It is named, and takes no cell."""
    services = CHECKOUT + "    traffic: 100/s\n    capacity: {requests_per_second: 50}\n"
    table = tables(tmp_path, tools["installed"]("promtool"), services, "one of two instances out")["checkout"]

    assert ("HttpCapacityNearLimit",) == table.early
    assert (None, ("ServiceInstanceDown", "", "", 300.0)) == told(table.rows[0])
    assert "HttpCapacityNearLimit fires while all is well" in as_text([table])


def test_what_is_not_scraped_any_more_is_gone_at_once(tools: Tools, tmp_path: Path) -> None:
    """Prometheus says so, and does not look back five minutes as for what is pushed; hours of an alert are told."""
    only = "    alerts: {ServiceTelemetryAbsent: {only: '07:00-23:00'}}\n"
    pushed = "  pushed: {kind: http, team: payments, tier: 1}\n"
    found = tables(
        tmp_path, tools["installed"]("promtool"), CHECKOUT + only + pushed, "discovery loses it", "exporter dead"
    )
    rows = {row.scenario: told(row)[0] for row in found["checkout"].rows}

    assert ("ServiceTelemetryAbsent", "", "", 600.0) == rows["discovery loses it"]
    assert ("ServiceTelemetryAbsent", "", "", 900.0) == told(found["pushed"].rows[0])[0]
    assert "Outside of 07:00-23:00 nobody is told of ServiceTelemetryAbsent." in as_text([found["checkout"]])


def test_hostile_texts_change_nothing(tools: Tools, tmp_path: Path) -> None:
    """Quotes, braces and newlines of the catalog come back as they went, and promtool's answer is read all the same."""
    hostile = (
        '    description: \'"}} exp: {scenario="0"} 1E+00 got: {{ $x }}\'\n'
        '    match: {env: \'a"b}\\c{scenario="0"} 1E+00\', zone: "x\\n        got: nil"}\n'
        "    slos: {availability: {objective: 99.9, routes: ['/a\"}*', '/{b}']}}\n"
    )
    plain = "    slos: {availability: {objective: 99.9, routes: [/a*, /b]}}\n"
    services = CHECKOUT + hostile + CHECKOUT.replace("checkout", "plain") + plain
    found = tables(tmp_path, tools["installed"]("promtool"), services, "every request fails", "every instance out")

    assert [*map(told, found["plain"].rows)] == [*map(told, found["checkout"].rows)]
    assert all(row.page for row in found["plain"].rows)


def test_a_tier_that_never_pages_has_no_pages(tools: Tools, tmp_path: Path) -> None:
    """What the alert calls a page is a ticket; blind is what nothing sees at all. The rest is said below the table."""
    slos = "    mode: shadow\n    slos: {fresh: {sli: freshness, objective: 99, value: my_time, within: 1h}}\n"
    services = CHECKOUT.replace("tier: 1", "tier: 3") + slos
    table = tables(tmp_path, tools["installed"]("promtool"), services, STOPPED, QUIET)["checkout"]
    text = as_text([table])

    assert (None, ("ServiceTrafficStopped", "", "", 600.0)) == told(table.rows[0])
    assert text.startswith("checkout (http, tier 3)\n\n  scenario ")
    assert "Tier 3 never pages: its pages are tickets." in text
    assert "It is in shadow mode: all its alerts go to the inbox alone." in text
    assert "The SLO fresh took no part" in text
    assert ["  load balancer out, few visitors"] == [
        line for line in text.partition("Nothing fires within 2 hours:")[2].splitlines() if line[2:3].strip()
    ]


def test_a_promtool_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """With what it said; or that it is none."""
    tool = tmp_path / "promtool"
    tool.write_text("#!/bin/sh\necho out of memory >&2\nexit 1\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(
        SeawallError, match=r"the scenarios of checkout.60s.test.yml could not be played: out of memory"
    ):
        tables(tmp_path, str(tool), CHECKOUT, STOPPED)
    with pytest.raises(SeawallError, match=r"none: cannot be started: No such file"):
        tables(tmp_path, str(tmp_path / "none"), CHECKOUT, STOPPED)


def test_the_command_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """promtool, a service that is there; and a service, where an alert is explained."""
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(SHOP)
    unknown = run("explain", "blind-spots", catalog, "--service", "chekout")
    without = run("explain", "ServiceDown", catalog)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    missing = run("explain", "blind-spots", catalog)

    assert (1, 2, 1) == (unknown.exit_code, without.exit_code, missing.exit_code)
    assert "did you mean 'checkout'?" in unknown.stderr
    assert "Missing option '--service'" in without.stderr
    assert "promtool is not on PATH; install it (Debian: prometheus), or run seawall up once" in missing.stderr


WAYS: Final = {"scraped": "targets: ['a:1']", "probed": "url: 'http://a'", "pushed": "description: pushed"}


@pytest.mark.parametrize("way", WAYS)
def test_every_scenario_of_every_kind_and_dialect_can_be_written_down(way: str, tmp_path: Path) -> None:
    """With what it is in words; and no service of a kind has one twice."""
    names = {kind: [each for of, each in PACKS.dialects if of == kind] or ["otel"] for kind in PACKS.kinds}
    made = {kind: "members: [redis-otel]" for kind in PACKS.kinds if PACKS.by_kind[kind].has_members}
    texts = [
        f"  {kind}-{dialect}: {{kind: {kind}, team: payments, dialect: {dialect}, {made.get(kind, WAYS[way])}}}\n"
        for kind, dialects in names.items()
        for dialect in dialects
    ]
    catalog = catalog_of(tmp_path, TEAMS + "".join(texts))
    for service in catalog.services.values():
        play = played(PACKS, service, variables(catalog, PACKS, service))
        assert len(set(play)) == len(play)


def played(packs: Packs, service: Service, scope: Mapping[str, object]) -> list[str]:
    """Return the scenarios of *service*, each of which is written down."""
    subject = Subject(packs, service, scope)
    found = []
    for pack in packs.of(service.kind):
        for scenario in pack.scenarios:
            if subject.applies(scenario):
                assert all(each["series"].count("{") == 1 for each in subject.series(scenario, COURSE))
                assert scenario.what.render(scope)
                found.append(scenario.name)
    return found


def test_every_kind_has_scenarios_and_none_is_in_any_artifact(tmp_path: Path) -> None:
    """Packs without them render the same bytes."""
    assert [] == [kind for kind, pack in PACKS.by_kind.items() if kind != STACK_KIND and not pack.scenarios]
    assert PACKS.by_kind[COMMON].scenarios

    catalog = catalog_of(tmp_path)
    assert render(catalog, only()) == render(catalog, PACKS)


PACK: Final = """\
title: Cache
alerts: []
scenarios:
  - scenario: full
    what: "{{ name }} is full."
    usual: {traffic: {good: "1"}, input: {used: "1"}}
    traffic: [{for: 1m, good: "1"}, {bad: "1"}]
    input: {used: "+5"}
"""
BROKEN: Final = {
    "an unknown key": ("what:", "waht:", 5, "unknown key 'waht'; known are alone, input, mend, "),
    "no words": ('    what: "{{ name }} is full."\n', "", 4, "lacks 'what'"),
    "no list": ("scenarios:\n  - scenario: full", "scenarios:\n    scenario: full", 4, "must be a list"),
    "an unknown class": ("{bad:", "{baad:", 7, "unknown key 'baad'; known are bad, for, gone, good, "),
    "an unknown usual class": ('{good: "1"}, input', '{gone: "1"}, input', 6, "unknown key 'gone'; known are bad, good, "),
    "an unknown key of what is usual": ("usual: {traffic", "usual: {trafic", 6, "unknown key 'trafic'; known are input, traffic"),
    "a phase without end": ("for: 1m, ", "", 7, "lacks 'for': each phase but the last says how long it is"),
    "a phase of nothing": ('{bad: "1"}', "{}", 7, "says nothing of the events; write such as "),
    "an input that is none": ('{used: "+5"}', "used", 8, "must be a mapping"),
    "a template that is none": ("{{ name }}", "{{ name", 5, "template: unexpected end"),
}  # fmt: skip


def pack(folder: Path, text: str) -> Packs:
    """Return the packs with a kind ``cache`` of this text."""
    put(folder, {"alerts/cache.yaml.j2": text, "dashboards/cache.yaml.j2": "rows: []\n", "runbooks/cache.md.j2": "\n"})
    return load_packs(folder)


@pytest.mark.parametrize("case", BROKEN)
def test_a_scenario_that_is_none_is_refused_with_its_place(case: str, tmp_path: Path) -> None:
    """The file as the user named it, the line, and what to write instead."""
    old, new, line, said = BROKEN[case]
    assert old in PACK
    assert pack(tmp_path, PACK).by_kind["cache"].scenarios
    with pytest.raises((PackError, TemplateError)) as error:
        pack(tmp_path, PACK.replace(old, new, 1))

    assert str(error.value).startswith(f"{tmp_path}/alerts/cache.yaml.j2:{line}:"), str(error.value)
    assert said in str(error.value)


def test_a_scenario_that_says_nothing_of_a_fault_is_refused(tmp_path: Path) -> None:
    """Words alone can be played by nobody."""
    with pytest.raises(PackError, match=r"alerts/cache.yaml.j2:4:5: says nothing of the fault; add traffic, input, "):
        pack(tmp_path, PACK[: PACK.index("    usual:")])


@pytest.mark.parametrize(("old", "new", "said"), [
    ('used: "+5"', "used: lots", "scenario full: 'lots' is not a value of a fixture"),
    ('input: {used: "1"}}', 'input: {used: [{value: "1"}]}}', "scenario full: what is usual is one value"),
])  # fmt: skip
def test_a_value_that_is_none_is_told_with_the_place_of_its_scenario(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    """It shows when the scenario is played."""
    assert old in PACK
    catalog = catalog_of(tmp_path, f"{TEAMS}  sessions: {{kind: cache, team: payments}}\n")
    with pytest.raises(TemplateError) as error:
        blind_spots(catalog, pack(tmp_path, PACK.replace(old, new)), ["sessions"], tmp_path)

    assert str(error.value).startswith(f"{tmp_path}/alerts/cache.yaml.j2:4: {said}"), str(error.value)
