"""The names and numbers that the documents state are those of the code."""

import re
import subprocess
from datetime import date
from pathlib import Path

import jinja2
import pytest
import yaml

from seawall import conventions
from seawall.catalog import PAIRS, Catalog, Duration, load
from seawall.generator import PARTS, load_packs, render
from seawall.generator import slo as arithmetic
from seawall.generator.packs import _ALERT_KEYS, _PANEL_KEYS, _SCENARIO_KEYS
from seawall.generator.rule_files import SAFE_LOADER
from seawall.generator.slo_facts import BurnFacts, SloFacts
from seawall.generator.text import environment
from seawall.generator.variables import variables
from seawall.instrumentation import HttpServerMetrics
from seawall.instrumentation.caches import CacheMetrics
from seawall.instrumentation.clients import Clients
from seawall.instrumentation.export_metrics import SignalMetrics
from seawall.instrumentation.pools import PoolMetrics
from seawall.instrumentation.rpc_server import RpcServerMetrics
from seawall.instrumentation.runtime import RuntimeMetrics
from seawall.instrumentation.worker import WorkerMetrics
from seawall.portal.metrics import PortalMetrics
from seawall.stack import commands as stack
from seawall.stack.components import PORTS
from seawall.stack.faults import FAULTS

from .pages import ROOT

PACKS = load_packs()


def text(page: str) -> str:
    """Return a page of docs/."""
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def part(page: str, heading: str) -> str:
    """Return what stands between *heading* and the next one of its level."""
    level = heading.partition(" ")[0]
    return text(page).split(f"\n{heading}\n", 1)[1].split(f"\n{level} ", 1)[0]


def first_column(table: str) -> set[str]:
    """Return the code spans of the first cells of the tables in *table*, without arguments."""
    rows = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
    return {name.partition("(")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}


@pytest.fixture(scope="module")
def shop() -> Catalog:
    """The example."""
    return load(ROOT / "examples/shop/catalog.yaml", today=date(2026, 11, 24))


def confident(catalog: Catalog) -> Catalog:
    """Return *catalog* where each SLO asks for a bound too, so that everything is recorded that can be."""
    services = {
        name: service.model_copy(
            update={"slos": {key: slo.model_copy(update={"confidence": 95.0}) for key, slo in service.slos.items()}}
        )
        for name, service in catalog.services.items()
    }
    return catalog.model_copy(update={"services": services})


