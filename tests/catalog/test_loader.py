"""What load() returns: defaults applied once, the day, the places, the warnings."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from seawall.catalog import Catalog, Duration, load

Load = Callable[[str], Catalog]
HEAD = "seawall: 1\nteams:\n  payments: {}\n"
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/catalog.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_loads_without_a_warning(example: Path) -> None:
    """What users copy is right."""
    assert load(example, today=date(2026, 11, 24)).warnings == []


def test_a_service_knows_its_name(loaded: Load) -> None:
    """The key is the name; so it is for a campaign."""
    catalog = loaded(
        HEAD + "services: {checkout: {kind: http, team: payments}}\n"
        "campaigns: {launch: {from: 2026-01-01T00:00, to: 2026-01-02T00:00}}\n"
    )
    assert catalog.services["checkout"].name == "checkout"
    assert catalog.campaigns["launch"].name == "launch"


def test_defaults_reach_every_service(loaded: Load) -> None:
    """Dialect, matchers and window; what a service says itself wins."""
    catalog = loaded(
        HEAD + "defaults: {dialect: envoy, slo_window: 28d, match: {environment: production, region: eu}}\n"
        "services:\n"
        "  checkout:\n"
        "    kind: http\n"
        "    team: payments\n"
        "    match: {region: us}\n"
        "    slos: {availability: {objective: 99}, pay: {sli: availability, objective: 99, window: 7d}}\n"
        "  mailer: {kind: http, team: payments, dialect: micrometer}\n"
    )
    checkout, mailer = catalog.services["checkout"], catalog.services["mailer"]
    assert (checkout.dialect, mailer.dialect) == ("envoy", "micrometer")
    assert checkout.match == {"environment": "production", "region": "us"}
    assert mailer.match == {"environment": "production", "region": "eu"}
    assert ("availability", Duration(28 * 86400)) == (
        checkout.slos["availability"].sli,
        checkout.slos["availability"].window,
    )
    assert ("availability", Duration(7 * 86400)) == (checkout.slos["pay"].sli, checkout.slos["pay"].window)


def test_without_defaults_the_documented_ones_hold(loaded: Load) -> None:
    """otel, thirty days, no matchers."""
    service = loaded(
        HEAD + "services: {checkout: {kind: http, team: payments, slos: {availability: {objective: 99}}}}\n"
    )
    checkout = service.services["checkout"]
    assert (checkout.dialect, checkout.match, checkout.tier, checkout.mode) == ("otel", {}, 2, "live")
    assert Duration(30 * 86400) == checkout.slos["availability"].window


def test_dependencies_are_edges_whether_listed_or_mapped(loaded: Load) -> None:
    """A list of names, a mapping to nothing and one to an edge."""
    catalog = loaded(
        HEAD + "services:\n"
        "  a: {kind: http, team: payments, depends_on: [b]}\n"
        "  b: {kind: http, team: payments, depends_on: {c: {inhibits: true}, d: }}\n"
        "  c: {kind: http, team: payments}\n"
        "  d: {kind: http, team: payments}\n"
    )
    assert {name: edge.inhibits for name, edge in catalog.services["a"].depends_on.items()} == {"b": False}
    assert {name: edge.inhibits for name, edge in catalog.services["b"].depends_on.items()} == {"c": True, "d": False}
    assert [service.name for service in catalog.dependents_of("b")] == ["a"]


def test_the_graph_answers_who_needs_whom_and_who_is_in_a_cycle(loaded: Load) -> None:
    """Only services that reach each other both ways are in one."""
    edges = {"a": "b", "b": "c", "c": "b", "d": "c"}
    services = "".join(f"  {a}: {{kind: http, team: payments, depends_on: [{b}]}}\n" for a, b in edges.items())
    catalog = loaded(HEAD + "services:\n" + services)
    assert [service.name for service in catalog.dependents_of("c")] == ["b", "d"]
    assert catalog.dependents_of("a") == []
    assert catalog.in_cycle("b", "c")
    assert catalog.in_cycle("c", "b")
    assert not catalog.in_cycle("a", "b")
    assert not catalog.in_cycle("d", "c")
    assert catalog.teams["payments"] is catalog.team_of(catalog.services["a"])


def test_every_node_has_a_place(loaded: Load) -> None:
    """A scalar's is its own, a mapping's and a list's that of the key; what is not written is where its parent is."""
    catalog = loaded(HEAD + "services:\n  checkout:\n    kind: http\n    team: payments\n    targets: [a:1, b:2]\n")
    places = {
        ("services", "checkout"): "5:3",
        ("services", "checkout", "kind"): "6:11",
        ("services", "checkout", "targets"): "8:5",
        ("services", "checkout", "targets", 1): "8:20",
        ("services", "checkout", "slos", "availability"): "5:3",
        ("services", "checkout", "targets", 7): "8:5",
        ("campaigns",): "1:1",
        (): "1:1",
    }
    assert places == {path: str(catalog.where(*path)).removeprefix("catalog.yaml:") for path in places}


