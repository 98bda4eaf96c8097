"""Proofs: what their notation says, which events they are made of, and that they notice a rule that is broken."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pipeline import run
from scenarios import loaded, packs, played, rendered

from seawall.catalog import CatalogError, Service, Slo
from seawall.generator import render, view
from seawall.generator.examples import events_of
from seawall.generator.fixtures import shorthand, values
from seawall.generator.limits import Limits
from seawall.generator.merging import merged
from seawall.generator.naming import selector
from seawall.generator.patterns import example_of, matches
from seawall.generator.proofs import matched
from seawall.generator.rule_files import read

OTEL = packs().dialects["http", "otel"]
numbers = st.floats(-1e12, 1e12).map(lambda value: float(f"{value:.9g}"))
ALERTS = [(kind, template) for kind in ("_service", *packs().kinds) for template in packs().by_kind[kind].alerts]


def expanded(notation: str) -> list[float | None]:
    """Return the samples of promtool's notation, from its documentation: ``a+bxn`` is n + 1 of them, ``_xn`` none n times."""
    found: list[float | None] = []
    for part in notation.split():
        if gap := re.fullmatch(r"_x(\d+)", part):
            found += [None] * int(gap[1])
            continue
        ramp = re.fullmatch(r"(-?[\d.]+)([+-][\d.e+-]+)x(\d+)", part)
        assert ramp, part
        found += [float(ramp[1]) + n * float(ramp[2]) for n in range(int(ramp[3]) + 1)]
    return found


@given(start=numbers, growth=numbers)
def test_a_short_value_is_read_whatever_its_exponent(start: float, growth: float) -> None:
    """A start, a growth a minute, or both; 1e-07 is one number and no start with a growth."""
    assert {"value": f"{abs(start)}", "per_minute": "0"} == shorthand(str(abs(start)))
    both = shorthand(f"{abs(start)}{growth:+}")
    assert (abs(start), growth) == (float(both["value"]), float(both["per_minute"]))
    assert abs(growth) == float(shorthand(f"+{abs(growth)}")["per_minute"])


@pytest.mark.parametrize("text", ["", "x", "1 2", "1++2", "--1", "1x5", "0x10"])
def test_what_is_no_value_of_a_fixture_is_refused(text: str) -> None:
    """With examples of what is."""
    with pytest.raises(ValueError, match=r"is not a value of a fixture; write such as 12, \+5 \(a minute\) or 100-2"):
        shorthand(text.replace(" ", "_"))


@given(
    phases=st.lists(st.tuples(st.integers(1, 90), st.integers(-50, 50), st.booleans()), min_size=1, max_size=4),
    minutes=st.integers(1, 200),
)
def test_phases_follow_each_other_without_a_jump(phases: list[tuple[int, int, bool]], minutes: int) -> None:
    """A sample a minute to the end; each phase grows on from where the last one stopped."""
    spec = [
        {"for": f"{length}m", **({"gone": "yes"} if gone else {"per_minute": str(growth)})}
        for length, growth, gone in phases
    ]
    samples = expanded(values(spec, minutes * 60.0))
    assert minutes + 1 == len(samples)
    level, expected = 0.0, []
    for index, (length, growth, gone) in enumerate(phases):
        steps = len(samples) if index == len(phases) - 1 else length
        for _ in range(steps):
            expected.append(None if gone else level)
            level += 0 if gone else growth
    assert expected[: len(samples)] == samples


def test_a_fixture_carries_the_matchers_of_its_service() -> None:
    """Escaped as promtool reads them; a series that names a job is another one's."""
    service = Service(name="shop", kind="http", team="a", match={"environment": 'a"b\\c'})
    assert 'up{job="shop",environment="a\\"b\\\\c",instance="a:1"}' == matched(selector(service), 'up{instance="a:1"}')
    assert 'up{job="shop",environment="a\\"b\\\\c"}' == matched(selector(service), "up")
    assert 'up{job="other"}' == matched(selector(service), 'up{job="other"}')
    assert 'x{job="shop",pool="own"}' == matched('job="shop",pool="own"', 'x{pool="any"}')


