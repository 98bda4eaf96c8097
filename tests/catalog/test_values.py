"""Durations and hours: what is written is what is meant, and comes back as it was."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seawall.catalog import Duration, Hours, HoursRange
from seawall.catalog.values import check_timezone


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300ms", 0.3), ("30s", 30), ("10m", 600), ("1h30m", 5400), ("30d", 2592000), ("2w", 1209600), ("0s", 0)],
)
def test_a_duration_is_counted_in_seconds(text: str, seconds: float) -> None:
    """The units are Prometheus'."""
    assert seconds == Duration.parse(text).seconds


@pytest.mark.parametrize(
    "text", ["", "5", "5 m", "m", "-5m", "5M", "1.5h", "٣m", 5, None, [], "9" * 5000 + "d", "101w5y"]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    """With an example of what to write."""
    with pytest.raises(ValueError, match="is not a duration; write a number and a unit"):
        Duration.parse(text)


def test_a_duration_is_a_hundred_years_at_most() -> None:
    """More is a slip of the finger."""
    with pytest.raises(ValueError, match='"999999999999999d" is longer than a hundred years'):
        Duration.parse("999999999999999d")


@settings(deadline=None)
@given(st.integers(0, 100 * 365 * 86400 * 1000))
def test_a_duration_comes_back_as_it_was(milliseconds: int) -> None:
    """str() writes what parse() reads, to the millisecond."""
    duration = Duration(milliseconds / 1000)
    assert duration == Duration.parse(str(duration))


def test_hours_of_the_week_are_ranges_of_minutes() -> None:
    """Days are indices from Monday, and without any it is every day."""
    hours = Hours.parse("Mon-Fri 08:00-20:00, Sat 9:00-12:00")
    assert (HoursRange((0, 1, 2, 3, 4), 480, 1200), HoursRange((5,), 540, 720)) == hours.ranges
    assert (HoursRange((0, 1, 2, 3, 4, 5, 6), 420, 1440),) == Hours.parse("07:00-24:00").ranges


def test_a_range_over_midnight_is_two() -> None:
    """The second lies on the next day, and Sunday's on Monday."""
    assert (HoursRange((6,), 1320, 1440), HoursRange((0,), 0, 360)) == Hours.parse("Sun 22:00-06:00").ranges
    assert (HoursRange((5,), 1320, 1440),) == Hours.parse("Saturday 22:00-00:00").ranges


def test_days_may_wrap_around_the_week() -> None:
    """Fri-Mon is four days."""
    assert Hours.parse("Fri-Mon 08:00-09:00").ranges[0].days == (0, 4, 5, 6)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "Etc/GMT+5"])
def test_hours_may_name_a_time_zone(zone: str) -> None:
    """It stands at the end."""
    hours = Hours.parse(f"Mon-Fri 07:00-23:00 {zone}")
    assert (zone, 1) == (hours.timezone, len(hours.ranges))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "always",
        "9-17",
        "Mon 25:00-26:00",
        "08:60-09:00",
        "08:00-08:00",
        "24:00-08:00",
        "Fir 08:00-09:00",
        "Mo 08:00-09:00",
        "08:00-09:00 Europe/Berln",
        "08:00-09:00,",
        "٠٨:00-09:00",
        8,
        None,
    ],
)
def test_what_is_no_hours_is_refused(text: object) -> None:
    """Each with a sentence."""
    with pytest.raises(ValueError, match=r" is (not|an empty range)| begins at 24:00"):
        Hours.parse(text)


@pytest.mark.parametrize(
    "name", ["", "Europe", "../../etc/passwd", "/etc/passwd", "a\0b", "CEST", "Europe/" + "x" * 5000]
)
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    """Whatever it would be as a path."""
    with pytest.raises(ValueError, match="is not a time zone"):
        check_timezone(name)


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@settings(deadline=None)
@given(
    st.sampled_from(_DAYS),
    st.sampled_from(_DAYS),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.sampled_from(["", " UTC"]),
)
def test_hours_come_back_as_they_were(first: str, last: str, start: int, end: int, zone: str) -> None:
    """str() writes what parse() reads; every range lies within a day, and all of them last as long as was asked."""
    if start == end:
        end = 1440 if start else 1
    text = f"{first}-{last} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}{zone}"
    hours = Hours.parse(text)
    assert hours == Hours.parse(str(hours))
    days = (_DAYS.index(last) - _DAYS.index(first)) % 7 + 1
    assert all(0 <= piece.start < piece.end <= 1440 for piece in hours.ranges)
    assert days * ((end - start) % 1440 or 1440) == sum(
        len(piece.days) * (piece.end - piece.start) for piece in hours.ranges
    )


@settings(deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="MonTueFri0123456789:-, /"), st.integers(), st.none()))
def test_anything_is_hours_or_a_sentence(text: object) -> None:
    """Nothing but ValueError leaves the parsers."""
    for parse in (Hours.parse, Duration.parse):
        try:
            said = str(parse(text))
        except ValueError as error:
            said = str(error)
        assert said
