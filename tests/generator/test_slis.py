"""What each SLI's PromQL answers, as Prometheus' own evaluation of small series tells it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from scenarios import check, counter, packs, requests, said

from seawall.catalog import Duration, Service, Slo
from seawall.generator.dialects import Counts, Dialect
from seawall.generator.slis import badness, raw_events, slo_events

Tools = Mapping[str, Callable[[str], str]]
Sample = tuple[str, float]
OTEL: Final = packs().dialects["http", "otel"]
BLACKBOX: Final = packs().dialects["http", "blackbox"]
_COUNTS: Final = Counts("h", bad=('http_response_status_code="500"',), native=True)
NATIVE: Final = replace(OTEL, events=_COUNTS, timed=_COUNTS, buckets="")
VERSIONS: Final = ("installed", "newer")


def slo(**fields: Any) -> Slo:
    """Return an SLO as the loader would leave it."""
    times = {key: Duration.parse(fields.pop(key)) for key in ("under", "within", "slice") if key in fields}
    return Slo(**{"sli": "availability", "objective": 99, **fields, **times})


def shop(**fields: Any) -> Service:
    """Return the service that writes the series."""
    return Service(**{"name": "shop", "kind": "http", "team": "a", "dialect": "otel", "targets": ["a:1"], **fields})


def series(name: str, values: str) -> dict[str, str]:
    """Return one series of a fixture."""
    return {"series": name, "values": values}


def asked(promtool: str, folder: Path, inputs: Sequence[Mapping[str, str]], *tests: dict[str, Any]) -> str:
    """Return what promtool says of *tests* on samples a minute apart."""
    content = {"tests": [{"interval": "1m", "input_series": list(inputs), "promql_expr_test": list(tests)}]}
    file = folder / "slis.yml"
    file.write_text(yaml.safe_dump(content))
    return said(promtool, "test", "rules", str(file))


def events(own: Slo, window: str = "5m", dialect: Dialect = OTEL) -> tuple[str, str]:
    """Return PromQL for all events and for the bad ones, a minute, without the noise of floats."""
    found = slo_events(shop(), own, dialect)
    total = f"({found.total(window)})"
    return tuple(f"round(60 * ({expr}), 0.01)" for expr in (total, found.bad(window, total)))  # type: ignore[return-value]


TRAFFIC: Final = [
    *requests("shop", "200", counter((30, 60)), client="app"),
    *requests("shop", "429", counter((30, 12)), client="bot"),
    *requests("shop", "499", counter((30, 6)), client="app"),
    *requests("shop", "500", counter((30, 18)), client="app", http_route="/pay", http_request_method="POST"),
    *requests("shop", "500", counter((30, 600)), client="app", http_route="/health"),
    *requests("other", "500", counter((30, 600))),
]
JOB: Final = '{job="shop"}'
COUNTED: Final[list[tuple[dict[str, Any], float, float]]] = [
    ({}, 90, 18),
    ({"codes": {"429": "bad"}}, 90, 30),
    ({"codes": {"429": "ignored"}}, 78, 18),
    ({"codes": {"499": "good"}}, 96, 18),
    ({"codes": {"499": "bad"}}, 96, 24),
    ({"codes": {"500": "good"}}, 90, 0),
    ({"codes": {"429": "bad", "499": "bad", "500": "ignored"}}, 78, 18),
    ({"exclude": {"client": "bot"}}, 78, 18),
    ({"bad": {"client": "bot"}}, 90, 12),
    ({"routes": ["/pay"]}, 18, 18),
    ({"routes": ["/p*"], "methods": ["POST"]}, 18, 18),
    ({"methods": ["GET"]}, 72, 0),
]


@pytest.mark.parametrize("version", VERSIONS)
def test_events_are_counted_and_classified_as_the_slo_says(version: str, tools: Tools, tmp_path: Path) -> None:
    """Codes, patterns, routes and methods; a health check and another service count nowhere."""
    expected = []
    for fields, total, bad in COUNTED:
        for expr, value in zip(events(slo(**fields)), (total, bad), strict=True):
            expected.append(check(expr, "20m", (JOB, value)))
    assert "" == asked(tools[version]("promtool"), tmp_path, TRAFFIC, *expected)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_request_that_is_slow_or_failed_is_bad_for_latency(version: str, tools: Tools, tmp_path: Path) -> None:
    """What took longer than the threshold, by its bucket; a quick failure is no quick answer."""
    slow = [
        each | {"values": counter((30, 0))} if 'le="0.3"' in each["series"] else each
        for each in requests("shop", "200", counter((30, 9)), client="slow")
    ]
    total, bad = events(slo(sli="latency", under="300ms"))
    tests = (check(total, "20m", (JOB, 99)), check(bad, "20m", (JOB, 27)))
    assert "" == asked(tools[version]("promtool"), tmp_path, [*TRAFFIC, *slow], *tests)


@pytest.mark.parametrize("version", VERSIONS)
def test_bad_is_nothing_where_nothing_fails_and_absent_where_nothing_comes(
    version: str, tools: Tools, tmp_path: Path
) -> None:
    """An average over it then speaks of the healthy time too."""
    healthy = requests("shop", "200", "0+60x19 _x20")
    tests = [check(expr, "15m", (JOB, value)) for expr, value in zip(events(slo()), (60, 0), strict=True)]
    gone = [check(expr, "30m") for expr in events(slo())]
    assert "" == asked(tools[version]("promtool"), tmp_path, healthy, *tests, *gone)


@pytest.mark.parametrize("version", VERSIONS)
def test_groups_are_told_apart(version: str, tools: Tools, tmp_path: Path) -> None:
    """Each has its own events, and bad ones at nothing where none fails."""
    total, bad = events(slo(by=("job", "http_route")))
    at, pay = '{job="shop",http_route="/"}', '{job="shop",http_route="/pay"}'
    tests = (check(total, "20m", (at, 72), (pay, 18)), check(bad, "20m", (at, 0), (pay, 18)))
    assert "" == asked(tools[version]("promtool"), tmp_path, TRAFFIC, *tests)


def test_a_native_histogram_is_counted_and_divided(tools: Tools, tmp_path: Path) -> None:
    """Half of its observations are above 1 and none above 2; no event is no number, and nothing bad."""
    own = 'job="shop",http_response_status_code='
    growing = "{{schema:0 count:0 sum:0 buckets:[0 0]}}+{{schema:0 count:20 sum:20 buckets:[10 10]}}x29"
    still = "{{schema:0 count:4 sum:4 buckets:[2 2]}}x29"
    inputs = [series(f'h{{{own}"200"}}', growing), series(f'h{{{own}"500"}}', still)]
    (all_, failed), (timed, slow) = (
        events(slo(), dialect=NATIVE),
        events(slo(sli="latency", under="1s"), dialect=NATIVE),
    )
    tests = [check(expr, "20m", (JOB, value)) for expr, value in ((all_, 20), (failed, 0), (timed, 20), (slow, 10))]
    assert "" == asked(tools["newer"]("promtool"), tmp_path, inputs, *tests)
    quiet = [check(expr, "20m", (JOB, 0)) for expr in (all_, failed, timed, slow)]
    idle = [series(f'h{{{own}"200"}}', still)]
    assert "" == asked(tools["newer"]("promtool"), tmp_path, idle, *quiet)


PROMQL: Final = {"good": "rate(good[{{window}}])", "bad": "rate(bad[{{ window }}])"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_part_that_is_larger_than_its_total_is_cut(version: str, tools: Tools, tmp_path: Path) -> None:
    """PromQL of the catalog's own may contradict itself; without a part there is nothing of it."""
    total = "rate(seen[{{window}}])"
    tests = []
    for seen, part, good, bad in ((60, 48, 12, 48), (60, 90, 0, 60)):
        inputs = [
            series("seen", counter((30, seen))),
            series("good", counter((30, part))),
            series("bad", counter((30, part))),
        ]
        tests = [
            check(
                f"round(60 * {raw_events(slo(total=total, **{kind: PROMQL[kind]}), '5m')[1]}, 0.01)",
                "20m",
                ("{}", value),
            )
            for kind, value in (("good", good), ("bad", bad))
        ]
        assert "" == asked(tools[version]("promtool"), tmp_path, inputs, *tests)
    lone = [
        check(
            f"round(60 * {raw_events(slo(total=total, **{kind: PROMQL[kind]}), '5m')[1]}, 0.01)", "20m", ("{}", value)
        )
        for kind, value in (("good", 60), ("bad", 0))
    ]
    assert "" == asked(tools[version]("promtool"), tmp_path, [series("seen", counter((30, 60)))], *lone)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_no_number_is_no_event(version: str, tools: Tools, tmp_path: Path) -> None:
    """A share of nothing, once recorded, would leave no mean of the period; beside numbers it takes none away."""
    inputs = [series("seen", counter((30, 60))), series("bad", counter((30, 6))), series("idle", "0x30")]
    none, numbers = "rate(idle[{{window}}]) / rate(idle[{{window}}])", "rate(seen[{{window}}])"
    tests = []
    for total, kind, part, samples in (
        (none, "bad", PROMQL["bad"], (None, None)),
        (f"1 / rate(idle[{{{{window}}}}]) + {numbers}", "bad", PROMQL["bad"], (None, None)),
        (f'{numbers} or label_replace({none}, "a", "b", "", "")', "bad", PROMQL["bad"], (60, 6)),
        (numbers, "bad", none, (60, 0)),
        (numbers, "good", none, (60, 60)),
    ):
        for expr, value in zip(raw_events(slo(total=total, **{kind: part}), "5m"), samples, strict=True):
            tests.append(check(f"round(60 * {expr}, 0.01)", "20m", *([] if value is None else [("{}", value)])))
    assert "" == asked(tools[version]("promtool"), tmp_path, inputs, *tests)


