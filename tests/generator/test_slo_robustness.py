"""Counters as they really come: restarted, scaled, scraped with holes, late, gone; and rules that were not evaluated."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite

import pytest
from recording import Recorded, Span, recorded
from scenarios import AVAILABILITY, catalog, rendered
from traffic import DAY, HOUR, Phase, Samples, Traffic

PEAK = 3 * DAY  # it begins
OVER = PEAK + 4 * HOUR
END = OVER + 2 * HOUR
USUAL = [Phase(0, 10, 0.0002)]
LATE = OVER - 30 * HOUR
# Each has a fifth of the budget's pace before and after, and one in a hundred fails in the peak; in a calm one, no more.
LOUD, CALM = (Traffic([*USUAL, Phase(PEAK, 100, errors), Phase(OVER, 10, 0.0002)]) for errors in (0.01, 0.0002))
Counters = dict[str, Samples]
# Minutes without a scrape: twice in the peak, and before and after it.
GAPS = [(PEAK - 2 * HOUR, 10), (PEAK + 40 * 60, 10), (PEAK + 2 * HOUR + 52 * 60, 10), (OVER + HOUR, 10)]


def _times(start: int = 0) -> list[int]:
    near = PEAK - 7 * HOUR
    return [at for at in (*range(0, near, 120), *range(near, END + 1, 60)) if at >= start]


def _fleet(
    job: str, traffic: Traffic, instances: int, times: Sequence[int], born: Sequence[Sequence[float]]
) -> Counters:
    found: Counters = {}
    for n in range(instances):
        found |= traffic.counters(job, times, share=1 / instances, born=born[n % len(born)], instance=f"{n}:80")
    return found


def _plain(job: str, traffic: Traffic) -> Counters:
    """No other trouble than that rules were not evaluated."""
    return traffic.counters(job, _times())


def _idles(job: str, traffic: Traffic) -> Counters:
    """An hour without a request, before the peak; its counters stand."""
    return _idle(traffic).counters(job, _times())


def _idle(traffic: Traffic) -> Traffic:
    return Traffic([USUAL[0], Phase(PEAK - 3 * HOUR, 0), replace(USUAL[0], start=PEAK - 2 * HOUR), *traffic.phases[1:]])


def _resets(job: str, traffic: Traffic) -> Counters:
    """An instance that begins anew every 37 minutes."""
    return traffic.counters(job, _times(), born=range(0, END, 37 * 60))


def _restarts(job: str, traffic: Traffic) -> Counters:
    """Three that restart one after the other, an hour before the peak and twice in it."""
    restarts = (PEAK - HOUR, PEAK + 50 * 60, PEAK + 3 * HOUR)
    return _fleet(job, traffic, 3, _times(), [[0, *(at + 120 * n for at in restarts)] for n in range(3)])


def _scales(job: str, traffic: Traffic) -> Counters:
    """Three instances, of which each keeps its tenth, and 27 more while the peak lasts."""
    extra = Traffic([Phase(PEAK, traffic.phases[1].pace, traffic.phases[1].errors)])
    peak = [at for at in _times() if PEAK <= at <= OVER]
    found: Counters = {}
    for n in range(27):
        found |= extra.counters(job, peak, share=1 / 30, born=[PEAK], instance=f"new-{n}:80")
    few = Traffic([USUAL[0], Phase(PEAK, traffic.phases[1].pace / 10, traffic.phases[1].errors), traffic.phases[2]])
    return found | _fleet(job, few, 3, _times(), [[0]])


def _gaps(job: str, traffic: Traffic) -> Counters:
    """Ten minutes without a scrape, four times."""
    times = [at for at in _times() if not any(start <= at < start + 60 * minutes for start, minutes in GAPS)]
    return traffic.counters(job, times)


def _late(job: str, traffic: Traffic) -> Counters:
    """Nothing is known before it is a day old."""
    return traffic.counters(job, _times(LATE), born=[LATE])


def _visits(job: str, traffic: Traffic) -> Counters:
    """It appears with the peak and vanishes after it."""
    return traffic.counters(job, [at for at in _times() if PEAK <= at <= OVER], born=[PEAK])


TROUBLES = {
    each.__name__.strip("_"): each for each in (_plain, _idles, _resets, _restarts, _scales, _gaps, _late, _visits)
}
FIRST = {"late": LATE, "visits": PEAK}
JOBS = [f"{mood}-{trouble}" for trouble in TROUBLES for mood in ("loud", "calm")]
# No rule was evaluated for five minutes, in two hours of the peak.
HOLES = [PEAK + 25 * 60, PEAK + HOUR + 40 * 60]


NEAR = PEAK - 7 * HOUR
SPANS = [
    Span(0, NEAR, 300),
    *(
        Span(start, end, 60, alerts=True)
        for start, end in zip([NEAR, *(hole + 300 for hole in HOLES)], [*HOLES, END], strict=True)
    ),
]


@pytest.fixture(scope="module", params=["installed", "newer"])
def days(
    request: pytest.FixtureRequest,
    tools: Mapping[str, Callable[[str], str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Recorded]:
    """A Prometheus after three days, a peak of four hours, and two more."""
    raw = json.loads(catalog(dict.fromkeys(JOBS, AVAILABILITY)))
    for service in raw["services"].values():
        service["tier"] = 1  # which is paged for most
    series: Counters = {}
    for job in JOBS:
        mood, _, trouble = job.partition("-")
        series |= TROUBLES[trouble](job, LOUD if mood == "loud" else CALM)
    folder = rendered(json.dumps(raw), tmp_path_factory.mktemp("days"))
    with recorded(tools[request.param], folder, series, SPANS) as found:
        yield found


def _truth(job: str, at: float) -> float:
    """What is left of a month's budget, of which traffic that began later has seen the less."""
    mood, _, trouble = job.partition("-")
    traffic = LOUD if mood == "loud" else CALM
    start = FIRST.get(trouble, 0)
    counted = _idle(traffic) if trouble == "idles" else traffic
    seen = min(at, OVER) if trouble == "visits" else at
    good, bad = counted.between(start, seen)
    return 1 - bad / (0.001 * (good + bad)) * (seen - start) / (30 * DAY)


