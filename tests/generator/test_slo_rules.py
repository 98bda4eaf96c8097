"""The recording rules of SLOs on the real promtool: what is recorded, when it pages, and what a budget weighs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from scenarios import AVAILABILITY, catalog, check, counter, rendered, requests, verdict

from seawall.catalog import PAIRS
from seawall.generator.slo import SECONDS

DAY = 1440  # minutes


@pytest.fixture(params=["installed", "newer"])
def promtool(request: pytest.FixtureRequest, tools: Mapping[str, Callable[[str], str]]) -> str:
    """Return the path of promtool, of the installed version and of a newer one."""
    return tools[request.param]("promtool")


def test_good_and_bad_are_the_total(promtool: str, tmp_path: Path) -> None:
    """In every window, for availability and latency, with failures, slow requests, cancellations and broken connections."""
    slos = {**AVAILABILITY, "latency": {"objective": 95, "under": "300ms"}}
    folder = rendered(catalog({"shop": slos, "calm": slos}), tmp_path)
    slow = requests("shop", "201", counter((150, 7)))
    slow[1]["values"] = "0x149"
    series = [
        *requests("shop", "200", counter((150, 600))),
        *slow,
        *requests("shop", "500", counter((150, 6)), error_type="500"),
        *requests("shop", "499", counter((150, 50))),
        *requests("shop", "", counter((150, 3)), error_type="asyncio.exceptions.CancelledError"),
        *requests("shop", "", counter((150, 2)), error_type="ConnectionResetError"),
        *requests("shop", "200", counter((150, 900)), http_route="/healthz"),
        *requests("calm", "200", counter((150, 600))),
    ]
    windows = ("5m", "30m", "1h", "2h", "6h")
    checks = [
        check(f"abs(slo:good:rate{window} + slo:bad:rate{window} - slo:total:rate{window}) > 1e-9", "140m")
        for window in windows
    ] + [
        check(
            f"round(60 * slo:{kind}:rate{window}, 0.001)",
            "140m",
            *((f'{{job="{job}",slo="{slo}"}}', value) for job, slo, value in expected),
        )
        for window in windows[:3]  # the others also know how it began
        for kind, expected in {
            "total": [
                ("shop", "availability", 615),
                ("shop", "latency", 615),
                ("calm", "availability", 600),
                ("calm", "latency", 600),
            ],
            "bad": [
                ("shop", "availability", 8),
                ("shop", "latency", 15),
                ("calm", "availability", 0),
                ("calm", "latency", 0),
            ],
        }.items()
    ]
    assert verdict(promtool, folder, [{"interval": "1m", "input_series": series, "promql_expr_test": checks}]) == ""


def test_bad_and_good_exist_whenever_the_total_does(promtool: str, tmp_path: Path) -> None:
    """At zero before the first failure, while only failures come, and they end with the total."""
    slos = {**AVAILABILITY, "latency": {"objective": 95, "under": "300ms"}}
    folder = rendered(catalog({"good": slos, "bad": slos, "ends": slos}), tmp_path)
    series = [
        *requests("good", "200", counter((120, 60))),
        *requests("bad", "500", counter((120, 60)), error_type="500"),
        *requests("ends", "200", counter((60, 60)) + " stale _x60"),
    ]
    checks = [
        check(
            f"slo:total:rate{window} unless slo:{kind}:rate{window} or slo:{kind}:rate{window} unless slo:total:rate{window}",
            at,
        )
        for window in ("5m", "30m", "1h")
        for kind in ("good", "bad")
        for at in ("2m", "50m", "70m", "100m", "119m")
    ]
    checks += [
        check('count(slo:bad:rate5m{job="good"} == 0)', "50m", ("{}", 2)),
        check('count(slo:good:rate5m{job="bad"} == 0)', "50m", ("{}", 2)),
        check('slo:total:rate5m{job="ends"} or slo:bad:rate5m{job="ends"}', "100m"),
    ]
    assert verdict(promtool, folder, [{"interval": "1m", "input_series": series, "promql_expr_test": checks}]) == ""


def test_what_is_recorded_every_five_minutes_is_read_while_its_next_evaluation_runs(
    promtool: str, tmp_path: Path
) -> None:
    """Prometheus looks back five minutes, and 3.x not even to their beginning: a window would come and go."""
    folder = rendered(catalog({"shop": AVAILABILITY}), tmp_path)
    series = requests("shop", "500", counter((120, 60)))[:1]
    checks = [
        check(
            f"count({{__name__=~'slo:(bad:events|error:ratio|burn_rate:ratio)'}}) by (__name__) != {len(SECONDS)}",
            "100m",
        ),
        check(
            "count(slo:bad:events) + count(slo:error:ratio) + count(slo:burn_rate:ratio)",
            "100m",
            ("{}", 3 * len(SECONDS)),
        ),
    ]
    tests = [{"interval": "1m", "input_series": series, "promql_expr_test": checks}]
    assert verdict(promtool, folder, tests, every="5m") == ""


def test_only_catalogued_jobs_are_recorded(promtool: str, tmp_path: Path) -> None:
    """Another job that writes the same metrics has no SLO."""
    folder = rendered(catalog({"shop": AVAILABILITY}), tmp_path)
    series = [*requests("shop", "200", counter((30, 60))), *requests("stranger", "500", counter((30, 60)))]
    checks = [check("group by (job) ({__name__=~'slo:.*'})", "20m", ('{job="shop"}', 1))]
    assert verdict(promtool, folder, [{"interval": "1m", "input_series": series, "promql_expr_test": checks}]) == ""


# What a service carries: requests a minute, how many times as many in the campaign, its minutes, errors before and in it.
Traffic = tuple[float, float, int, float, float]
KNOWN: Sequence[Traffic] = (
    (600, 20, 90, 0, 0.01),
    (600, 10, 90, 0, 0.005),
    (600, 1, 30, 0, 0.15),
    (600, 1, 90, 0.0005, 0.016),
    (600, 0.1, 90, 0, 0.1),
    (5, 1, 90, 0, 0.1),
)


def _any(chance: Random) -> Traffic:
    during = chance.choice([chance.uniform(0.0005, 0.03), chance.uniform(0.03, 1)])
    times = chance.choice([0.05, 0.5, 1, 3, 10, 100])
    return 10 ** chance.uniform(0, 4), times, chance.randint(10, 90), chance.uniform(0, 0.002), during


def _carried(job: str, traffic: Traffic, history: int) -> list[dict[str, str]]:
    """Return the series of *traffic* after *history* minutes and before thirty more, a sample every two minutes."""
    base, times, minutes, before, during = traffic
    phases = [(history, base, before), (minutes, base * times, during), (30, base, before)]
    good = counter(*((length // 2, 2 * pace * (1 - errors)) for length, pace, errors in phases))
    bad = counter(*((length // 2, 2 * pace * errors) for length, pace, errors in phases))
    return [*requests(job, "200", good)[:1], *requests(job, "500", bad, error_type="500")[:1]]


def _classic(pair: Any) -> str:
    """The workbook's rule on the raw counters for windows that are recorded raw, else on the recorded rates."""
    total, bad = (
        f"http_server_request_duration_seconds_count{{http_response_status_code{matcher}}}"
        for matcher in ('!=""', '="500"')
    )
    conditions = []
    for window in (pair.window, pair.short):
        ratio = f"slo:bad:rate{window} / slo:total:rate{window}"
        if window in ("5m", "30m", "1h"):
            ratio = f"sum by (job) (rate({bad}[{window}])) / sum by (job) (rate({total}[{window}]))"
        conditions.append(f"max by (job) ({ratio}) > {pair.factor} * 0.001")
    return " and on (job) ".join(conditions)


