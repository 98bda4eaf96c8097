"""The proofs of burn-rate alerts notice each number and each condition that is changed, one at a time."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from scenarios import played, rendered

from seawall.generator.rule_files import read

CATALOG: Final = """
seawall: 1
teams: {a: {}}
services:
  shop: {kind: http, team: a, targets: ["shop:80"], slos: {availability: {objective: 99.9}}}
"""
BURN: Final = "SloErrorBudgetBurn"
NUMBER: Final = re.compile(r"(?<=[>=] )[\d.e-]+$")
LOWER: Final = 0.75
HIGHER: Final = 1.3


def changed(expr: str) -> Iterator[tuple[str, str]]:
    """Yield *expr* without each of its guards, and with each of its numbers lower and higher, and what was changed."""
    terms = expr.split(" and ")
    for index, term in enumerate(terms):
        rest = terms[:index], terms[index + 1 :]
        if index:
            yield f"without {term}", " and ".join([*rest[0], *rest[1]])
        for factor in (LOWER, HIGHER):
            other = NUMBER.sub(lambda found, factor=factor: f"{float(found[0]) * factor:.9g}", term)  # type: ignore[misc]
            yield f"{factor} times {term}", " and ".join([*rest[0], other, *rest[1]])


def is_implied(change: str) -> bool:
    """Whether another condition says as much: where the factor is 1, the guard that the objective is missed does."""
    return change.startswith(f"3d: {LOWER} times slo:burn_rate")


def with_changes(rules: dict[str, Any]) -> dict[str, str]:
    """Add a copy of each burn alert for each change, under a name of its own; return what was changed by name."""
    changes = {}
    for group in rules["groups"]:
        for rule in [each for each in group["rules"] if each.get("alert") == BURN]:
            for change, expr in changed(rule["expr"]):
                name = f"Changed{len(changes)}"
                changes[name] = f"{rule['labels']['window']}: {change}"
                group["rules"].append({"alert": name, "expr": expr, "labels": rule["labels"]})
    return changes


def asked_of_each(tests: dict[str, Any], changes: Mapping[str, str]) -> None:
    """Let the proofs of each burn alert be those of its changed copies."""
    for test in tests["tests"]:
        found = [each for each in test["promql_expr_test"] if f'alertname="{BURN}"' in each["expr"]]
        test["promql_expr_test"] = [
            each | {"expr": each["expr"].replace(f'"{BURN}"', f'"{name}"')}
            for each in found
            for name, change in changes.items()
            if f'window="{change.partition(":")[0]}"' in each["expr"]
        ]
    tests["tests"] = [test for test in tests["tests"] if test["promql_expr_test"]]


def rewrite(file: Path, content: Any) -> None:
    """Write a rendered file anew; the set that is served shares its inode."""
    file.unlink()
    file.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.mark.slow
def test_a_proof_notices_each_condition_and_each_number_of_a_burn_alert(
    tools: Mapping[str, Callable[[str], str]], tmp_path: Path
) -> None:
    """Pages and tickets: a factor, the budget or the floor a quarter lower or higher, of one window alone too."""
    folder = rendered(CATALOG, tmp_path)
    file = (folder / "prometheus/rules/shop.yml").resolve()
    rules = read(file)
    changes = with_changes(rules)
    rewrite(file, rules)
    files = [each.resolve() for each in sorted((folder / "prometheus/tests").glob("shop.slos*.yml"))]
    for each in files:
        tests = read(each)
        asked_of_each(tests, changes)
        rewrite(each, tests)
    promtool = tools["installed"]("promtool")
    told = "".join(played(promtool, each, tmp_path) for each in files).replace('\\"', '"')

    assert 4 * 11 == len(changes)
    unnoticed = {change for name, change in changes.items() if f'alertname="{name}"' not in told}
    assert set() == {change for change in unnoticed if not is_implied(change)}