def test_proofs_of_one_fixture_are_one_test() -> None:
    """promtool builds a database for each; the expectations are all kept, each once."""
    series = [{"series": "up", "values": "1x60"}]
    expectations = [{"expr": text, "eval_time": "5m", "exp_samples": []} for text in ("a", "b", "a")]
    tests = [
        {"name": f"shop: {n}", "interval": "1m", "input_series": series, "promql_expr_test": [each]}
        for n, each in enumerate(expectations)
    ]
    alone = {**tests[0], "input_series": [], "every": "1h"}
    by_pace = merged([*tests, alone])
    assert [1, 1] == [len(by_pace[""]), len(by_pace["1h"])]
    assert ["a", "b"] == [each["expr"] for each in by_pace[""][0]["promql_expr_test"]]
    assert "shop: 0; 1; 2" == by_pace[""][0]["name"]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("5..", "500"),
        ("429|503", "429"),
        (".*[.]Timeout(Error)?", "0.TimeoutError"),
        (r"a\.b\d+", "a.b0"),
        ("(?:x|y)+z?", "xz"),
        ("[^a-z]", "0"),
        ("^red$", "red"),
        ("[5-9]0[12]", "501"),
        ("", ""),
    ],
)
def test_a_pattern_has_an_example(pattern: str, text: str) -> None:
    """The first alternative, and one of what may be repeated."""
    assert text == example_of(pattern)


PIECES = ("a", "5", ".", "[a-c]", "[^x]", r"\.", r"\d", "(b|c)", "(?:d)", "é", "_", "-")


@given(parts=st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(["", "*", "+", "?", "*?"])), max_size=6))
def test_an_example_matches_its_pattern(parts: list[tuple[str, str]]) -> None:
    """From end to end."""
    pattern = "".join(piece + quantifier for piece, quantifier in parts)
    assert matches(pattern, example_of(pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "a)",
        "[",
        "[]",
        "[a",
        "*",
        "a**",
        "a{2}",
        "(?=a)",
        "(?i)a",
        "(?P<n>a)",
        r"\Z",
        r"\pL",
        "\\",
        "a^b",
        "[z-a]",
        "[[:alpha:]]",
        "+",
        "a++",
    ],
)
def test_a_pattern_that_not_all_read_alike_is_refused(pattern: str) -> None:
    """Prometheus and Python differ in it, or nothing matches it."""
    with pytest.raises(ValueError, match=re.escape(repr(pattern))):
        example_of(pattern)


def slo(**fields: Any) -> Slo:
    """Return an availability SLO with these filters."""
    return Slo.model_validate({"sli": "availability", "objective": 99, **fields})


def test_an_slo_without_filters_is_proven_with_the_dialects_own_events() -> None:
    """Nothing is looked for."""
    assert OTEL is events_of(slo(), OTEL)


