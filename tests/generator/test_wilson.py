"""The bound of low traffic: the lower end of Wilson's interval, as statistics give it by hand."""

import re
from math import inf, isclose, sqrt
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.generator.slo_chain import _events, _lower, _recorded

# Values of the binomial 95 % interval that are solved from |p - x/n| = z sqrt(p (1 - p) / n) by hand.
BY_HAND = [
    (1, 10, 95, 0.017876),
    (0, 10, 95, 0.0),
    (10, 10, 95, 0.722467),
    (5, 10, 95, 0.236593),
    (1, 10, 50, 0.052450),
]
COUNTS = st.integers(1, 100_000).flatmap(lambda many: st.tuples(st.integers(0, many), st.just(many)))
CONFIDENCES = st.floats(50, 99.99)


def lower(bad: int, many: int, percent: float) -> float:
    """Return what the rule's own PromQL gives: its series put in as numbers, its arithmetic left as it stands."""
    bound = _lower("1h", percent).partition(" and on ")[0]
    for text, value in (
        (_events("total", "1h"), many),
        (_recorded("bad", "1h"), bad),
        (_recorded("total", "1h"), many),
    ):
        assert text in bound
        bound = bound.replace(f"({text} > 0)", repr(float(value))).replace(text, repr(float(value)))
    assert re.fullmatch(r"[-+*/() .\de]|(?:[-+*/() .\de]|sqrt)+", bound)
    return float(eval(bound, {"sqrt": lambda x: sqrt(max(x, 0.0))}))


def residue(p: float, bad: int, many: int, percent: float) -> float:
    """Return how many standard deviations *p* is below the ratio that was seen, less those of *percent*."""
    deviation = sqrt(p * (1 - p) / many)
    return ((bad / many - p) / deviation if deviation else inf) - NormalDist().inv_cdf(0.5 + percent / 200)


@pytest.mark.parametrize(("bad", "many", "percent", "expected"), BY_HAND)
def test_the_bound_is_that_of_the_book(bad: int, many: int, percent: float, expected: float) -> None:
    """Few events say little: one of ten that failed may be one of fifty."""
    assert isclose(expected, lower(bad, many, percent), abs_tol=2e-6)


@given(counts=COUNTS, percent=CONFIDENCES)
def test_the_bound_is_as_many_deviations_below_as_the_confidence_asks(counts: tuple[int, int], percent: float) -> None:
    """Of the ratio that it supposes, and not of the one that was seen: Wilson's own equation."""
    bad, many = counts
    bound = lower(bad, many, percent)
    if bad:
        assert abs(residue(bound, bad, many, percent)) < 1e-4
    else:
        assert abs(bound) < 1e-9


@given(counts=COUNTS, percent=CONFIDENCES)
def test_the_bound_is_between_nothing_and_what_was_seen(counts: tuple[int, int], percent: float) -> None:
    """A burn rate from it never pages before the plain one."""
    bad, many = counts
    assert -1e-9 <= lower(bad, many, percent) <= bad / many + 1e-9


@given(counts=COUNTS, percent=CONFIDENCES, times=st.integers(2, 100))
def test_more_events_of_one_ratio_raise_the_bound(counts: tuple[int, int], percent: float, times: int) -> None:
    """And more confidence lowers it."""
    bad, many = counts
    assert lower(bad, many, percent) <= lower(bad * times, many * times, percent) + 1e-9
    assert lower(bad, many, percent) <= lower(bad, many, 50) + 1e-9


def test_the_bound_is_of_the_slos_that_ask_for_its_confidence() -> None:
    """Each confidence has a rule, and each SLO one of them."""
    assert _lower("5m", 95).endswith(" and on (job, slo) (seawall:slo_confidence:percent == 95)")
