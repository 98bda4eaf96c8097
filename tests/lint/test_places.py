"""A finding says the line and the column of what it is about, however the expression is written in YAML."""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lint_rules import found_in, places

from seawall.generator.lint.expressions import parse
from seawall.generator.lint.spots import spot
from seawall.generator.lint.yaml_nodes import Mapping, Scalar, documents

HEAD: Final = "groups:\n  - name: test\n    rules:\n      - alert: Errors\n"
REST: Final = "        for: 5m\n        labels: {severity: ticket}\n        annotations: {summary: It fails.}\n"
# How it is written, and where `irate` stands in it.
WRITTEN: Final = {
    "plain": ("        expr: irate(errors_total[5m]) > 1\n", 5, 15),
    "plain on two lines": ("        expr: sum by (job)\n          (irate(errors_total[5m])) > 1\n", 6, 12),
    "in single quotes": ("        expr: 'up{job=''a''} * irate(errors_total[5m]) > 1'\n", 5, 32),
    "in double quotes": ('        expr: "up{job=\\"a\\"} * irate(errors_total[5m]) > 1"\n', 5, 32),
    "in double quotes with an escaped line": ('        expr: "1 <\\n irate(errors_total[5m])"\n', 5, 22),
    "in double quotes on two lines": ('        expr: "1 < \\\n          irate(errors_total[5m])"\n', 6, 11),
    "as a literal block": (
        "        expr: |\n          sum by (job) (\n            irate(errors_total[5m])\n          ) > 1\n",
        7,
        13,
    ),
    "as a folded block": (
        "        expr: >-\n          sum by (job) (\n          irate(errors_total[5m])) > 1\n",
        7,
        11,
    ),
    "as a block with a comment of PromQL": (
        "        expr: |2\n            # what irate(…) says\n            1 < irate(errors_total[5m])\n",
        7,
        17,
    ),
    "after a letter of two bytes": ('        expr: up{job="ü"} * irate(errors_total[5m]) > 1\n', 5, 29),
}


@pytest.mark.parametrize(("expr", "line", "column"), WRITTEN.values(), ids=WRITTEN)
def test_a_function_is_found_where_it_stands(expr: str, line: int, column: int, tmp_path: Path) -> None:
    """In all the ways in which YAML writes a text."""
    actual = places([each for each in found_in(tmp_path, HEAD + expr + REST) if each.check == "irate"])
    assert [("irate", line, column)] == actual


def test_what_is_not_in_the_expression_has_its_own_place(tmp_path: Path) -> None:
    """A label at its value, what is missing at the name of the alert."""
    text = HEAD + "        expr: errors > 1\n        for: 5m\n        labels: {value: '{{ $value }}'}\n"
    actual = places(found_in(tmp_path, text))
    assert [("no-summary", 4, 16), ("severity", 4, 16), ("value-in-label", 7, 25)] == actual


def test_the_same_function_twice_is_found_twice(tmp_path: Path) -> None:
    """Each at its own place; one in a string or in by (…) is none."""
    expr = '        expr: irate(a{b="irate("}[5m]) > 1 and on (irate) irate(c_total[5m]) > 1\n'
    actual = places([each for each in found_in(tmp_path, HEAD + expr + REST) if each.check == "irate"])
    assert [("irate", 5, 15), ("irate", 5, 59)] == actual


def test_a_rule_of_kubernetes_is_read_in_its_resource(tmp_path: Path) -> None:
    """Of several documents too."""
    rules = HEAD.replace("\n", "\n  ") + "        expr: irate(x[5m]) > 1\n  " + REST.replace("\n", "\n  ")
    text = f"kind: Service\n---\nkind: PrometheusRule\nspec:\n  {rules}"
    assert [("irate", 9, 17)] == places(found_in(tmp_path, text))


def test_keys_that_are_merged_count(tmp_path: Path) -> None:
    """Those of an anchor, unless the rule has its own."""
    text = f"x: &defaults\n  for: 5m\n{HEAD}        <<: *defaults\n        expr: up == 0\n" + REST.partition("\n")[2]
    assert [("up-of-all", 8, 15)] == places(found_in(tmp_path, text))


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["up", " ", "\n", "'", '"', "\\", "ü", "#", "  ", "x > 1"]), min_size=1).map("".join),
    st.sampled_from(["single", "double"]),
    st.data(),
)
def test_any_sign_is_found_again(value: str, style: str, data: st.DataObject) -> None:
    """The sign at the place is the sign of the value, escaped where YAML wants that."""
    flat = " ".join(value.split()) or "x"
    quoted = (
        f"""'{flat.replace("'", "''")}'"""
        if style == "single"
        else '"' + flat.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )
    text = f"key: {quoted}\n"
    root = documents(text)[0]
    assert isinstance(root, Mapping)
    scalar = root.get("key")
    assert isinstance(scalar, Scalar)
    at = data.draw(st.sampled_from([index for index, sign in enumerate(flat) if sign != " "]))
    line, column = spot(text, scalar, at)
    assert (1, True) == (line, text[column - 1 :].lstrip("\\").startswith(flat[at]) or flat[at] == "\\")


def test_every_part_of_an_expression_knows_its_place() -> None:
    """Operators, functions and metrics, in their order."""
    text = "sum by (up) (rate(up[5m])) / on (up) group_left max(up) > bool 1"
    actual = [text[each.offset : each.offset + 3] for each in parse(text).walk() if each.kind != "number"]
    assert ["> b", "/ o", "sum", "rat", "up[", "max", "up)"] == actual