def _never_later(promtool: str, folder: Path, scenarios: Sequence[Traffic], history: int) -> None:
    rules = []
    for pair in PAIRS[:2]:
        floor = f'max by (job) (slo:bad:events{{window="{pair.window}"}}) >= 10'
        page = f'ALERTS{{alertname="SloErrorBudgetBurn",window="{pair.window}",alertstate="firing"}}'
        labels = {"pair": pair.window}
        rules += [
            {"record": "test:classic", "expr": f"{_classic(pair)} and on (job) {floor}", "labels": labels},
            {
                "record": "test:late",
                "expr": f'test:classic{{pair="{pair.window}"}} unless on (job) label_replace({page}, "job", "$1", "service", "(.*)")',
                "labels": labels,
            },
        ]
    series = [each for n, traffic in enumerate(scenarios) for each in _carried(f"service-{n}", traffic, history)]
    ends = f"{history + 120}m"
    page = 'ALERTS{alertname="SloErrorBudgetBurn",window="1h",alertstate="firing",service=~"service-[01]"}'
    settled = check("count(slo:history:days >= 1.8)", f"{history}m", ("{}", len(scenarios)))
    checks = [
        settled,
        check("max by (job, pair) (count_over_time(test:late[10d]))", ends),
        check('count(count_over_time(test:classic{job=~"service-[23]",pair="1h"}[10d]) > 1)', ends, ("{}", 2)),
        check('count(count_over_time(test:classic{job="service-0",pair="6h"}[10d]) > 1)', ends, ("{}", 1)),
        # What the campaign of these two burns, the workbook's fast page never sees.
        check('count_over_time(test:classic{job=~"service-[01]",pair="1h"}[10d])', ends),
        check(f"count(count_over_time({page}[10d]) > 6)", ends, ("{}", 2)),
    ]
    tests = [{"interval": "2m", "input_series": series, "promql_expr_test": checks}]
    assert verdict(promtool, folder, tests, more=rules, every="5m") == ""


