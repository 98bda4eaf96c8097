"""The arithmetic of burn rates: the SRE workbook's numbers, and what must hold for any objective."""

from decimal import Decimal
from math import inf, isclose

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seawall.catalog import PAIRS, Duration, Pair, Service, Slo, objective_ratio, pairs_that_can_fire
from seawall.generator import load_packs
from seawall.generator.slo import SECONDS, budget_spent, detection_seconds
from seawall.generator.slo_facts import slo_facts

MONTH = 30 * 86400.0
FAST, SLOW, DAY, DAYS = PAIRS
objectives = st.floats(0.001, 99.99999)
pairs = st.sampled_from(PAIRS)
errors = st.floats(1e-6, 1.0)


def test_the_pairs_are_the_workbooks() -> None:
    """Table 5-8, with the day between the page and the three days."""
    expected = [
        ("1h", "5m", 14.4, "page"),
        ("6h", "30m", 6, "page"),
        ("1d", "2h", 3, "ticket"),
        ("3d", "6h", 1, "ticket"),
    ]
    assert expected == [(pair.window, pair.short, pair.factor, pair.severity) for pair in PAIRS]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.window)
def test_the_short_window_is_a_twelfth_of_the_long_one(pair: Pair) -> None:
    """So that the alert ends soon after the errors do."""
    assert SECONDS[pair.window] == 12 * SECONDS[pair.short]


@pytest.mark.parametrize(("pair", "spent"), [(FAST, 0.02), (SLOW, 0.05), (DAY, 0.10), (DAYS, 0.10)])
def test_the_share_of_a_month_that_is_spent_when_a_pair_fires(pair: Pair, spent: float) -> None:
    """2 % for the fast page, 5 % for the slow one, 10 % for the tickets."""
    assert isclose(spent, budget_spent(pair, MONTH))


@pytest.mark.parametrize(
    ("pair", "error_ratio", "seconds"),
    [
        (FAST, 1.0, 51.84),
        (FAST, 0.15, 345.6),
        (FAST, 0.10, 518.4),
        (FAST, 0.02, 2592),
        (FAST, 0.015, 3456),
        (FAST, 0.0143, inf),
        (SLOW, 1.0, 129.6),
        (SLOW, 0.15, 864),
        (SLOW, 0.02, 6480),
        (DAY, 1.0, 259.2),
        (DAYS, 1.0, 259.2),
        (DAYS, 0.005, 14.4 * 3600),
        (DAYS, 0.002, 36 * 3600),
    ],
)
def test_the_time_that_a_constant_error_ratio_takes_to_fire(pair: Pair, error_ratio: float, seconds: float) -> None:
    """At 99.9 %: the chapter's formula, and for 1.43 % of errors the fast page stays silent for ever."""
    assert isclose(seconds, detection_seconds(pair, 99.9, error_ratio))


@pytest.mark.parametrize(
    ("objective", "windows"),
    [
        (99.9, ["1h", "6h", "1d", "3d"]),
        (93.1, ["1h", "6h", "1d", "3d"]),
        (93.05, ["6h", "1d", "3d"]),
        (83.4, ["6h", "1d", "3d"]),
        (83.3, ["1d", "3d"]),
        (66.6, ["3d"]),
        (0.1, ["3d"]),
    ],
)
def test_a_pair_that_a_total_outage_cannot_fire_is_left_out(objective: float, windows: list[str]) -> None:
    """Its factor times the budget is 1 or more, and no error ratio is above 1."""
    assert windows == [pair.window for pair in pairs_that_can_fire(objective)]


def test_a_pair_whose_factor_is_just_what_an_outage_burns_cannot_fire() -> None:
    """A comparison with 1 is not satisfied by 1."""
    assert not Pair("1h", "5m", 10, "page").can_fire(Decimal("0.9"))
    assert Pair("1h", "5m", 10, "page").can_fire(Decimal("0.900001"))


@given(low=objectives, high=objectives)
def test_a_higher_objective_never_leaves_fewer_pairs(low: float, high: float) -> None:
    """Its budget is smaller, and every outage burns it faster."""
    low, high = sorted((low, high))
    assert set(pairs_that_can_fire(low)) <= set(pairs_that_can_fire(high))


@given(pair=pairs, objective=objectives)
def test_a_pair_can_fire_where_a_total_outage_is_detected(pair: Pair, objective: float) -> None:
    """The list of pairs and the time of detection agree, within the whole long window."""
    budget = float(1 - objective_ratio(objective))
    assume(not isclose(pair.factor * budget, 1, rel_tol=1e-9))
    seconds = detection_seconds(pair, objective, 1.0)
    assert (pair in pairs_that_can_fire(objective)) == (seconds < inf)
    assert seconds == inf or seconds <= SECONDS[pair.window]


@given(pair=pairs, objective=objectives, few=errors, many=errors)
def test_more_errors_never_take_longer(pair: Pair, objective: float, few: float, many: float) -> None:
    """Detection is monotonic in the error ratio."""
    few, many = sorted((few, many))
    assert detection_seconds(pair, objective, many) <= detection_seconds(pair, objective, few)


@given(pair=pairs, low=objectives, high=objectives, error_ratio=errors)
def test_a_higher_objective_never_takes_longer(pair: Pair, low: float, high: float, error_ratio: float) -> None:
    """Detection is monotonic in the objective."""
    low, high = sorted((low, high))
    assert detection_seconds(pair, high, error_ratio) <= detection_seconds(pair, low, error_ratio)


@given(pair=pairs, objective=st.floats(93.1, 99.999), above=st.floats(0.001, 1.0), days=st.integers(3, 366))
def test_the_budget_that_is_spent_is_what_the_errors_until_then_cost(
    pair: Pair, objective: float, above: float, days: int
) -> None:
    """Whatever the error ratio: time to fire × errors = share of the period's budget."""
    budget = float(1 - objective_ratio(objective))
    error_ratio = pair.factor * budget + above * (1 - pair.factor * budget)
    seconds = detection_seconds(pair, objective, error_ratio)
    assert isclose(budget_spent(pair, days * 86400), seconds * error_ratio / (budget * days * 86400), rel_tol=1e-9)


@given(thousandths=st.integers(1, 99_999))
def test_an_objective_is_a_ratio_without_the_noise_of_floats(thousandths: int) -> None:
    """What a person writes in per cent comes out digit by digit."""
    assert Decimal(thousandths) / 100_000 == objective_ratio(thousandths / 1000)


@pytest.mark.parametrize(("floor", "many"), [(None, 1000), (1, 1000), (1000, 1000), (2500, 2500)])
def test_a_minute_of_bad_events_of_a_proof_meets_the_floor(floor: int | None, many: int) -> None:
    """A thousand are many; a floor above that is met by just as many."""
    slo = Slo(sli="availability", objective=99.9, window=Duration(MONTH), floor=floor)
    service = Service(name="checkout", kind="http", team="payments", slos={"availability": slo})
    facts = slo_facts(service, "availability", slo, load_packs().dialect_of(service.model_copy(update={"dialect": "otel"})))  # fmt: skip
    assert many == facts.many >= facts.floor