@pytest.mark.parametrize("job", JOBS)
def test_the_budget_is_the_truth(days: Recorded, job: str) -> None:
    """Within 3 % of the budget, of which a loud peak takes a third: three quarters of an hour after its end, and later."""
    for at in (OVER + 2700, END - 60):
        (found,) = days.query(f'last_over_time(slo:budget_remaining:ratio{{job="{job}"}}[10m])', at).values()
        assert _truth(job, at) == pytest.approx(found, abs=0.03)


def test_no_series_is_ever_not_a_number(days: Recorded) -> None:
    """0/0 recorded once would be the mean of a month."""
    found = days.samples('{__name__=~"(seawall:)?slo.*:.+"}', 0, END + 1)
    assert len(found) > 40 * len(JOBS)
    assert {name for name, samples in found.items() for _, value in samples if not isfinite(value)} == set()


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_trouble_pages_by_itself(days: Recorded, trouble: str) -> None:
    """Nor opens a ticket: a fifth of the budget's pace stays one. That a service is gone is told, ten minutes later."""
    gone = days.fired(f"calm-{trouble}", alertname="SloTelemetryAbsent")
    assert days.fired(f"calm-{trouble}") == gone
    assert gone[:1] == ([pytest.approx(OVER + 1_200, abs=300)] if trouble == "visits" else [])


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_trouble_hides_a_page(days: Recorded, trouble: str) -> None:
    """One in a hundred fails at ten times the traffic: 46 minutes in theory; ten without a scrape and five without rules."""
    page = days.fired(f"loud-{trouble}", alertname="SloErrorBudgetBurn", severity="page")
    assert PEAK < page[0] < PEAK + 70 * 60
    assert len(page) > 180