@pytest.mark.parametrize(
    ("fields", "good", "bad"),
    [
        (
            {"routes": ["/pay/*"]},
            {"http_route": "/pay/x"},
            {"http_route": "/pay/x", "http_response_status_code": "500"},
        ),
        ({"routes": ["/healthz", "/pay"]}, {"http_route": "/pay"}, {"http_route": "/pay"}),
        ({"methods": ["PUT", "POST"]}, {"http_request_method": "PUT"}, {"http_request_method": "PUT"}),
        (
            {"exclude": {"http_response_status_code": "200|500"}},
            {"http_response_status_code": "201"},
            {"http_response_status_code": "503"},
        ),
        (
            {"bad": {"http_response_status_code": "429"}},
            {"http_response_status_code": "200"},
            {"http_response_status_code": "429"},
        ),
        (
            {"bad": {"http_response_status_code": "2.."}},
            {"http_response_status_code": "429"},
            {"http_response_status_code": "200"},
        ),
        (
            {"bad": {"client": "app", "tenant": "b.*"}},
            {"http_response_status_code": "200"},
            {"client": "app", "tenant": "b0"},
        ),
    ],
)
def test_a_filtered_slo_is_proven_with_events_that_it_counts(
    fields: dict[str, Any], good: dict[str, str], bad: dict[str, str]
) -> None:
    """One that is good to it, and one that is bad."""
    events = events_of(slo(**fields), OTEL).example
    assert good.items() <= events["good"].items()
    assert bad.items() <= events["bad"].items()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"routes": ["/healthz"]}, "would be good; change routes"),
        ({"exclude": {"http_request_method": ".*"}}, "would be good; change exclude"),
        ({"exclude": {"http_response_status_code": "5.."}}, "would be bad; change exclude"),
        ({"bad": {"http_response_status_code": "499"}}, "would be bad; change bad"),
        ({"bad": {"http_request_method": "GET"}}, "would be good; change bad"),
        (
            {"bad": {"http_response_status_code": "5{2}"}},
            "SLO 'a': bad.http_response_status_code: '5{2}' holds a {",
        ),
        ({"window": "1d"}, "a budget is judged after a day; write 2d or more"),
    ],
)
def test_an_slo_that_cannot_be_proven_is_refused(fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    """With its place and the fields to change."""
    slos = {"a": {"sli": "availability", "objective": 99, **fields}}
    raw = {"seawall": 1, "teams": {"a": {}}, "services": {"shop": {"kind": "http", "team": "a", "slos": slos}}}
    catalog = loaded(json.dumps(raw), tmp_path)
    with pytest.raises(CatalogError) as refused:
        render(catalog, packs())
    [problem] = refused.value.problems
    assert message in problem.message
    assert 1 == problem.position.line


@pytest.mark.parametrize(("kind", "template"), ALERTS, ids=lambda each: getattr(each, "name", each))
def test_the_packs_own_threshold_and_for_are_within_its_limits(kind: str, template: Any) -> None:
    """What a catalog may not write no pack writes."""
    threshold = float(template.threshold.source) if template.threshold else None
    assert template.for_.seconds <= template.limits.longest(template.bound, threshold)
    if threshold is not None:
        limits: Limits = template.limits
        assert limits.least is None or limits.least <= threshold
        assert limits.over is None or limits.over < threshold
        assert limits.under is None or threshold < limits.under


def test_an_alert_whose_threshold_was_moved_is_spared_while_all_is_well(tmp_path: Path) -> None:
    """What is well for the pack may not be for the catalog; the alert's own proofs speak."""
    cache = {"kind": "redis", "team": "a", "url": "redis://c:1", "alerts": {"RedisMemoryNearLimit": {"above": 0.3}}}
    folder = rendered(json.dumps({"seawall": 1, "teams": {"a": {}}, "services": {"cache": cache}}), tmp_path)
    files = (folder / "prometheus/tests").glob("cache*.yml")
    tests = [test for each in files for test in read(each)["tests"]]
    expressions = [each["expr"] for test in tests for each in test["promql_expr_test"]]
    [well] = [expression for expression in expressions if "alertname!~" in expression]
    assert 'alertname!~"Watchdog|RedisMemoryNearLimit"' in well


@pytest.mark.slow
def test_odd_slos_hold_their_proofs(tmp_path: Path) -> None:
    """One to which the dialect's good is bad, and slices of an hour, which have events for as long when all are gone."""
    slos = {
        "odd": {"sli": "availability", "objective": 99, "codes": {"200": "bad"}},
        "even": {"sli": "availability", "objective": 99, "codes": {"404": "bad"}},
        "hour": {"sli": "availability", "objective": 99, "budgeting": "timeslices", "slice": "1h"},
    }
    shop = {"kind": "http", "team": "a", "slos": slos}
    (tmp_path / "shop.yaml").write_text(json.dumps({"seawall": 1, "teams": {"a": {}}, "services": {"shop": shop}}))
    assert "all proofs hold" in (result := run("check", tmp_path / "shop.yaml", "--require-tools")).output, (
        result.output
    )
    folder = rendered((tmp_path / "shop.yaml").read_text(), tmp_path)
    text = "".join(each.read_text() for each in sorted((folder / "prometheus/tests").glob("shop*.yml")))
    assert 'slo!~"odd"' in text


BREAKS: Mapping[str, Callable[[str], str]] = {
    "never": lambda expr: f"({expr}) and vector(1) < 0",
    "always": lambda expr: 'label_replace(vector(1), "job", "shop", "", "")',
}


@pytest.mark.slow
@pytest.mark.parametrize(("how", "version"), [("never", "installed"), ("always", "newer")])
def test_a_proof_notices_a_rule_that_is_broken(
    how: str, version: str, tools: Mapping[str, Callable[[str], str]], tmp_path: Path
) -> None:
    """Every alert in turn: one that never fires, and one that always does, is told by its name."""
    shop = {
        "kind": "http",
        "team": "a",
        "targets": ["shop:80"],
        "slos": {"availability": {"objective": 99}},
        "capacity": {"requests_per_second": 100, "concurrent_requests": 100},
    }
    raw = json.dumps({"seawall": 1, "teams": {"a": {}}, "services": {"shop": shop}})
    folder = rendered(raw, tmp_path)
    file = (folder / "prometheus/rules/shop.yml").resolve()
    rules = read(file)
    for group in rules["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                rule["expr"] = BREAKS[how](rule["expr"])
    file.unlink()  # the served set shares its inodes
    file.write_text(yaml.safe_dump(rules))
    tests = sorted((folder / "prometheus/tests").glob("shop*.yml"))
    told = "".join(played(tools[version]("promtool"), each, tmp_path) for each in tests)
    every = {alert.name for alert in view(loaded(raw, tmp_path), packs(), "shop").alerts}
    quiet = {alert.name for pack in packs().of("http") for alert in pack.alerts if "quiet" in alert.proof}
    expected = every if how == "never" else every & quiet
    assert set() == {name for name in expected if f'alertname="{name}"' not in told.replace('\\"', '"')}
