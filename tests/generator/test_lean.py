"""Proofs are played with the rules that they ask of alone, and find what they would find with all of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from scenarios import said

from seawall.generator.lean import lean
from seawall.generator.rule_files import read

RULES: dict[str, Any] = {
    "groups": [
        {
            "name": "recorded",
            "rules": [
                {"record": "a:raw", "expr": "sum(a)"},
                {"record": "a:rate", "expr": "rate(a[5m])", "labels": {"window": "5m"}},
                {"record": "a:rate", "expr": "rate(a[1h])", "labels": {"window": "1h"}},
                {"record": "b:rate", "expr": "rate(b[5m])"},
                {"record": "a:twice", "expr": "2 * a:raw"},
            ],
        },
        {
            "name": "alerts",
            "rules": [
                {"alert": "Quick", "expr": 'a:rate{window="5m"} > 1', "annotations": {"summary": "quick"}},
                {"alert": "Slow", "expr": 'a:rate{window=~"1h|5m"} > 1', "labels": {"slo": "x"}},
                {"alert": "Slow", "expr": "a:twice > 1", "labels": {"slo": "y"}},
                {"alert": "Each", "expr": "b:rate > 1", "labels": {"slo": "{{ $labels.slo }}"}},
            ],
        },
    ]
}
EVERY = {"a:raw", "a:rate 5m", "a:rate 1h", "b:rate", "a:twice", "Quick", "Slow x", "Slow y", "Each {{ $labels.slo }}"}


def asked(*matchers: str) -> dict[str, Any]:
    """Return a test that looks at the alerts with these *matchers*."""
    looks = [{"expr": f"ALERTS{{{each}}}", "eval_time": "5m", "exp_samples": []} for each in matchers]
    return {"interval": "1m", "input_series": [], "promql_expr_test": looks}


def written(folder: Path, *tests: Mapping[str, Any], rules: Mapping[str, Any] = RULES) -> Path:
    """Return a file of tests in a folder beside that of its rules."""
    for name, content in (("rules", rules), ("tests", {"rule_files": ["../rules/a.yml"], "tests": list(tests)})):
        (folder / name).mkdir()
        (folder / name / "a.yml").write_text(yaml.safe_dump(content))
    return folder / "tests/a.yml"


def kept(file: Path) -> set[str]:
    """Return the rules that the tests in *file* are played with: each name with the label that tells it apart."""
    groups = read(file.parent / "rules.yml")["groups"]
    every = [rule for group in groups for rule in group["rules"]]
    assert not any("annotations" in rule for rule in every)
    return {" ".join([rule.get("alert") or rule["record"], *rule.get("labels", {}).values()]) for rule in every}


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        (['alertname="Quick",alertstate="firing",service="a"'], {"Quick", "a:rate 5m"}),
        (['alertname="Slow",slo="x"'], {"Slow x", "a:rate 5m", "a:rate 1h"}),
        (['alertname="Slow",slo="y"'], {"Slow y", "a:twice", "a:raw"}),
        (['alertname="Slow"'], {"Slow x", "Slow y", "a:rate 5m", "a:rate 1h", "a:twice", "a:raw"}),
        (['alertname="Each",slo="z"'], {"Each {{ $labels.slo }}", "b:rate"}),
        (['alertname="Quick"', 'alertname="Each"'], {"Quick", "a:rate 5m", "Each {{ $labels.slo }}", "b:rate"}),
        (['alertname!="Quick"'], EVERY),
        (['alertname=~"Quick|Slow"'], EVERY),
        (['alertname="Quick"', ""], EVERY),
        (['alertname="Quick"} or ALERTS{job="a"'], EVERY),
        (['alertname="Quick"} or count(ALERTS) or ALERTS{alertname="Quick"'], EVERY),
    ],
)
def test_what_is_asked_of_is_kept_with_what_is_recorded_for_it(
    matchers: list[str], expected: set[str], tmp_path: Path
) -> None:
    """By name and by each label that is the rule's own; of any alert, all."""
    [file] = lean(written(tmp_path, asked(*matchers)), tmp_path / "played")

    assert expected == kept(file)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ('a:rate{window="5m"} > 1 and a:rate > 2', {"a:rate 5m", "a:rate 1h"}),
        ('a:rate{window="5m"} > 1 and b:rate > 2', {"a:rate 5m", "b:rate"}),
        ("a:rate {job='}',window = '1h'} > 1", {"a:rate 1h"}),
        ("a:rate{window=`1h`}[5m:1m] > 1", {"a:rate 1h"}),
        ('a:rate{window!="1h"} > 1', {"a:rate 5m", "a:rate 1h"}),
        ("sum by (window) (a:rate)", {"a:rate 5m", "a:rate 1h"}),
        ('a:rate{path=~"[0-9]{3}",window="5m"}', {"a:rate 5m"}),
        ('sum({__name__=~"a:.*"}) > 1', EVERY),
        ('vector(1) or {window="5m"}', EVERY),
        ('on_off == bool {window="5m"}', EVERY),
    ],
)
def test_a_selector_that_leaves_its_window_or_name_open_keeps_what_it_may_read(
    expr: str, expected: set[str], tmp_path: Path
) -> None:
    """Each for itself; whatever the quotes."""
    rules = {"groups": [*RULES["groups"], {"name": "more", "rules": [{"alert": "Reads", "expr": expr}]}]}
    [file] = lean(written(tmp_path, asked('alertname="Reads"'), rules=rules), tmp_path / "played")

    assert expected | {"Reads"} == kept(file)


def test_an_alert_that_reads_alerts_keeps_them_all(tmp_path: Path) -> None:
    """Nobody knows which."""
    reads = {"alert": "Reads", "expr": 'count(ALERTS{alertstate="firing"}) > 3'}
    rules = {"groups": [*RULES["groups"], {"name": "more", "rules": [reads]}]}
    [file] = lean(written(tmp_path, asked('alertname="Reads"'), rules=rules), tmp_path / "played")

    assert {*EVERY, "Reads"} == kept(file)


def test_tests_with_the_same_rules_are_one_file_and_the_order_of_groups_stays(tmp_path: Path) -> None:
    """Of the groups that are left."""
    quick, slow = asked('alertname="Quick"'), asked('alertname="Slow",slo="x"')
    tests = written(tmp_path, quick, slow, quick)
    tests.write_text(yaml.safe_dump(read(tests) | {"group_eval_order": ["alerts", "none", "recorded"]}))
    files = [read(each) for each in lean(tests, tmp_path / "played")]

    assert [[quick, quick], [slow]] == [each["tests"] for each in files]
    assert [["alerts", "recorded"]] * 2 == [each["group_eval_order"] for each in files]


def test_the_files_are_what_promtool_reads(tmp_path: Path, tools: Mapping[str, Callable[[str], str]]) -> None:
    """And they find what the whole finds: a test that fails in it fails in them."""
    firing = {"expr": 'count(ALERTS{alertname="Slow",slo="y"})', "eval_time": "2m", "exp_samples": []}
    test = {"interval": "1m", "input_series": [{"series": "a", "values": "3x5"}], "promql_expr_test": [firing]}
    tests = written(tmp_path, test)
    files = lean(tests, tmp_path / "played")
    promtool = tools["installed"]("promtool")

    assert "got: {} 1E+00" in said(promtool, "test", "rules", str(tests))
    assert "got: {} 1E+00" in said(promtool, "test", "rules", *map(str, files))
