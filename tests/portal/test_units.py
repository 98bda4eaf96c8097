"""Numbers as people read them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.portal.units import duration_text, format_value, iso, utc


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.0, "short", "0"),
        (3.14159, "short", "3.14"),
        (31.4159, "short", "31.4"),
        (100.0, "short", "100"),
        (12_345.0, "short", "12.3k"),
        (-2_500_000.0, "short", "-2.5M"),
        (0.00001234, "short", "1.2e-05"),
        (0.9995, "percentunit", "99.95 %"),
        (0.5, "ratio", "50 %"),
        (42.0, "percent", "42 %"),
        (0.25, "s", "250 ms"),
        (0.00025, "s", "250 µs"),
        (1.5, "s", "1.5 s"),
        (600.0, "s", "10 min"),
        (7200.0, "s", "2 h"),
        (172_800.0, "s", "2 d"),
        (250.0, "ms", "250 ms"),
        (0.0, "s", "0 s"),
        (1536.0, "bytes", "1.5 KiB"),
        (1024.0**3, "bytes", "1 GiB"),
        (10.0, "bytes", "10 B"),
        (2048.0, "Bps", "2 KiB/s"),
        (12.0, "reqps", "12 req/s"),
        (1200.0, "reqps", "1.2k req/s"),
        (7.0, "an-unknown-unit", "7"),
        (None, "short", "–"),
        (math.nan, "s", "–"),
        (math.inf, "s", "∞"),
        (-math.inf, "bytes", "-∞"),
    ],
)
def test_a_value_is_told_with_its_unit(value: float | None, unit: str, expected: str) -> None:
    """In three or four significant digits."""
    assert expected == format_value(value, unit)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (12, "12 s"),
        (60, "1 min"),
        (250, "4 min 10 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
        (86_400 * 3 + 59, "3 d"),
        (-5, "0 s"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, expected: str) -> None:
    """The smaller ones do not matter any more."""
    assert expected == duration_text(seconds)


def test_times_are_utc() -> None:
    """For people and for machines."""
    assert (utc(1795773600), iso(1795773600)) == ("2026-11-27 10:00:00 UTC", "2026-11-27T10:00:00Z")


def test_a_time_that_no_calendar_holds_is_a_dash() -> None:
    """Hostile numbers come in by webhooks and metrics."""
    assert [utc(math.nan), utc(math.inf), utc(1e30)] == ["–", "–", "–"]


@settings(deadline=None)  # the machine may be busy
@given(st.floats(), st.sampled_from(["short", "s", "bytes", "percentunit", "reqps"]))
def test_every_number_can_be_told(value: float, unit: str) -> None:
    """No float raises or fills a page."""
    assert len(format_value(value, unit)) < 320
