"""Long expressions are broken into lines and mean what they meant."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from seawall.generator.pretty import pretty
from seawall.generator.rule_files import read

ROOT = Path(__file__).parents[2]
PROMTOOL = ROOT / ".cache/newer/root/usr/bin/promtool"


@cache
def expressions() -> list[str]:
    """Return each expression of the shop's rules once."""
    files = sorted((ROOT / "examples/shop/rendered/prometheus/rules").glob("*.yml"))
    groups: list[dict[str, Any]] = [group for file in files for group in read(file)["groups"]]
    return sorted({rule["expr"] for group in groups for rule in group["rules"]})


def formatted(expr: str) -> str:
    """Return *expr* as Prometheus itself writes it."""
    command = [PROMTOOL, "--experimental", "promql", "format", expr]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_every_expression_of_the_shop_is_the_same_to_the_parser() -> None:
    """What was broken into lines parses to what it was."""
    for expr in expressions():
        assert promql_parser.parse(expr).prettify() == promql_parser.parse(pretty(expr)).prettify()


@pytest.mark.parametrize("expr", [each for each in expressions() if "unless" in each or "range" in each][:8])
def test_prometheus_writes_both_alike(expr: str) -> None:
    """Matchers are in another order, so those are compared sorted."""
    assert sorted(formatted(expr)) == sorted(formatted(pretty(expr)))


def test_a_short_expression_stays_on_its_line() -> None:
    """Nothing is gained by breaking it."""
    assert pretty('up{job="checkout"} == 0') == 'up{job="checkout"} == 0'


def test_a_long_expression_has_one_selector_a_line() -> None:
    """An operator, too, stands on a line of its own."""
    long = max(expressions(), key=len)
    counts = [line.count("[2m]") for line in pretty(long).splitlines()]
    assert (long.count("[2m]"), 1) == (sum(counts), max(counts))


def test_what_no_parser_reads_is_left_as_it_is() -> None:
    """A dashboard's query with a variable of Grafana's, for one."""
    assert pretty("rate(a[$__rate_interval])") == "rate(a[$__rate_interval])"


AWKWARD = (
    'a{shop="",b="shop",job=~"shop|x",c!="shop"} and on (b) z{a="~~~~",b="shop"}',
    """label_replace(a{b='say "shop"'}, "to", "$1", "from", "shop")""",
)


@pytest.mark.parametrize("name", ["storefront", "checkout", "shop", "a"])
def test_what_is_laid_out_once_gives_what_each_would_give_alone(name: str) -> None:
    """A name is put back wherever it stood, and nowhere else."""
    for expr in (*(each.replace("storefront", name) for each in expressions()), *AWKWARD):
        assert promql_parser.parse(expr).prettify() == pretty(expr, name)
