"""Dialects: a file that is wrong is refused with its place, and one of a user's own is taken."""

from pathlib import Path
from typing import Final

import pytest
from pipeline import TEAMS, catalog_of, put

from seawall.catalog import SeawallError
from seawall.generator import PackError, load_packs, render
from seawall.generator.dialects import Counts, Dialect, find_dialect

PATH: Final = "alerts/dialects/house.yaml"
HOUSE: Final = """\
title: House
kinds:
  http:
    events: house_requests_total
    bad: ['code=~"5.."']
    labels: {status: code}
    example: {good: {code: "200"}, bad: {code: "500"}}
"""
BROKEN: Final = {
    "an unknown key": ("    events:", "    evnts:", 4, "unknown key 'evnts'"),
    "nothing is bad": ("    bad: ['code=~\"5..\"']\n", "", 4, "lacks 'bad'"),
    "bad is no list": ("['code=~\"5..\"']", "5xx", 5, "must be a list"),
    "a unit that is no number": ("    events:", "    seconds_per_unit: ms\n    events:", 4, "seconds_per_unit is 'ms', not a number"),
    "no kinds": (HOUSE[HOUSE.index("kinds") :], "", 1, "lacks 'kinds'"),
    "not YAML": ("title: House", "title: [House", 2, "is not YAML"),
    "a metric of two words": ("house_requests_total", "house requests", 4, "events is 'house requests', which is not the name of a metric"),
    "matchers that end too soon": ("'code=~\"5..\"'", "'} or vector(1) #'", 5, "which is not matchers; write such as"),
    "a pattern that is none": ("5..", "(", 5, "which PromQL does not read: illegal regex"),
    "a matcher of everything": ("'code=~\"5..\"'", "''", 5, "bad holds matchers of every event, and none would be good"),
    "a role that no label has": ("status: code", "stauts: code", 6, "unknown key 'stauts'; known are destination, method, route, status"),
    "a label of two words": ("status: code", "status: the code", 6, "which is not the name of a label"),
    "a bound below zero": ("    events:", "    bounds: [-1]\n    events:", 4, "bounds is -1; write numbers from 0 on, without +Inf"),
    "a unit of nothing": ("    events:", "    seconds_per_unit: 0\n    events:", 4, "seconds_per_unit is 0; write a number above 0"),
    "a name's pattern that is none": ("    events:", "    service: {label: svc, pattern: '(NAME'}\n    events:", 4, "pattern: '(NAME' lacks a )"),
    "nested too deep": ("title: House", "title: " + "[" * 5000, 1, "is not YAML: exceeded maximum nesting depth"),
    "what is no text": ("title: House", "title: \u0007", 1, "is not YAML: "),
    "a key twice": ("kinds:", "title: House\nkinds:", 2, "key 'title' stands twice; first in line 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_dialect_is_refused_with_its_place(case: str, tmp_path: Path) -> None:
    """File, line and what is wrong."""
    old, new, line, said = BROKEN[case]
    put(tmp_path, {PATH: HOUSE.replace(old, new, 1)})
    with pytest.raises(PackError) as error:
        load_packs(tmp_path)

    assert f"{tmp_path}/{PATH}:{line}:" in str(error.value)
    assert said in str(error.value)


def test_a_dialect_of_a_users_own_makes_rules_of_its_names(tmp_path: Path) -> None:
    """Without a histogram it has availability and throughput, and no latency."""
    put(tmp_path / "own", {PATH: HOUSE})
    packs = load_packs(tmp_path / "own")
    text = f"{TEAMS}  shop: {{kind: http, team: payments, dialect: house, slos: {{availability: {{objective: 99}}}}}}\n"
    rendered = b"".join(each.content for each in render(catalog_of(tmp_path, text), packs))

    assert ("availability", "throughput") == packs.dialects["http", "house"].slis
    assert b"house_requests_total" in rendered
    assert b"http_server_request_duration" not in rendered


def test_an_unknown_dialect_is_told_with_a_guess() -> None:
    """The nearest name, or all names; a kind without dialects has none to be wrong about."""
    known = {("http", "otel"): Dialect("otel", Counts("a")), ("http", "envoy"): Dialect("envoy", Counts("b"))}

    with pytest.raises(SeawallError, match="unknown dialect 'otle'; did you mean 'otel'"):
        find_dialect(known, "http", "otle")
    with pytest.raises(SeawallError, match="unknown dialect 'x'; known for http are envoy, otel"):
        find_dialect(known, "http", "x")
    assert find_dialect(known, "redis", "x") is None


def test_the_rate_of_several_matchers_is_one_sum() -> None:
    """The alternatives are joined by `or`, which counts no series twice."""
    counts = Counts("e", ignore='path!="/health"')

    assert 'sum by (job) (rate(e{a,path!="/health",x="1"}[5m]) or rate(e{a,path!="/health",y="2"}[5m]))' == counts.rate(
        ('x="1"', 'y="2"'), "a", "5m"
    )
    assert 'sum by (job) (rate(e{a,path!="/health"}[5m] offset 1h))' == counts.rate(("",), "a", "5m", offset="1h")


def test_the_rate_of_a_native_histogram_is_its_count() -> None:
    """Summed as a histogram first, by the labels that are asked for."""
    counts = Counts("e", native=True)
    assert "histogram_count(sum by (job, route) (rate(e{a}[5m])))" == counts.rate(("",), "a", "5m", "job, route")