SUCCESS: Final = 'probe_success{job="shop",instance="%s"}'
SECONDS: Final = 'probe_duration_seconds{job="shop",instance="%s"}'
PROBES: Final = [
    *(series(SUCCESS % name, f"{value}x30") for name, value in (("a", 1), ("b", 1), ("c", 0), ("d", 1))),
    *(series(SECONDS % name, f"{value}x30") for name, value in (("a", 0.1), ("b", 3), ("c", 0.1), ("d", 0.3))),
]
GAUGES: Final = [
    series('seen{region="a"}', "0+60x30"),
    series('seen{region="b"}', "600x30"),
    series('used{region="a"}', "0.79x30"),
    series('used{region="b"}', "0.8x30"),
    series("idle", "0x30"),
]
REGION: Final = ({"by": ("region",)}, '{region="a"}', '{region="b"}')
ONE, A, B = "{}", REGION[1], REGION[2]
JUDGED: Final[list[tuple[dict[str, Any], Dialect | None, tuple[Sample, ...]]]] = [
    ({"sli": "freshness", "value": "seen", "within": "10m", "by": ("region",)}, None, ((A, 0), (B, 0))),
    ({"sli": "freshness", "value": "seen", "within": "9m59s", "by": ("region",)}, None, ((A, 0), (B, 1))),
    ({"sli": "freshness", "value": "seen", "within": "9m59s"}, None, ((ONE, 0),)),
    ({"sli": "saturation", "value": "used", "below": 0.8, "by": ("region",)}, None, ((A, 0), (B, 1))),
    ({"sli": "saturation", "value": "used", "below": 0.8}, None, ((ONE, 1),)),
    ({"sli": "saturation", "value": "gone", "below": 0.8}, None, ()),
    ({"sli": "throughput", "value": "used", "at_least": 1.59}, None, ((ONE, 0),)),
    ({"sli": "throughput", "value": "used", "at_least": 1.6}, None, ((ONE, 1),)),
    ({"sli": "throughput", "at_least": 1.4}, OTEL, ((JOB, 0),)),
    ({"sli": "throughput", "at_least": 1.6}, OTEL, ((JOB, 1),)),
    ({"sli": "throughput", "at_least": 0.4, "routes": ["/pay"]}, OTEL, ((JOB, 1),)),
    ({"sli": "probe", "value": "probe_success"}, None, ((ONE, 0.25),)),
    ({"sli": "probe", "value": "seen"}, None, ((ONE, 0),)),
    *(
        ({"sli": sli, "value": "idle / idle", **bound}, None, ())
        for sli, bound in (("freshness", {"within": "10m"}), ("saturation", {"below": 0.8}), ("probe", {}))
    ),
    ({"sli": "throughput", "value": "idle / idle", "at_least": 1}, None, ()),
    ({"sli": "probe"}, BLACKBOX, ((JOB, 0.25),)),
    ({"sli": "availability"}, BLACKBOX, ((JOB, 0.25),)),
    ({"sli": "latency", "under": "300ms"}, BLACKBOX, ((JOB, 0.5),)),
    ({"budgeting": "ratio_timeslices"}, OTEL, ((JOB, 0.2),)),
    ({"budgeting": "timeslices", "slice_objective": 80.1}, OTEL, ((JOB, 1),)),
    ({"budgeting": "timeslices", "slice_objective": 79.9}, OTEL, ((JOB, 0),)),
    ({"budgeting": "timeslices", "objective": 79.9}, OTEL, ((JOB, 0),)),
    ({"budgeting": "timeslices", "slice": "10m", "methods": ["GET"]}, OTEL, ((JOB, 0),)),
]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_moment_is_as_bad_as_it_was(version: str, tools: Tools, tmp_path: Path) -> None:
    """Age, fullness, flow, probes and slices: at the bound, just above it, in groups, and without a value."""
    tests = []
    for fields, dialect, samples in JUDGED:
        if "by" not in fields and fields.get("value") is None:
            fields = fields | {"by": ("job",)}
        tests.append(check(f"round({badness(shop(), slo(**fields), dialect)}, 0.001)", "20m", *samples))
    assert "" == asked(tools[version]("promtool"), tmp_path, [*TRAFFIC, *PROBES, *GAUGES], *tests)
