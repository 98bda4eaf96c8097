"""The rules of Grafana's dashboard-linter, and some more, over the dashboard of every kind.

Two of its rules are not kept, with a reason: there are no variables for job and instance, as a dashboard is of one
service and says so in each query, and rates have fixed windows, so that a panel shows the number that an alert is
about. Their ranges are held to four scrapes instead.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import promql
import promql_parser
import pytest
from pipeline import TEAMS, catalog_of

from seawall.catalog import Catalog, Defaults
from seawall.conventions import GRAFANA_DATASOURCE_UID, STACK_SERVICE, dashboard_uid, panel_number
from seawall.generator import load_packs, render, view

PACKS: Final = load_packs()
SLOS: Final = "slos: {availability: {objective: 99.9}, latency: {objective: 95, under: 300ms}}"
SERVICES: Final = {
    "whole": f"kind: http, tier: 1, targets: ['a:1'], capacity: {{requests_per_second: 100}}, {SLOS}",
    "worker": "kind: worker, targets: ['a:1'], slos: {availability: {objective: 99}}",
    "celery": "kind: celery, url: 'celery+redis://a:6379'",
    "first": "kind: redis, url: 'redis://a:6379'",
    "second": "kind: redis, url: 'redis://b:6379'",
    "memcached": "kind: memcached, url: 'memcached://a:11211'",
    "mysql": "kind: mysql, url: 'mysql://a:3306'",
    "kafka": "kind: kafka, url: 'kafka://a:9092'",
    "cassandra": "kind: cassandra, url: 'cassandra://a:9042', targets: ['a:9404']",
    "rabbitmq": "kind: rabbitmq, url: 'rabbitmq://a:15692'",
    "http-cache": "kind: http-cache, url: 'varnish://localhost?log=/var/log/varnish/cache.json'",
    "database": "kind: postgres, url: 'postgresql://a:5432'",
    "mongodb": "kind: mongodb, url: 'mongodb://a:27017'",
    "pgbouncer": "kind: pgbouncer, url: 'pgbouncer://a:6432'",
    "pool": "kind: pool, part_of: whole, depends_on: [database]",
    "shards": "kind: shards, members: [first, second]",
    "probe": "kind: probe, url: 'https://a'",
    "host": "kind: host, targets: ['a:1']",
}
# Those of Grafana's ids of units that the packs use; µs and s are times, the others counts, shares, bytes and rates.
UNITS: Final = {
    *("Bps", "bytes", "cps", "d", "ops", "percentunit", "pps", "reqps", "rps", "s", "short", "wps", "µs"),
}
# Counters that are no rates here, and why.
BY_VALUE: Final = {
    "node_cpu_seconds_total": "only how many there are is asked: the CPUs",
    "otelcol_process_uptime_seconds_total": "how long the process has run is what the panel shows",
}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """One service of each kind."""
    text = TEAMS + "".join(f"  {name}: {{team: payments, {fields}}}\n" for name, fields in SERVICES.items())
    text += "campaigns:\n  sale: {from: 2026-11-27T00:00:00, to: 2026-11-30T23:59:59, timezone: UTC, expects: {whole: 6x}}\n"
    return catalog_of(tmp_path_factory.mktemp("kinds"), text)


@pytest.fixture(scope="module")
def models(catalog: Catalog) -> dict[str, dict[str, Any]]:
    """The dashboards, by the service."""
    found = {each.path: each.content for each in render(catalog, PACKS) if each.path.startswith("grafana/")}
    by_uid = {Path(path).stem: json.loads(content) for path, content in found.items()}
    return {name: by_uid[dashboard_uid(name)] for name in (*SERVICES, STACK_SERVICE)}


def panels(models: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every panel that is no row, with its service."""
    for name, model in models.items():
        for panel in model["panels"]:
            if panel["type"] != "row":
                yield name, panel


def queries(models: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield the service, the title and the PromQL of every target."""
    for name, panel in panels(models):
        for target in panel["targets"]:
            yield name, panel["title"], target["expr"]


def nodes(node: Any, *above: str) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Yield every node of a parsed expression with the functions that it stands in, the innermost last."""
    yield node, above
    if type(node).__name__ == "Call":
        above = (*above, node.func.name)
    below = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "param")]
    for child in (*below, *getattr(node, "args", ())):
        if child is not None and type(child).__name__.endswith(("Expr", "Selector", "Call")):
            yield from nodes(child, *above)


def test_every_kind_is_looked_at(models: dict[str, dict[str, Any]]) -> None:
    """And every panel of each pack that a service can have."""
    kinds = {re.sub(r".*\((.*)\)", r"\1", model["title"]) for model in models.values()}

    assert {*PACKS.kinds, STACK_SERVICE} == kinds


