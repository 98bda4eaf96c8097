"""Properties: any valid catalog renders, and the real tools of two versions accept all of it, its own proofs included.

SEAWALL_EXAMPLES=300 draws as many catalogs and runs every proof of each, which takes an hour.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scenarios import loaded, packs, played, said
from strategies import as_yaml, durations, valid_catalogs

from seawall.catalog import Catalog, Duration
from seawall.generator import render, validate
from seawall.generator.packs import AlertTemplate
from seawall.generator.rule_files import read
from seawall.generator.writer import write

MANY = int(os.environ.get("SEAWALL_EXAMPLES", "0"))
LONGEST = 6 * 3600.0  # a proof plays each minute of a ``for``
Tool = Callable[[str], str]
# No shrinking: each step would take a promtool.
shared = settings(
    deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck)
)


@st.composite
def _more(draw: st.DrawFn, template: AlertTemplate) -> dict[str, Any]:
    """Draw a threshold within the alert's limits, and a ``for`` with which it can still fire."""
    override: dict[str, Any] = {}
    threshold = float(template.threshold.source) if template.threshold else None
    if threshold is not None and draw(st.booleans()):
        threshold = draw(_thresholds(template))
        override[template.bound] = threshold
    longest = min(template.limits.longest(template.bound, threshold), LONGEST)
    if longest >= 60:
        whole = Duration(longest // 1)
        override["for"] = draw(st.one_of(st.just("0s"), durations(1, int(longest)), st.just(str(whole))))
    return override


def _thresholds(template: AlertTemplate) -> st.SearchStrategy[float]:
    limits, bound = template.limits, template.bound
    least = limits.least if limits.least is not None else (limits.over or 0.0) + 1e-6
    most = limits.under - 1e-6 if limits.under is not None else 1e6
    numbers = st.floats(least, most).filter(lambda each: not 0 < abs(each) < 1e-9)
    readable = numbers.map(lambda number: min(max(float(f"{number:.3g}"), least), most))
    return st.one_of(numbers, readable).filter(
        lambda number: limits.longest(bound, number) >= template.for_.seconds  # else the pack's own for is too long
    )


def _overrides() -> dict[str, dict[str, st.SearchStrategy[dict[str, Any]]]]:
    return {
        kind: {template.name: _more(template) for pack in packs().of(kind) for template in pack.alerts}
        for kind in packs().kinds
    }


@pytest.fixture(params=["installed", "newer"])
def tool(request: pytest.FixtureRequest, tools: Mapping[str, Tool]) -> Tool:
    """Return where a tool is, of the installed versions and of the newer ones."""
    return tools[request.param]


def _written(raw: Mapping[str, Any], folder: Path) -> Catalog | None:
    """Render *raw* below *folder*; None where its SLOs leave no event to prove them with."""
    catalog = loaded(as_yaml(raw), folder)
    errors = [problem for problem in validate(catalog, packs()) if problem.severity == "error"]
    assert [] == [str(problem) for problem in errors if "no event of dialect" not in problem.message]
    if errors:
        return None
    write(render(catalog, packs()), folder / "out")
    return catalog


@settings(shared, max_examples=MANY or 12)
@given(raw=valid_catalogs(_overrides()))
def test_the_tools_accept_the_rules_and_configurations_of_any_catalog(
    raw: dict[str, Any], tool: Tool, tmp_path: Path
) -> None:
    """Whatever its names, texts, thresholds, objectives, matchers, windows and edges."""
    if _written(raw, tmp_path) is None:
        return
    out, promtool = tmp_path / "out", tool("promtool")
    rules = [str(file) for file in sorted((out / "prometheus/rules").glob("*.yml"))]
    assert "" == said(promtool, "check", "rules", *rules)
    assert "" == said(promtool, "check", "config", str(out / "prometheus/prometheus.yml"))
    assert "" == said(tool("amtool"), "check-config", str(out / "alertmanager/alertmanager.yml"))


@settings(shared, max_examples=MANY or 6)
@given(raw=valid_catalogs(_overrides(), most=1), data=st.data())
def test_the_proofs_of_any_catalog_hold(raw: dict[str, Any], data: st.DataObject, tool: Tool, tmp_path: Path) -> None:
    """Computed from its own thresholds, times, objectives and filters: what fires does, and what nearly does is quiet."""
    catalog = _written(raw, tmp_path)
    if catalog is None:
        return
    for file in sorted((tmp_path / "out/prometheus/tests").resolve().iterdir()):
        service = catalog.services.get(file.name.partition(".")[0])
        if service is None:
            continue
        whole = read(file)
        whole["rule_files"] = [str(file.parent / each) for each in whole["rule_files"]]
        if not MANY:  # those of the alerts that the catalog changes, and two more
            changed = [test for test in whole["tests"] if any(name in test["name"] for name in service.alerts)]
            whole["tests"] = changed[:2] + data.draw(st.lists(st.sampled_from(whole["tests"]), min_size=1, max_size=2))
        chosen = tmp_path / "chosen.yml"
        chosen.write_text(yaml.safe_dump(whole, allow_unicode=True))
        assert "" == played(tool("promtool"), chosen, tmp_path)