def test_a_catalog_that_was_not_read_stands_at_its_source() -> None:
    """Catalogs made in code answer too."""
    assert str(Catalog(seawall=1).where("services", "checkout")) == "catalog.yaml:1:1"


def test_the_day_is_an_argument(tmp_path: Path) -> None:
    """An override that ends on a day still holds on it, and not on the next."""
    file = tmp_path / "catalog.yaml"
    file.write_text(HEAD + "services: {a: {kind: http, team: payments, alerts: {X: {above: 1, until: 2026-11-24}}}}\n")
    assert load(file, today=date(2026, 11, 24)).warnings == []
    assert len(load(file, today=date(2026, 11, 25)).warnings) == 1
    assert date(2026, 11, 25) == load(file, today=date(2026, 11, 25)).today


def test_without_a_day_it_is_today(tmp_path: Path) -> None:
    """The clock of the machine, read once."""
    file = tmp_path / "catalog.yaml"
    file.write_text(HEAD + "services: {a: {kind: http, team: payments}}\n")
    before = date.today()
    assert before <= load(file).today <= date.today()


def test_the_model_is_frozen(loaded: Load) -> None:
    """Nobody changes a catalog after it is read."""
    catalog = loaded(HEAD + "services: {a: {kind: http, team: payments}}\n")
    with pytest.raises(ValidationError, match="frozen"):
        catalog.services["a"].tier = 1  # type: ignore[misc]


def test_free_text_may_hold_anything(loaded: Load) -> None:
    """Quotes, braces, backticks, templates, emoji, lines and tabs arrive as they were written."""
    hostile = "\\\"'`{{ $labels.job }}{% raw %}</script> 🌊 ümlaut\n\tnext"
    written = hostile.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    catalog = loaded(HEAD + f'services: {{a: {{kind: http, team: payments, description: "{written}"}}}}\n')
    assert hostile == catalog.services["a"].description


def test_commands_in_a_runbook_may_hold_variables_of_a_shell(loaded: Load) -> None:
    """Nothing expands there: it is quoted to whoever is on call."""
    notes = "runbook: {mitigations: [{when: slow, do: 'kubectl -n ${NAMESPACE} get pods'}]}"
    catalog = loaded(HEAD + f"services: {{a: {{kind: http, team: payments, {notes}}}}}\n")
    assert catalog.services["a"].runbook.mitigations[0].do == "kubectl -n ${NAMESPACE} get pods"


@pytest.mark.parametrize(
    "url",
    [
        "${CACHE_URL}",
        "redis://cache:6379",
        "redis://:${PASSWORD}@cache:6379/0",
        "redis://:${file:/run/secrets/cache}@cache:6379/0",
        "redis://${USER}:${file:/run/secrets/cache}@cache:6379/0",
        "postgres://orders:${PASSWORD}@${HOST}:5432/orders?sslmode=require",
        "https://psp.example.org/status?token=${TOKEN}",
        "redis://[::1]:6379",
        "https://psp.example.org/users/a@b",
    ],
)
def test_a_url_without_a_literal_secret_is_taken_as_it_is(loaded: Load, url: str) -> None:
    """Variables stay variables: the exporter reads them."""
    catalog = loaded(HEAD + f'services: {{a: {{kind: redis, team: payments, url: "{url}"}}}}\n')
    assert url == catalog.services["a"].url


def test_service_discovery_is_taken_as_it_is(loaded: Load) -> None:
    """Any of Prometheus' mechanisms, with its secrets by file."""
    discovery = (
        "{dns_sd_configs: [{names: [a.example.org], type: A, port: 9464}], consul_sd_configs: [{token_file: /t}]}"
    )
    catalog = loaded(HEAD + f"services: {{a: {{kind: http, team: payments, targets: {discovery}}}}}\n")
    assert catalog.services["a"].targets == {
        "dns_sd_configs": [{"names": ["a.example.org"], "type": "A", "port": 9464}],
        "consul_sd_configs": [{"token_file": "/t"}],
    }


def test_a_long_cycle_is_drawn_in_short(loaded: Load) -> None:
    """A warning stays readable however many services need each other."""
    services = "".join(
        f"  s{number:02}: {{kind: http, team: payments, depends_on: [s{(number + 1) % 40:02}]}}\n"
        for number in range(40)
    )
    (warning,) = loaded(HEAD + "services:\n" + services).warnings
    assert "s00 → s01 → s02 → s03 → s04 → s05 → (29 more) → s35 → s36 → s37 → s38 → s39 → s00" in warning.message


def test_tier_3_never_pages_and_may_ask_for_little(loaded: Load) -> None:
    """Where nobody is woken, an SLO without a page is no error."""
    service = "report: {kind: worker, team: payments, tier: 3, slos: {availability: {objective: 50}}}"
    warnings = loaded(HEAD + f"services: {{{service}}}\n").warnings
    assert len(warnings) == 3
