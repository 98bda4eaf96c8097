"""SLOs that cannot be formed: each told at its place, with the mend, before anything is written."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenarios import loaded, packs

from seawall.generator import validate

RAW = {"objective": 99, "total": "sum(rate(seen[{{window}}]))", "good": "sum(rate(good[{{window}}]))"}
OK = {"sli": "availability", "objective": 99}
LATENCY = {"sli": "latency", "objective": 99, "under": "300ms"}
FRESH = {"sli": "freshness", "objective": 99, "value": "max(seen)", "within": "1h"}
FULL = {"sli": "saturation", "objective": 99, "value": "max(used)", "below": 0.8}
FLOW = {"sli": "throughput", "objective": 99, "at_least": 5}


def told(folder: Path, slo: dict[str, Any], **service: Any) -> list[tuple[str, str]]:
    """Return what is wrong with one SLO, beside the text that stands at its place."""
    own = {"kind": "http", "team": "a", "slos": {"x": slo}} | service
    # A line for each key, so that a place is known by its line.
    text = yaml.safe_dump({"seawall": 1, "teams": {"a": {}}, "services": {"shop": own}}, sort_keys=False)
    problems = validate(loaded(text, folder), packs())
    lines = text.splitlines()
    found = [(lines[each.position.line - 1].strip().partition(":")[0], each.message) for each in problems]
    assert all(said.startswith("service \"shop\": SLO 'x': ") for _, said in found)
    return [(key, said.partition("SLO 'x': ")[2]) for key, said in found]


CASES: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    # What is not measured, or lacks what it is measured by.
    ({"kind": "redis"}, OK, "x", "services of kind redis have no SLI of their own; write value: or total: with PromQL"),
    ({}, OK | {"sli": "latncy"}, "x", "sli 'latncy' is not known for dialect otel of kind http; did you mean 'latency'?"),
    ({}, OK | {"sli": "probe"}, "x", "sli probe of kind http needs value: with the PromQL that it is judged by"),
    ({"kind": "redis"}, FLOW, "x", "sli throughput of kind redis needs value: with the PromQL that it is judged by"),
    ({"dialect": "blackbox"}, FLOW, "x", "sli throughput of kind http needs value: with the PromQL"),
    ({}, OK | {"window": "1d"}, "window", "window is 1d, and a budget is judged after a day; write 2d or more"),
    # Labels and codes.
    ({"kind": "worker"}, OK | {"routes": ["/"]}, "routes", "dialect otel has no label for routes; remove routes"),
    ({"kind": "worker"}, OK | {"methods": ["GET"]}, "methods", "dialect otel has no label for methods; remove methods"),
    ({"kind": "worker"}, OK | {"codes": {"429": "bad"}}, "codes", "dialect otel has no label for codes; remove codes"),
    ({"dialect": "blackbox"}, OK | {"routes": ["/"]}, "routes", "dialect blackbox has no label for routes"),
    ({}, OK | {"codes": {"4..": "bad"}}, "4..", "codes: '4..' is no status code; write each one, such as 429 or 499"),
    ({}, OK | {"exclude": {"client": "("}}, "client", "exclude.client: "),
    ({}, OK | {"bad": {"client": "a{2}"}}, "client", "bad.client: 'a{2}' holds a {"),
    ({}, OK | {"exclude": {"http_response_status_code": ".*"}}, "x", "no event of dialect otel that it counts would be good"),
    # Groups.
    *(({}, OK | {"by": [label]}, "by", f"by names {label}, a label of the rules' own; take it out")
      for label in ("job", "slo", "window", "le", "alertname", "service", "severity")),
    ({}, OK | {"by": ["http_response_status_code"]}, "by", "which tells bad events from good ones; take it out"),
    ({}, OK | {"by": ["client"], "bad": {"client": "bot"}}, "by", "by names client, which tells bad events from good"),
    # Buckets.
    ({"buckets": ["100ms", "500ms"]}, LATENCY, "under", "no bucket ends at 300ms, so nothing tells what is quicker; next to it its buckets have 100ms or 500ms; write 100ms or 500ms"),
    ({"buckets": ["500ms", "1s"]}, LATENCY, "under", "next to it its buckets have 500ms; write 500ms"),
    ({"dialect": "envoy"}, LATENCY | {"under": "301ms"}, "under", "the buckets of dialect envoy have 250ms or 500ms; write 250ms or 500ms, or list what it has under buckets: of the service"),
    # PromQL of the catalog's own.
    ({}, RAW | {"good": "sum(good)"}, "good", "good lacks {{window}}: it is asked over several; write such as rate(metric[{{window}}])"),
    ({}, RAW | {"total": "sum(good)"}, "total", "total lacks {{window}}"),
    ({}, RAW | {"good": "sum(rate(good[{{window}}])"}, "good", "good is not PromQL: "),
    ({}, RAW | {"good": "good[{{window}}]"}, "good", "good is a range vector, and must be an instant vector; write one such as sum(rate(metric[{{window}}]))"),
    ({}, RAW | {"good": "(scalar(rate(good[{{window}}])))"}, "good", "good is a scalar, and must be"),
    ({}, FRESH | {"value": "time() - 3600"}, "value", "value is a scalar, and must be an instant vector; write such as max(metric)"),
    ({}, FRESH | {"value": '"now"'}, "value", "value is a string, and must be"),
    ({}, FRESH | {"value": "seen[1h:5m]"}, "value", "value is a range vector, and must be"),
    ({}, FULL | {"value": "max(rate(used[{{window}}]))"}, "value", "value holds {{window}}, and judges one moment"),
    ({}, FULL | {"value": "max(used) # all of it"}, "value", "value holds a comment; take it out"),
    ({}, RAW | {"total": 'rate(seen{a="#"}[{{window}}]) # "'}, "total", "total holds a comment; take it out"),
    ({}, RAW | {"total": 'rate(good{a="1",b="2"}[{{window}}])', "good": 'rate(good{a="1"}[{{window}}])'}, "good", 'good may be larger than total, which counts only b="2"; write that into good too'),
    ({}, RAW | {"good": "2 * sum(rate(seen[{{ window }}]))"}, "good", "good is larger than total: it is 2 times that; give both the same factor"),
    ({}, RAW | {"total": "rate(seen[{{window}}]) / 2", "good": "sum by (a) (rate(seen[{{window}}])) * 0.75"}, "good", "good is larger than total: it is 1.5 times that"),
    ({}, {"objective": 99, "total": RAW["total"], "bad": "(sum(rate(seen[{{window}}])) + 1)"}, "bad", "bad is larger than total: it has 1 more; take that out, or write it into total too"),
    ({}, RAW | {"good": "sum(rate(seen[{{window}}])) + sum(rate(more[{{window}}]))"}, "good", "good is larger than total: it counts rate(more[{{window}}]) beyond that; take that out"),
    ({}, RAW | {"total": "sum(rate(seen[{{window}}])) - sum(rate(lost[{{window}}]))", "good": "rate(seen[{{window}}])"}, "good", "it counts rate(lost[{{window}}]) beyond that"),
    # Groups that the PromQL has summed away.
    ({}, RAW | {"by": ["region"], "total": "sum by (region) (rate(seen[{{window}}]))"}, "good", "good has no label region, by which this SLO is divided; write it into its grouping, such as sum by (region) (…), or take it out of by"),
    ({}, RAW | {"by": ["region"], "total": "rate(seen[{{window}}])", "good": "60 * sum without (region) (rate(good[{{window}}]))"}, "good", "good has no label region"),
    ({}, FULL | {"by": ["pool"], "value": "max by (host) (used) / max by (host) (size)"}, "value", "value has no label pool"),
    # What is right alone, and says nothing together.
    ({}, RAW | {"sli": "throughput", "at_least": 5}, "total", "total counts events, and sli throughput judges moments"),
    ({}, FRESH | {"budgeting": "timeslices"}, "budgeting", "budgeting timeslices cuts events into slices, and this SLO judges moments"),
    ({"kind": "redis"}, FULL | {"budgeting": "ratio_timeslices"}, "budgeting", "take budgeting out"),
    ({}, FLOW | {"budgeting": "timeslices"}, "budgeting", "take budgeting out"),
    ({"dialect": "blackbox"}, OK | {"budgeting": "timeslices"}, "budgeting", "take budgeting out"),
    ({}, LATENCY | {"value": "max(seconds)"}, "value", "value judges moments, and a latency SLO judges events"),
    ({}, FLOW | {"at_least": 0}, "at_least", "at_least is 0, and no throughput is lower; write a number above 0"),
    # What would be read, and changes nothing.
    ({}, FLOW | {"bad": {"client": "bot"}}, "bad", "bad has no effect on throughput, which judges how many events there are; take it out"),
    ({"dialect": "blackbox"}, OK | {"exclude": {"client": "bot"}}, "exclude", "exclude has no effect: dialect blackbox judges moments, and counts no events; take it out"),
    ({"dialect": "blackbox"}, LATENCY | {"bad": {"client": "bot"}}, "bad", "bad has no effect: dialect blackbox judges moments"),
    ({"dialect": "envoy"}, LATENCY | {"under": "250ms", "by": ["envoy_response_code"]}, "by", "by has no effect on latency: the histogram of dialect envoy lacks envoy_response_code; take it out"),
    ({"dialect": "kong"}, LATENCY | {"under": "250ms", "exclude": {"consumer": "bot"}}, "consumer", "exclude has no effect on latency: the histogram of dialect kong lacks consumer"),
    ({"dialect": "envoy"}, LATENCY | {"under": "250ms", "bad": {"envoy_response_code": "429"}}, "envoy_response_code", "bad has no effect on latency: the histogram"),
    ({}, OK | {"by": ["region", "tenant", "region"]}, "by", "by names region twice; take one out"),
    ({}, OK | {"methods": ["GET|PUT"]}, "methods", "methods: 'GET|PUT' is no HTTP method; write each one, such as GET"),
    ({}, OK | {"methods": [""]}, "methods", "methods: '' is no HTTP method"),
    ({}, OK | {"objective": 99.999999999}, "objective", "objective is 99.999999999, and no window tells a budget that small; write 99.99999999 or less"),
    ({}, RAW | {"floor": 100_000_001}, "floor", "floor is 100000001, more bad events than are counted exactly; write 100000000 or less"),
    # What a tool behind would refuse, or not bear.
    ({}, RAW | {"total": 'rate(seen{a="{{window}}"}[5m])'}, "total", "total lacks {{window}}"),
    ({}, RAW | {"total": "rate(seen[1{{window}}])"}, "total", "total lacks {{window}}"),
    ({}, RAW | {"total": "rate(seen[{{window}}])" + " + rate(seen[5m])" * 201}, "total", "total has 403 operators and parentheses, which is more than can be read; record parts of it by rules of your own"),
    ({}, FULL | {"value": "(" * 10_000 + "used" + ")" * 10_000}, "value", "value has 10000 operators and parentheses"),
    ({}, OK | {"by": ["NaN"]}, "by", "by names NaN, which PromQL reads as a number"),
    ({}, OK | {"by": ["__name__"]}, "by", "by names __name__, and labels that begin with __ are Prometheus' own; take it out"),
    ({}, OK | {"exclude": {"__name__": "x"}}, "__name__", "exclude names __name__, which Prometheus or the rules set; take it out"),
    ({}, OK | {"bad": {"job": "x"}}, "job", "bad names job, which Prometheus or the rules set; take it out"),
    ({}, OK | {"bad": {"http_route": "(" * 400 + ")" * 400}}, "http_route", "has more than 20 ( within each other; take some out"),
    ({}, OK | {"bad": {"http_route": "[a&&b]"}}, "http_route", "holds a [ that cannot be read there"),
    ({}, OK | {"confidence": 99.99999999999999}, "confidence", "confidence is 99.99999999999999, and a bound that sure tells nothing; write 99.9999 or less"),
]  # fmt: skip


@pytest.mark.parametrize(("service", "slo", "key", "said"), CASES, ids=[f"{each[2]}-{each[3][:40]}" for each in CASES])
def test_an_slo_that_cannot_be_formed_is_told_at_its_place(
    service: dict[str, Any], slo: dict[str, Any], key: str, said: str, tmp_path: Path
) -> None:
    """One problem, at the key that is to be changed."""
    [(place, message)] = told(tmp_path, slo, **service)
    assert key == place
    assert said in message


@pytest.mark.parametrize(
    ("service", "slo"),
    [
        ({"buckets": ["300ms", "500ms"]}, LATENCY),
        ({"dialect": "blackbox"}, OK | {"sli": "probe"}),
        ({"dialect": "blackbox"}, LATENCY),
        ({"kind": "redis"}, FULL),
        ({"kind": "redis"}, RAW),
        ({"kind": "worker"}, FLOW),
        ({"kind": "worker"}, FLOW | {"exclude": {"client": "bot"}}),
        ({"dialect": "envoy"}, OK | {"by": ["envoy_cluster_name"], "bad": {"envoy_response_code": "429"}}),
        ({"dialect": "envoy"}, LATENCY | {"under": "250ms", "exclude": {"client": "bot"}}),
        ({}, OK | {"methods": ["GET", "M-SEARCH", "_OTHER"], "objective": 99.99999999, "floor": 100_000_000}),
        ({}, OK | {"by": ["http_route", "region"], "budgeting": "timeslices", "confidence": 95}),
        ({}, FRESH | {"value": 'max(seen{a="#1"})'}),
        ({}, RAW | {"total": 'rate(good{a="1"}[{{window}}])', "good": 'rate(good{a="1",b="2"}[{{window}}])'}),
        ({}, RAW | {"good": "sum(rate(good[{{ window }}]))"}),
        ({}, RAW | {"good": 'sum(rate(good{a=~"' + "(-)" * 300 + '"}[{{window}}]))'}),
        ({}, FRESH | {"value": "vector(time())"}),
        ({}, FRESH | {"value": "-(-max(seen))"}),
    ],
    ids=lambda each: json.dumps(each)[:60],
)
def test_an_slo_that_can_be_formed_has_no_problem(service: dict[str, Any], slo: dict[str, Any], tmp_path: Path) -> None:
    """What only nearly looks like the others."""
    assert [] == told(tmp_path, slo, **service)


def test_every_field_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """In the order of the lines."""
    slo = {"objective": 99, "good": "good[{{window}}]", "total": "total", "bad": None}
    slo.pop("bad")
    assert ["good", "total"] == [key for key, _ in told(tmp_path, slo)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.sampled_from(["#", "a # b", "it's", '"', "\\", "`"]), min_size=1, max_size=3))
def test_a_hash_within_quotes_is_no_comment(values: list[str], tmp_path: Path) -> None:
    """Behind them, it is."""
    quoted = ",".join(f"l{at}={json.dumps(value)}" for at, value in enumerate(values))
    assert [] == told(tmp_path, FULL | {"value": f"max(used{{{quoted}}})"})
    assert ["value"] == [key for key, _ in told(tmp_path, FULL | {"value": f"max(used{{{quoted}}}) # {quoted}"})]


def test_one_of_several_thresholds_is_told_at_its_own_line(tmp_path: Path) -> None:
    """It is an SLO of its own, and stands below another one."""
    text = (
        "seawall: 1\nteams: {t: {}}\nservices:\n  shop:\n    kind: http\n    team: t\n    dialect: fastapi-instrumentator\n"
        "    slos:\n      latency:\n        thresholds:\n          500ms: 99\n          777ms: 95\n"
    )
    [problem] = validate(loaded(text, tmp_path), packs())
    assert (12, 18) == (problem.position.line, problem.position.column)
    assert "SLO 'latency-777ms': no bucket ends at 777ms" in problem.message


def test_a_floor_of_time_that_no_window_holds_is_refused(tmp_path: Path) -> None:
    """An hour has 3600 bad seconds at most; events have no such bound."""
    probe = {"sli": "availability", "objective": 99.9}
    said = "floor is 3601 bad seconds, and the shortest long window has 3600: its page could never fire; write 3600 or less"
    [(place, message)] = told(tmp_path, {**probe, "floor": 3601}, dialect="blackbox")
    assert ("floor", True) == (place, message.endswith(said))
    assert [] == told(tmp_path, {**probe, "floor": 3600}, dialect="blackbox")
    assert [] == told(tmp_path, {**probe, "floor": 3601})