def test_a_panel_has_a_title_of_its_own_a_description_a_unit_and_a_query(models: dict[str, dict[str, Any]]) -> None:
    """A title twice in a dashboard tells nothing apart; the unit is one that Grafana knows."""
    titles = [(name, panel["title"]) for name, panel in panels(models)]
    assert [] == sorted({each for each in titles if titles.count(each) > 1})
    for name, panel in panels(models):
        assert panel["title"], name
        assert re.search(r"[.!?]$", panel["description"]), (name, panel["title"])
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, (name, panel["title"])
        assert panel["targets"], (name, panel["title"])


def test_everything_asks_the_one_data_source(models: dict[str, dict[str, Any]]) -> None:
    """By its fixed uid: panels, their queries and the annotations."""
    asked = [panel["datasource"] for _, panel in panels(models)]
    asked += [target["datasource"] for _, panel in panels(models) for target in panel["targets"]]
    asked += [each["datasource"] for model in models.values() for each in model["annotations"]["list"]]

    assert [{"type": "prometheus", "uid": GRAFANA_DATASOURCE_UID}] == [
        each for index, each in enumerate(asked) if each not in asked[:index]
    ]


def test_a_dashboard_is_changed_in_the_catalog_alone(models: dict[str, dict[str, Any]]) -> None:
    """It is not editable, has no id of a Grafana, and a uid that Grafana takes."""
    for model in models.values():
        assert (False, None, True) == (model["editable"], model["id"], len(model["uid"]) <= 40)
        assert [] == model["templating"]["list"]


def test_every_query_and_every_annotation_is_promql(models: dict[str, dict[str, Any]]) -> None:
    """With Grafana's interval filled in."""
    annotations = [each["target"]["expr"] for model in models.values() for each in model["annotations"]["list"]]
    for expr in (*(expr for _, _, expr in queries(models)), *annotations):
        promql_parser.parse(expr.replace("$__rate_interval", "5m"))


def test_every_query_is_of_the_service(models: dict[str, dict[str, Any]]) -> None:
    """It selects by its job, or by the label that stands for it; the stack's own asks for what is there once."""
    others = [
        (name, title, selector.metric)
        for name, title, expr in queries(models)
        if name != STACK_SERVICE
        for selector in promql.read(expr.replace("$__rate_interval", "5m"), {}).selectors
        if not any(operator in ("=", "=~") and name_of(value) for label, operator, value in selector.matchers if label)
    ]

    assert [] == others


def name_of(value: str) -> bool:
    """Whether a matcher's value names a service of the catalog."""
    return any(name in value for name in SERVICES)


def test_a_counter_is_shown_as_a_rate(models: dict[str, dict[str, Any]]) -> None:
    """Its value says how long the process has run."""
    bare = {
        (name, title, node.name)
        for name, title, expr in queries(models)
        for node, above in nodes(promql_parser.parse(expr.replace("$__rate_interval", "5m")))
        if type(node).__name__ == "VectorSelector"
        and (node.name or "").endswith("_total")
        and not {*above} & {"rate", "irate", "increase", "changes", "resets"}
    }

    assert set() == {each for each in bare if each[2] not in BY_VALUE}


def test_a_rate_holds_four_scrapes(models: dict[str, dict[str, Any]]) -> None:
    """The ranges are those of the alerts and not the screen's; below four scrapes a lost one leaves a gap."""
    least = 4 * Defaults().scrape_interval.seconds
    short = [
        (name, title, node.range)
        for name, title, expr in queries(models)
        for node, above in nodes(promql_parser.parse(expr.replace("$__rate_interval", "5m")))
        if type(node).__name__ == "MatrixSelector" and node.range.total_seconds() < least
    ]

    assert [] == short


def test_a_panel_is_found_by_its_number_wherever_it_stands(models: dict[str, dict[str, Any]], catalog: Catalog) -> None:
    """Which is that of its id, unique in the dashboard, so that the link of an alert opens it."""
    for name, model in models.items():
        found = view(catalog, PACKS, name)
        numbers = [panel["id"] for panel in model["panels"]]
        assert len(numbers) == len({*numbers})
        assert {panel_number(panel.id): panel.title for panel in found.panels}.items() <= {
            panel["id"]: panel["title"] for panel in model["panels"]
        }.items()


def test_the_panel_of_every_alert_is_on_the_dashboard(catalog: Catalog) -> None:
    """What an alert links to is drawn for that service."""
    for name in (*SERVICES, STACK_SERVICE):
        found = view(catalog, PACKS, name)
        assert set() == {alert.panel for alert in found.alerts} - {panel.id for panel in found.panels}, name