@pytest.mark.parametrize(("promtool", "seed"), [("installed", 1), ("newer", 2)], indirect=["promtool"])
def test_volume_never_delays_a_page(promtool: str, tmp_path: Path, seed: int) -> None:
    """Whatever the traffic: while the workbook's rule holds and the floor of bad events is met, so does the page.

    The period is two days, so that the weight is settled after 43 hours.
    """
    chance = Random(seed)
    scenarios = [*KNOWN, *(_any(chance) for _ in range(4))]
    slos = {"availability": {"objective": 99.9, "window": "2d"}}
    folder = rendered(catalog({f"service-{n}": slos for n in range(len(scenarios))}), tmp_path)
    _never_later(promtool, folder, scenarios, history=44 * 60)


def _history(*phases: tuple[float, float, float]) -> list[tuple[float, float, float]]:
    """Return phases of (hours, requests a minute, error ratio)."""
    return list(phases)


# Each carries a tenth of errors in its last hour; the objective is 99 %, so that its unweighted burn rate is 10.
STORIES = {
    "wave": _history((192, 60, 0), (1, 60_000, 0.1)),
    "surge": _history((192, 60, 0), (1, 600, 0.1)),
    "night": _history((192, 60, 0), (1, 6, 0.1)),
    "young": _history((30, 0, 0), (162, 60, 0), (1, 600, 0.1)),
    "weekly": _history((192, 60, 0), (1, 600, 0.1)),
}


def _told(job: str, story: Sequence[tuple[float, float, float]]) -> list[dict[str, str]]:
    """Return the series of a story, a sample every two minutes; before its first traffic there is none."""
    good, bad = (
        [(int(hours * 30), 2 * pace * share) for hours, pace, share in phases]
        for phases in (
            [(hours, pace, 1 - errors) for hours, pace, errors in story],
            story,
        )
    )
    gone = f"_x{good.pop(0)[0]} " if not story[0][1] else ""
    bad = bad[-len(good) :]
    return [
        *requests(job, "200", gone + counter(*good))[:1],
        *requests(job, "500", gone + counter(*bad), error_type="500")[:1],
    ]


def _near(expr: str, least: float, most: float) -> str:
    return f"({expr}) < {least} or ({expr}) > {most}"


def test_the_weight_is_what_the_hour_carries_of_the_period(promtool: str, tmp_path: Path) -> None:
    """At most 50, at least 1, and 1 before seven days of history; a period of seven days settles as well."""
    slos = {name: {"availability": {"objective": 99}} for name in STORIES}
    slos["weekly"]["availability"]["window"] = "7d"  # type: ignore[assignment]
    folder = rendered(catalog(slos), tmp_path)
    series = [each for name, story in STORIES.items() for each in _told(name, story)]
    burns = {
        "wave": (499.9, 500.1),
        "surge": (90, 100),
        "night": (9.99, 10.01),
        "young": (9.99, 10.01),
        "weekly": (90, 100),
    }
    burn = 'slo:burn_rate:ratio{{window="1h",job="{}"}}'
    checks = [check(_near(burn.format(name), *bounds), "11580m") for name, bounds in burns.items()]
    checks += [check("count(slo:burn_rate:ratio{window='1h'})", "11580m", ("{}", len(burns)))]
    tests = [{"interval": "2m", "input_series": series, "promql_expr_test": checks}]
    assert verdict(promtool, folder, tests, every="30m") == ""


