"""Axes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.portal.scales import Scale, time_ticks, value_ticks


@pytest.mark.parametrize(
    ("low", "high", "unit", "expected"),
    [
        (0.0, 1.0, "short", [0.0, 0.25, 0.5, 0.75, 1.0]),
        (0.0, 87.0, "short", [0.0, 25.0, 50.0, 75.0, 100.0]),
        (-3.0, 5.0, "short", [-4.0, -2.0, 0.0, 2.0, 4.0, 6.0]),
        (0.0, 3000.0, "bytes", [0.0, 1024.0, 2048.0, 3072.0]),
        (5.0, 5.0, "short", [2.0, 4.0, 6.0, 8.0]),
        (0.0, 0.0, "short", [-0.5, -0.25, 0.0, 0.25, 0.5]),
        (0.0, 5e-324, "short", [-0.5, -0.25, 0.0, 0.25, 0.5]),
        (1e16, 1e16 + 2, "short", [0.5e16, 0.75e16, 1e16, 1.25e16, 1.5e16]),
    ],
)
def test_value_ticks_are_round(low: float, high: float, unit: str, expected: list[float]) -> None:
    """And enclose the values."""
    assert expected == pytest.approx(value_ticks(low, high, unit=unit))


@settings(deadline=None)  # the machine may be busy
@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12), st.sampled_from(["short", "bytes"]))
def test_value_ticks_enclose_what_they_are_for(low: float, length: float, unit: str) -> None:
    """Few of them, whatever the numbers."""
    high = low + length
    ticks = value_ticks(low, high, unit=unit)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert 2 <= len(ticks) <= 9
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack


@pytest.mark.parametrize("hours", [1, 3, 6, 24, 24 * 7])
def test_time_ticks_are_round_moments_of_the_window(hours: int) -> None:
    """At most seven, evenly spread."""
    start = 1_795_773_617.0
    ticks = time_ticks(start, start + hours * 3600)
    steps = {later - earlier for (earlier, _), (later, _) in pairwise(ticks)}
    assert 3 <= len(ticks) <= 7
    assert len(steps) == 1
    assert all(start <= at <= start + hours * 3600 and at % 60 == 0 for at, _ in ticks)


def test_a_day_is_named_where_days_are_shown() -> None:
    """Hours would all be 00:00."""
    assert time_ticks(1_795_773_600.0, 1_795_773_600.0 + 5 * 86400)[0][1] == "28 Nov"


def test_a_scale_maps_ends_to_ends() -> None:
    """Downwards as well."""
    scale = Scale(0.0, 10.0, 100.0, 20.0)
    assert [scale(0.0), scale(5.0), scale(10.0)] == [100.0, 60.0, 20.0]
