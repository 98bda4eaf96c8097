"""What must hold of rendered SLO rules whatever the traffic: drawn cases, many in one run of promtool."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenarios import AVAILABILITY, catalog, check, counter, rendered, requests, verdict

Hour = tuple[int, float]  # requests a minute, and the share of them that fails
few = settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
errors = st.one_of(st.just(0.0), st.floats(0.0001, 0.01), st.floats(0.01, 1))
stories = st.lists(st.tuples(st.integers(1, 5_000), errors), min_size=8, max_size=8)
OBJECTIVES = (97, 99.9, 99.99)
OUTAGE: Sequence[Hour] = [(1_000, 0.0), *[(1_000, 0.8)] * 7]


@pytest.fixture(params=["installed", "newer"])
def promtool(request: pytest.FixtureRequest, tools: Mapping[str, Callable[[str], str]]) -> str:
    """Return the path of promtool, of the installed version and of a newer one."""
    return tools[request.param]("promtool")


def _carried(job: str, *stories: Sequence[Hour], step: int = 30) -> list[dict[str, str]]:
    """Return the counters of stories added: each hour has *step* samples, two minutes apart."""
    hours = [[(pace * (1 - failed), pace * failed) for pace, failed in hour] for hour in zip(*stories, strict=True)]
    good, bad = (counter(*((step, 2 * sum(events[kind] for events in hour)) for hour in hours)) for kind in (0, 1))
    return [*requests(job, "200", good)[:1], *requests(job, "500", bad, error_type="500")[:1]]


@few
@given(pairs=st.lists(st.tuples(stories, stories), min_size=6, max_size=6))
def test_two_services_added_have_the_budget_of_one(promtool: str, pairs: list[tuple[list[Hour], list[Hour]]]) -> None:
    """What is left of it is the mean of what is left of theirs, each weighed by the events that it had."""
    jobs = [f"{part}-{n}" for n in range(len(pairs)) for part in ("one", "other", "both")]
    series = []
    for n, (one, other) in enumerate(pairs):
        series += [*_carried(f"one-{n}", one), *_carried(f"other-{n}", other), *_carried(f"both-{n}", one, other)]
    budget = 'label_replace(slo:budget_remaining:ratio{{job=~"{}-.*"}}, "case", "$1", "job", ".*-(.*)")'
    total = 'label_replace(avg_over_time(slo:total:rate1h{{job=~"{}-.*"}}[30d]), "case", "$1", "job", ".*-(.*)")'
    one_or_other, both = (budget.format(jobs) for jobs in ("(one|other)", "both"))
    weighed = f"sum by (case) ({one_or_other} * on (job) group_left () {total.format('(one|other)')})"
    mean = f"{weighed} / sum by (case) ({total.format('(one|other)')})"
    checks = [
        check(f"abs({mean} - on (case) {both}) > 1e-6 * (1 + abs({both}))", "8h"),
        check("count(slo:budget_remaining:ratio)", "8h", ("{}", len(jobs))),
    ]
    with TemporaryDirectory() as folder:
        rules = rendered(catalog(dict.fromkeys(jobs, AVAILABILITY)), Path(folder))
        tests = [{"interval": "2m", "input_series": series, "promql_expr_test": checks}]
        assert verdict(promtool, rules, tests, every="1h") == ""


@few
@given(cases=st.lists(stories, min_size=2, max_size=2))
def test_a_higher_objective_never_pages_later(promtool: str, cases: list[list[Hour]]) -> None:
    """Of one service's traffic: while a lower objective alerts, so does every higher one, in each pair of windows."""
    slos = {f"of-{n}": {"sli": "availability", "objective": objective} for n, objective in enumerate(OBJECTIVES)}
    fires = 'ALERTS{{alertname="SloErrorBudgetBurn",alertstate="firing",slo="of-{}"}}'
    rules = [
        {
            "record": "test:late",
            "expr": f"{fires.format(low)} unless on (service, window) {fires.format(high)}",
            "labels": {"low": str(low)},
        }
        for low, high in pairwise(range(len(OBJECTIVES)))
    ]
    series = [each for n, story in enumerate([OUTAGE, *cases]) for each in _carried(f"s-{n}", story, step=8)]
    with TemporaryDirectory() as folder:
        files = rendered(catalog({f"s-{n}": slos for n in range(1 + len(cases))}), Path(folder))
        outage = 'count(count_over_time(ALERTS{alertname="SloErrorBudgetBurn",service="s-0",window="1h"}[1d]))'
        checks = [check("count_over_time(test:late[1d])", "120m"), check(outage, "120m", ("{}", len(OBJECTIVES)))]
        tests = [{"interval": "2m", "input_series": series, "promql_expr_test": checks}]
        assert verdict(promtool, files, tests, more=rules, every="4m") == ""


STEADY = {"of-1": (0.001, 0.9), "of-2": (0.002, 0.8), "of-10": (0.01, 0.0), "of-1000": (1.0, -99.0)}


def test_a_steady_burn_spends_what_the_workbook_says(promtool: str, tmp_path: Path) -> None:
    """After three days a burn rate of 1, 2, 10 has spent a tenth, a fifth, all of a month; of 1000, all in 43 minutes."""
    folder = rendered(catalog(dict.fromkeys(STEADY, AVAILABILITY)), tmp_path)
    series = [each for job, (failed, _) in STEADY.items() for each in _carried(job, [(60, failed)] * 73)]
    # The first hourly sample stands after an hour: what it has seen is 71 of 72 hours.
    checks = [
        check(f'abs((1 - slo:budget_remaining:ratio{{job="{job}"}}) / {1 - left} - 1) > 0.015', "72h")
        for job, (_, left) in STEADY.items()
    ]
    checks.append(check("count(slo:budget_remaining:ratio)", "72h", ("{}", len(STEADY))))
    tests = [{"interval": "2m", "input_series": series, "promql_expr_test": checks}]
    assert verdict(promtool, folder, tests, every="1h") == ""
