"""The theory of burn rates, measured: when each pair of windows fires after the errors begin, and when it stops."""

from collections.abc import Callable, Iterator, Mapping
from math import inf

import pytest
from recording import Recorded, Span, recorded
from scenarios import AVAILABILITY, catalog, rendered
from traffic import DAY, HOUR, Phase, Traffic

from seawall.catalog import PAIRS, Pair
from seawall.generator.slo import QUICK_WINDOWS, SECONDS, SLOW_WINDOWS, detection_seconds

FAILS = 3 * DAY + 7 * HOUR  # when the errors begin: every window is healthy, and the period as young as not to weigh
END = FAILS + 7 * HOUR
SCRAPE, EVALUATION, SLOW_EVALUATION = 5, 30, 300
CHAIN = 150  # what a mean of five-minute rates lags behind
# The share that fails, and for how many minutes. The last two but one are the burn rate that a single window of 36 would
# never tell, and what is just below the fast page.
ROWS = {
    "all": (1.0, 10),
    "many": (0.15, 10),
    "tenth": (0.10, 30),
    "some": (0.02, 90),
    "few": (0.015, 90),
    "burns-35": (0.035, 60),
    "below": (0.0143, 90),
}
SPIKES = Traffic(
    [
        Phase(0, 100),
        *(Phase(FAILS + minute * 60, 100, float(minute % 10 == 0)) for minute in (0, 5, 10, 15, 20, 25)),
    ]
)


@pytest.fixture(scope="module", params=["installed", "newer"])
def hours(
    request: pytest.FixtureRequest,
    tools: Mapping[str, Callable[[str], str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Recorded]:
    """A Prometheus after all rows, with scrapes and evaluations as dense as they are, and for every pair's reset."""
    stories = {
        name: Traffic([Phase(0, 100), Phase(FAILS, 100, errors), Phase(FAILS + minutes * 60, 100)])
        for name, (errors, minutes) in ROWS.items()
    } | {"spikes": SPIKES}
    near = FAILS - 7 * HOUR
    times = [*range(0, near, 120), *range(near, END, SCRAPE)]
    series = {
        name: samples for job, traffic in stories.items() for name, samples in traffic.counters(job, times).items()
    }
    spans = (Span(0, near, SLOW_EVALUATION), Span(near, END, EVALUATION, alerts=True))
    folder = rendered(catalog(dict.fromkeys(stories, AVAILABILITY)), tmp_path_factory.mktemp("hours"))
    with recorded(tools[request.param], folder, series, spans) as found:
        yield found


def _late(*windows: str) -> float:
    """How much later than the theory says windows may know: they are chained, and recorded less often."""
    chained = any(window in (*QUICK_WINDOWS, *SLOW_WINDOWS) for window in windows)
    return CHAIN * chained + SLOW_EVALUATION * any(window in SLOW_WINDOWS for window in windows)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.window)
@pytest.mark.parametrize("row", ROWS)
def test_a_pair_fires_when_the_theory_says(hours: Recorded, row: str, pair: Pair) -> None:
    """No sooner, and at most one evaluation later; or never, where the errors end before."""
    errors, minutes = ROWS[row]
    fired = hours.fired(row, alertname="SloErrorBudgetBurn", window=pair.window)
    theory = detection_seconds(pair, 99.9, errors)
    if theory > minutes * 60:
        assert fired == []
    else:
        assert theory - SCRAPE <= fired[0] - FAILS <= theory + EVALUATION + SCRAPE + _late(pair.window, pair.short)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.window)
@pytest.mark.parametrize("row", [row for row, (errors, _) in ROWS.items() if errors > 0.0144])
def test_a_pair_stops_when_its_short_window_is_healthy(hours: Recorded, row: str, pair: Pair) -> None:
    """The short window × (1 - burn rate × budget ÷ errors) after the end, less one evaluation."""
    errors, minutes = ROWS[row]
    fired = hours.fired(row, alertname="SloErrorBudgetBurn", window=pair.window)
    if detection_seconds(pair, 99.9, errors) <= minutes * 60:
        theory = SECONDS[pair.short] * (1 - pair.factor * 0.001 / errors)
        stopped = fired[-1] - FAILS - minutes * 60
        # A mean of five-minute rates forgets an error five minutes after its window ends, and most of them sooner.
        assert theory - EVALUATION - SCRAPE < stopped <= theory + SCRAPE + 2 * _late(pair.short)


def test_the_table_has_rows_for_every_pair() -> None:
    """Of which each fires in some, and stays silent in others."""
    for pair in PAIRS:
        fires = [detection_seconds(pair, 99.9, errors) <= minutes * 60 for errors, minutes in ROWS.values()]
        assert any(fires)
        assert not all(fires)
    assert detection_seconds(PAIRS[0], 99.9, ROWS["below"][0]) == inf


def test_spikes_that_no_duration_would_tell_page_at_once(hours: Recorded) -> None:
    """Five minutes of every ten: an alert that must hold for an hour stays silent while each takes 12 % of the budget."""
    fired = hours.fired("spikes", alertname="SloErrorBudgetBurn", window="1h")
    assert 51.84 - SCRAPE <= fired[0] - FAILS <= 51.84 + EVALUATION + SCRAPE
    assert SPIKES.between(FAILS, FAILS + 600)[1] / (0.001 * 100 * 30 * DAY) == pytest.approx(0.12, abs=0.005)
