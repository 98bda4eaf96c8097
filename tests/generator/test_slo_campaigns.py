"""Campaigns: what they cost is what they carried, they page while they burn, and they blunt no page after them."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from recording import Recorded, Span, recorded
from scenarios import AVAILABILITY, catalog, rendered
from traffic import DAY, HOUR, Phase, Traffic

NOW = 31 * DAY  # when the campaign begins, and a whole period is known
USUAL = 10.0  # events a second
# How many times as many events, for how many hours, and the share of them that fails; and what of the budget that is.
CAMPAIGNS = {"twenty": (20, 2, 0.01), "missed": (20, 2, 0.02), "ten": (10, 4, 0.005), "fifty": (50, 1, 0.0055)}
SPENT = {"twenty": 0.5277, "missed": 1.0554, "ten": 0.2646, "fifty": 0.3576}


def _uneven(seed: int, past: tuple[int, int, float]) -> list[Phase]:
    """A history that goes up and down each hour and fails now and then, with a campaign from one day to another in it."""
    chance = Random(seed)
    first, last, times = past
    paces = [
        USUAL * chance.uniform(0.5, 1.5) * (times if first <= hour / 24 < last else 1) for hour in range(NOW // HOUR)
    ]
    return [Phase(hour * HOUR, pace, chance.choice([0, 0, 0.001])) for hour, pace in enumerate(paces)]


def _then(history: list[Phase], times: float, hours: float, errors: float) -> Traffic:
    return Traffic([*history, Phase(NOW, USUAL * times, errors), Phase(NOW + hours * HOUR, USUAL)])


def _stories() -> dict[str, Traffic]:
    even = [Phase(0, USUAL)]
    found = {name: _then(even, *campaign) for name, campaign in CAMPAIGNS.items()}
    past = _uneven(7, (18, 19, 5))
    found |= {f"again-{name}": _then(past, *campaign) for name, campaign in CAMPAIGNS.items()}
    four_days = [Phase(0, USUAL), Phase(NOW - 11 * DAY, USUAL * 20), Phase(NOW - 7 * DAY, USUAL)]
    found["week-after"] = _then(four_days, 1, 0.5, 1 / 3)
    found["weekend"] = _then([*even, Phase(NOW - DAY, USUAL / 10)], 0.1, 0.5, 1 / 3)
    minute = 1 / 60
    alone = (Phase(NOW + 600, minute, 1), Phase(NOW + 660, minute))  # one request a minute, and one of them fails
    found["night"] = Traffic([*even, Phase(NOW - 6 * HOUR, minute), *alone])
    found["always-night"] = Traffic([Phase(0, minute), *alone])
    return found


STORIES = _stories()


# What is read back for longer than three days.
LASTING = "slo:(total|bad):rate5m|slo:(total|bad):rate30m|slo:total:rate1h|seawall:slo_(total|bad):rate30m_every10m|seawall:slo_seen:.*|slo:objective:ratio|seawall:slo_rules:info"


@contextmanager
def _month(tool: Callable[[str], str], folder: Path) -> Iterator[Recorded]:
    raw = json.loads(catalog(dict.fromkeys(STORIES, AVAILABILITY)))
    for service in raw["services"].values():
        service["tier"] = 1
    near = NOW - 6 * HOUR
    times = [*range(0, near, 120), *range(near, NOW + 7 * HOUR, 60)]
    series = {
        name: samples for job, traffic in STORIES.items() for name, samples in traffic.counters(job, times).items()
    }
    spans = (
        Span(0, NOW - 3 * DAY, 300, only=LASTING),
        Span(NOW - 3 * DAY, near, 300),
        Span(near, NOW + 7 * HOUR, 60, alerts=True),
    )
    with recorded(tool, rendered(json.dumps(raw), folder), series, spans) as found:
        yield found


@pytest.fixture(scope="module")
def month(tools: Mapping[str, Callable[[str], str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """A Prometheus after a month of all stories, and seven hours more.

    In one version: test_slo_robustness.py has the same rules' budgets and pages in both, of three days, where a sample more
    or less in a range weighs more; test_slo_rules.py has in both how much a burn weighs after a week.
    """
    with _month(tools["newer"], tmp_path_factory.mktemp("month")) as found:
        yield found


def _remaining(month: Recorded, job: str, at: float) -> float:
    (found,) = month.query(f'last_over_time(slo:budget_remaining:ratio{{job="{job}"}}[10m])', at).values()
    return found


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_the_truth_is_what_was_counted_by_hand(name: str) -> None:
    """The four campaigns after a month at ten requests a second, at 99.9 %."""
    times, hours, errors = CAMPAIGNS[name]
    bad = hours * USUAL * times * errors
    total = (720 - hours) * USUAL + hours * USUAL * times
    truth = STORIES[name].remaining(NOW + hours * HOUR)
    assert truth == pytest.approx(1 - bad / total / 0.001)
    assert 1 - SPENT[name] == pytest.approx(truth, abs=1e-4)


CAMPAIGN_STORIES = [name for name in STORIES if name.removeprefix("again-") in CAMPAIGNS]


def _end(name: str) -> float:
    return NOW + CAMPAIGNS[name.removeprefix("again-")][1] * HOUR


@pytest.mark.parametrize("name", CAMPAIGN_STORIES)
def test_the_budget_is_the_truth(month: Recorded, name: str) -> None:
    """Within 1 % of the budget: before the campaign, three quarters of an hour after its end, and hours after it."""
    for at in (NOW - 300, _end(name) + 2700, NOW + 7 * HOUR - 60):
        assert STORIES[name].remaining(at) == pytest.approx(_remaining(month, name, at), abs=0.01)


@pytest.mark.parametrize("name", CAMPAIGN_STORIES)
def test_a_campaign_pages_before_a_twentieth_of_the_budget_is_gone(month: Recorded, name: str) -> None:
    """The workbook's fast page sees one of the four; three of them burn a quarter of the budget and more beside it."""
    first, *_, last = month.fired(name, alertname="SloErrorBudgetBurn", severity="page", window="1h")
    spent = STORIES[name].remaining(NOW) - STORIES[name].remaining(first)
    assert NOW < first
    assert 0 < spent < 0.05
    assert last <= _end(name) + 300
    assert month.fired(name, severity="page")[0] == first


@pytest.mark.parametrize("name", ["week-after", "weekend"])
def test_an_unusual_past_delays_no_page(month: Recorded, name: str) -> None:
    """A third of the requests fail: within two minutes of the workbook's rule on the raw counters, or sooner."""
    counted = f'http_server_request_duration_seconds_count{{job="{name}"'
    ratios = (f'sum(rate({counted},error_type="500"}}[{w}])) / sum(rate({counted}}}[{w}]))' for w in ("1h", "5m"))
    classic = month.range(" and ".join(f"{ratio} > 14.4 * 0.001" for ratio in ratios), NOW, NOW + HOUR, 30)
    ((first, _), *_) = classic["{}"]
    assert NOW < month.fired(name, severity="page")[0] <= first + 120


@pytest.mark.parametrize("name", ["night", "always-night"])
def test_one_failed_request_at_night_alerts_nobody(month: Recorded, name: str) -> None:
    """It burns seventeen times too fast, for an hour, and is one request of sixty; tier 1 would be paged."""
    (burnt,) = month.query(f'max_over_time(slo:burn_rate:ratio{{job="{name}",window="1h"}}[1h])', NOW + HOUR).values()
    assert burnt > 14.4
    assert month.fired(name) == []