def test_every_recorded_series_that_is_public_stands_on_the_page(shop: Catalog) -> None:
    """And none that is not recorded."""
    recorded = {
        rule["record"]
        for artifact in render(confident(shop), PACKS)
        if artifact.path.startswith(conventions.RULES_DIR)
        for group in yaml.load(artifact.content, Loader=SAFE_LOADER)["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    said = set()
    for name in first_column(part("reference/metrics.md", "## Recorded series")):
        said |= {name} if ":" in name else set()
    public = {name for name in recorded if not name.startswith("seawall:")}
    stems = {re.sub(r"(rate)\d+\w$", r"\1", name) for name in public}
    assert stems == {re.sub(r"(rate)\d+\w$", r"\1", name) for name in said}
    assert set(arithmetic.SECONDS) <= set(re.findall(r"\d+[mhd]", part("reference/metrics.md", "## Recorded series")))


def test_the_labels_and_annotations_of_alerts_are_the_conventions() -> None:
    """With those that only some alerts have."""
    labels = first_column(part("reference/metrics.md", "## Labels of alerts"))
    assert {*conventions.ALERT_LABELS, "slo", "window", conventions.INHIBITS_LABEL} == labels
    annotations = first_column(part("reference/metrics.md", "## Annotations of alerts"))
    assert set(conventions.ALERT_ANNOTATIONS) == annotations


def test_the_portals_own_metrics_stand_on_the_page() -> None:
    """As they are scraped."""
    exposed = re.findall(r"^# TYPE (seawall_\w+) (?:counter|gauge)", PortalMetrics().expose().decode(), re.MULTILINE)
    own = {name for name in exposed if not name.endswith("_created")}
    assert own == first_column(part("reference/metrics.md", "## Metrics of Seawall's own processes"))


def test_the_metrics_of_the_one_import_stand_on_the_page() -> None:
    """HTTP, gRPC, worker, calls of dependencies, runtime, pools, caches, pushes, and the overflow of labels."""
    http = HttpServerMetrics()
    pushes = [SignalMetrics(signal) for signal in ("traces", "logs", "metrics")]
    every = (*pushes, WorkerMetrics(), Clients(), RuntimeMetrics(http.active), PoolMetrics(), CacheMetrics())
    made = (*http.families, RpcServerMetrics().duration, *(family for metrics in every for family in metrics.families))
    families = {f"{family.name}_total" if family.kind == "counter" else family.name for family in made}
    said = first_column(part("reference/metrics.md", "## Metrics of the one import"))
    assert families | {"seawall_metric_overflow_total"} == said


def test_the_variables_of_the_page_are_those_in_scope(shop: Catalog) -> None:
    """For a kind with a dialect; what only some places have stands in a table of its own."""
    said = first_column(part("reference/templates.md", "## Variables"))
    scope = variables(shop, PACKS, shop.services["storefront"])
    assert {*scope, "item", "above", "below", "threshold", "for"} == said
    page = part("reference/templates.md", "## Variables")
    for facts in (SloFacts, BurnFacts):
        assert [] == [name for name in facts.__dataclass_fields__ if f"`{name}`" not in page]


def test_the_filters_of_the_page_are_those_beside_jinjas_own() -> None:
    """The same in every context."""
    own = set(environment("promql").filters) - set(jinja2.Environment().filters)
    assert own == first_column(part("reference/templates.md", "## Filters"))


def test_the_keys_of_packs_on_the_page_are_those_that_are_read() -> None:
    """Of an alert, of a scenario and of a panel."""
    alerts = part("reference/templates.md", "## Alerts").split("| key of an alert |")[1]
    assert set(_ALERT_KEYS) == first_column(alerts)
    assert set(_SCENARIO_KEYS) == first_column(part("reference/templates.md", "## Scenarios"))
    panels = part("reference/templates.md", "## Panels")
    assert set(_PANEL_KEYS) == first_column(panels)


def test_the_ports_of_the_page_are_those_of_the_stack() -> None:
    """Each process with its own."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", part("reference/stack.md", "## Processes and ports"), re.M))
    assert {name: str(port) for name, port in PORTS.items()} == rows
    assert str(conventions.METRICS_PORT) in part("reference/stack.md", "## Processes and ports")


def test_the_parts_of_render_and_the_faults_of_demo_are_listed() -> None:
    """In the tables of their commands."""
    assert set(PARTS) <= first_column(part("reference/commands.md", "## seawall render"))
    assert set(FAULTS) <= first_column(part("reference/commands.md", "## seawall demo"))
    assert f"{stack.EXIT_NOT_RUNNING} when no stack" in part("reference/commands.md", "## seawall status")


def test_the_table_of_burn_rates_is_computed() -> None:
    """For 99.9 %: ratio, budget and time to fire of each pair."""
    table = part("explanation/error-budgets.md", "## Two windows, four pairs")
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\| \d.*$", table, re.M)]
    period = 30 * arithmetic.SECONDS["1d"]
    expected = []
    for pair in PAIRS:
        times = [round(arithmetic.detection_seconds(pair, 99.9, error)) for error in (1, 0.5, 0.1)]
        expected.append(
            [
                pair.window,
                pair.short,
                f"{pair.factor:g}",
                pair.severity,
                f"{pair.factor * 0.1:g} %",
                f"{arithmetic.budget_spent(pair, period) * 100:g} %",
                *(str(Duration(seconds)) for seconds in times),
            ]
        )
    assert expected == rows


def test_the_other_numbers_of_the_budgets_are_computed() -> None:
    """The objectives of which a pair can fire, and the hour of a campaign."""
    page = " ".join(text("explanation/error-budgets.md").split())
    for factor, shown in ((14.4, "93.06 %"), (6, "83.33 %")):
        assert f"{(1 - 1 / factor) * 100:.2f} %" == shown
        assert shown in page
    burn, weight, hours = 0.01 / 0.001, 6, 30 * 24
    assert f"| {burn / hours * 100:.2f} % | {burn * weight / hours * 100:.2f} % |" in page
    assert f"| burn rate | {burn:g} | {burn * weight:g} |" in page
    assert f"at most {arithmetic.MAX_WEIGHT}" in page
    assert arithmetic.BOOTSTRAP_DAYS == 7
    assert "Until seven days were seen the weight is 1" in page


def test_the_words_of_make_are_those_in_contributing() -> None:
    """And `make help` lists each with what it does."""
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = re.findall(r"^  make (\w+)\s+\S", shown, re.MULTILINE)
    (said,) = re.findall(r"`make help` lists the words: `([a-z ]+)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert set(said.split()) | {"help"} == set(listed)
    phony = (ROOT / "Makefile").read_text().split(".PHONY:")[1].split("\n")[0].split()
    assert set(phony) == set(listed)


def test_every_variable_of_the_environment_that_is_read_stands_on_a_page() -> None:
    """Those of Seawall itself, wherever in the code they are named."""
    sources = [
        file for room in ("exporters", "instrumentation", "stack", "portal") for file in (ROOT / room).rglob("*.py")
    ]
    named = {name for file in sources for name in re.findall(r"\"(SEAWALL_[A-Z_]+)\"", file.read_text())}
    page = part("reference/stack.md", "## Environment variables")
    assert {"SEAWALL_STATE", "SEAWALL_SERVICE", "SEAWALL_STACK"} <= named
    assert [] == sorted(name for name in named if f"`{name}`" not in page)


def test_every_variable_that_the_one_import_reads_stands_on_its_page() -> None:
    """Those whose names stand whole in its code."""
    sources = [file.read_text() for file in (ROOT / "instrumentation").glob("*.py")]
    named = {name for source in sources for name in re.findall(r"\"(OTEL_[A-Z_]+)\"", source)}
    page = part("how-to/instrument-an-application.md", "## Environment variables")
    assert "OTEL_EXPORTER_PROMETHEUS_PORT" in named
    assert [] == sorted(name for name in named if f"`{name}`" not in page)


def test_every_kind_stands_in_the_readme() -> None:
    """In its table of what is watched."""
    readme = Path(ROOT / "README.md").read_text()
    assert [] == [kind for kind in PACKS.kinds if f"| `{kind}` |" not in readme]


def test_the_decisions_are_numbered_and_have_their_three_parts() -> None:
    """Without a gap; a decision is never renumbered."""
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [f"{number:04}" for number in range(1, len(pages) + 1)] == [page.name[:4] for page in pages]
    for number, page in enumerate(pages, 1):
        words = page.read_text()
        assert words.startswith(f"# {number}. "), page.name
        assert ["Context", "Decision", "Consequences"] == re.findall(r"^\*\*(\w+)\.\*\*", words, re.MULTILINE), (
            page.name
        )