def test_a_budget_counts_events_and_not_minutes(promtool: str, tmp_path: Path) -> None:
    """Two hours of a campaign cost what they carried: 20 % of the month's budget, and not the 3 % that time would say."""
    folder = rendered(catalog({"shop": {"availability": {"objective": 99}}}), tmp_path)
    series = _told("shop", _history((44, 60, 0), (2, 600, 0.1), (4, 60, 0)))
    bad, total, days = 0.1 * 600 * 120, 60 * 60 * 48 + 600 * 120, 50 / 24
    remaining = 1 - bad / (0.01 * total / days * 30)
    checks = [
        check(_near("slo:budget_remaining:ratio", remaining - 0.002, remaining + 0.002), "50h"),
        check(_near("slo:history:days", days - 0.05, days + 0.05), "50h"),
        check("count(slo:budget_remaining:ratio)", "50h", ("{}", 1)),
    ]
    assert 0.79 < remaining < 0.81
    tests = [{"interval": "2m", "input_series": series, "promql_expr_test": checks}]
    assert verdict(promtool, folder, tests, every="10m") == ""


def test_a_few_bad_events_page_nobody(promtool: str, tmp_path: Path) -> None:
    """However fast they burn: below the floor, ten or what the SLO says, no burn rate alerts."""
    slos: dict[str, dict[str, Any]] = {name: {"availability": {"objective": 99.9}} for name in ("few", "enough", "own")}
    slos["own"]["availability"]["floor"] = 20
    folder = rendered(catalog(slos), tmp_path)
    paces = {"few": 9, "enough": 13, "own": 16}  # bad events an hour, each time of as many good ones
    series = [
        each
        for name, pace in paces.items()
        for status, kind in (("200", ""), ("500", "500"))
        for each in requests(name, status, counter((100, pace / 60)), error_type=kind)[:1]
    ]
    page = 'group by (service) (ALERTS{alertname="SloErrorBudgetBurn",window="1h",alertstate="firing"})'
    checks = [
        check(page, "80m", ('{service="enough"}', 1)),
        check('count(slo:burn_rate:ratio{window="1h"} > 100)', "80m", ("{}", 3)),
    ]
    assert verdict(promtool, folder, [{"interval": "1m", "input_series": series, "promql_expr_test": checks}]) == ""


FILTERED: Mapping[str, Mapping[str, Any]] = {
    "pay": {"sli": "availability", "objective": 99, "routes": ["/pay", "/pay/*"]},
    "writes": {"sli": "availability", "objective": 99, "methods": ["POST", "PUT"]},
    "people": {"sli": "availability", "objective": 99, "exclude": {"client": "bot.*"}},
    "limited": {"sli": "availability", "objective": 99, "bad": {"http_response_status_code": "429|503"}},
    "quick": {"sli": "latency", "objective": 99, "under": "1s", "routes": ["/pay"]},
    "availability": {"objective": 99},
}


def test_a_filtered_slo_reads_its_own_events(promtool: str, tmp_path: Path) -> None:
    """By route, method, label, and by what is bad, beside an unfiltered one of the same service."""
    folder = rendered(catalog({"shop": FILTERED, "other": {"pay": {"sli": "availability", "objective": 99}}}), tmp_path)
    series = [
        *requests("shop", "200", counter((40, 1000)), http_route="/pay", http_request_method="POST"),
        *requests("shop", "500", counter((40, 100)), http_route="/pay/{id}", http_request_method="PUT"),
        *requests("shop", "429", counter((40, 10)), http_route="/payment", client="bot-1"),
        *requests("shop", "503", counter((40, 1)), http_route="/basket", client="app"),
        *requests("other", "500", counter((40, 60)), http_route="/pay"),
    ]
    expected = {
        "total": {"pay": 1100, "writes": 1100, "people": 1101, "limited": 1111, "quick": 1000, "availability": 1111},
        "bad": {"pay": 100, "writes": 100, "people": 101, "limited": 11, "quick": 0, "availability": 101},
    }
    checks = [
        check(
            f"round(60 * slo:{kind}:rate5m, 0.001)",
            "30m",
            ('{job="other",slo="pay"}', 60),
            *((f'{{job="shop",slo="{slo}"}}', value) for slo, value in values.items()),
        )
        for kind, values in expected.items()
    ]
    assert verdict(promtool, folder, [{"interval": "1m", "input_series": series, "promql_expr_test": checks}]) == ""
