"""Time intervals against an oracle: the same questions asked of zoneinfo, minute by minute."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seawall.catalog import Hours, Maintenance
from seawall.generator.intervals import Interval, during, maintenance, outside

Holds = Callable[[Sequence[Mapping[str, Any]], datetime], bool]
TODAY = date(2026, 10, 1)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
# Weeks in which clocks are put forward or back somewhere of the above.
WEEKS = (datetime(2026, 3, 23, tzinfo=UTC), datetime(2026, 10, 19, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC))
days = st.integers(0, 6)
clocks = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


def minutes(start: datetime, count: int) -> list[datetime]:
    """*count* moments from *start*, a minute apart."""
    return [start + timedelta(minutes=number) for number in range(count)]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("week", WEEKS, ids=lambda week: f"{week:%m-%d}")
def test_hours_hold_exactly_while_the_local_clock_says_so(zone: str, week: datetime, holds: Holds) -> None:
    """Weekdays from eight to eight and Sunday nights, in weeks in which the clocks change."""
    hours = Hours.parse("Mon-Fri 08:00-20:00, Sun 01:30-03:30")

    def expected(moment: datetime) -> bool:
        local = moment.astimezone(ZoneInfo(zone))
        clock = (local.hour, local.minute)
        weekday = local.weekday() < 5 and (8, 0) <= clock < (20, 0)
        return weekday or (local.weekday() == 6 and (1, 30) <= clock < (3, 30))

    moments = minutes(week, 7 * 1440)
    assert [expected(moment) for moment in moments] == [holds(during(hours, zone), moment) for moment in moments]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(days, days, clocks, clocks).filter(lambda part: part[2] != part[3]), min_size=1, max_size=4))
@example([(0, 6, "00:00", "12:00"), (0, 6, "12:00", "00:00")])
@example([(5, 0, "22:00", "02:00"), (5, 5, "23:00", "23:30")])
def test_outside_is_the_complement_of_during(holds: Holds, parts: list[tuple[int, int, str, str]]) -> None:
    """At every moment exactly one of the two holds, however the ranges overlap or wrap around midnight."""
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    hours = Hours.parse(", ".join(f"{names[a]}-{names[b]} {start}-{end}" for a, b, start, end in parts))
    for moment in (datetime(2026, 10, 23, tzinfo=UTC) + timedelta(minutes=7 * number) for number in range(1440)):
        assert holds(during(hours, "Europe/Berlin"), moment) is not holds(outside(hours, "Europe/Berlin"), moment)


def test_the_zone_that_the_hours_name_counts_before_the_team_s() -> None:
    """``only: "07:00-23:00 Asia/Tokyo"`` means Tokyo whatever the team's zone is."""
    named = during(Hours.parse("07:00-23:00 Asia/Tokyo"), "Europe/Berlin")
    assert named == [{"times": [{"start_time": "07:00", "end_time": "23:00"}], "location": "Asia/Tokyo"}]


def test_nothing_is_outside_of_the_whole_week() -> None:
    """Hours that never end mute nothing, and an interval without times would hold always."""
    assert outside(Hours.parse("00:00-24:00"), "UTC") == []


def test_runs_of_weekdays_are_written_as_one_and_sunday_alone() -> None:
    """Alertmanager's week begins on Sunday: it refuses saturday:sunday."""
    assert [
        span
        for interval in during(Hours.parse("Sat-Tue 08:00-09:00, Thu 08:00-09:00"), "UTC")
        for span in interval["weekdays"]
    ] == ["monday:tuesday", "thursday", "saturday", "sunday"]


def windows(start: datetime, end: datetime, zone: str, today: date = TODAY) -> list[Interval]:
    """The intervals of one declared window."""
    return maintenance([Maintenance.model_validate({"from": start, "to": end, "reason": "x"})], zone, today)


def instant(moment: datetime, zone: str) -> datetime:
    """What zoneinfo says that *moment* is."""
    return moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 1, 30), datetime(2026, 10, 25, 4, 0)),
        ("Europe/Berlin", datetime(2026, 10, 25, 2, 15), datetime(2026, 10, 25, 2, 45)),
        ("Europe/Berlin", datetime(2026, 12, 30, 22, 15), datetime(2027, 1, 1, 1, 30)),
        ("Europe/Berlin", datetime(2027, 3, 28, 1, 30), datetime(2027, 3, 28, 3, 30)),
        ("Europe/Berlin", datetime(2028, 2, 28, 12, 0), datetime(2028, 3, 1, 12, 0)),
        ("America/New_York", datetime(2026, 11, 1, 0, 59), datetime(2026, 11, 2, 0, 0)),
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 1, 45), datetime(2026, 10, 4, 2, 31)),
        ("UTC", datetime(2026, 11, 1, 0, 0), datetime(2026, 12, 1, 0, 0)),
    ],
)
def test_a_window_holds_from_its_start_to_its_end_and_no_minute_more(
    zone: str, start: datetime, end: datetime, holds: Holds
) -> None:
    """Across nights in which the clocks change, leap days and the ends of months and years."""
    first, last = instant(start, zone), instant(end, zone)
    for edge in (first, last):
        moments = minutes(edge - timedelta(hours=4), 8 * 60)
        expected = [first <= moment < last for moment in moments]
        assert expected == [holds(windows(start, end, zone), moment) for moment in moments]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    start=st.datetimes(datetime(2026, 10, 1), datetime(2029, 1, 1)).map(
        lambda moment: moment.replace(second=0, microsecond=0)
    ),
    length=st.integers(1, 3 * 366 * 1440),
    zone=st.sampled_from(ZONES),
    offsets=st.lists(st.integers(-100_000, 100_000), max_size=20),
)
def test_any_window_holds_exactly_while_it_lasts(
    holds: Holds, start: datetime, length: int, zone: str, offsets: list[int]
) -> None:
    """From one minute to three years, in any zone, at its edges and anywhere around."""
    end = start + timedelta(minutes=length)
    first, last = instant(start, zone), instant(end, zone)
    intervals = windows(start, end, zone)
    for edge in (first, last):
        for offset in (*offsets, -1440, -1, 0, 1, 1440):
            moment = edge + timedelta(minutes=offset)
            assert (first <= moment < last) is holds(intervals, moment)


def test_a_window_of_a_year_takes_a_few_lines_not_a_day_each() -> None:
    """Whole days are written month by month."""
    assert len(windows(datetime(2026, 10, 10, 12), datetime(2027, 10, 10, 12), "UTC")) == 15


def test_seconds_are_widened_to_whole_minutes(holds: Holds) -> None:
    """Alertmanager knows minutes alone: 23:59:59 is until midnight."""
    intervals = windows(datetime(2026, 11, 27, 10, 0, 30), datetime(2026, 11, 27, 23, 59, 59), "UTC")
    expected = [{"start_time": "10:00", "end_time": "24:00"}]
    assert expected == intervals[0]["times"]
    assert holds(intervals, datetime(2026, 11, 27, 23, 59, 59, tzinfo=UTC))


def test_a_time_with_an_offset_keeps_it(holds: Holds) -> None:
    """``2026-11-27T10:00:00-05:00`` is that moment, whatever the team's zone is."""
    offset = ZoneInfo("Etc/GMT+5")
    intervals = windows(
        datetime(2026, 11, 27, 10, tzinfo=offset), datetime(2026, 11, 27, 11, tzinfo=offset), "Asia/Tokyo"
    )
    assert [holds(intervals, datetime(2026, 11, 27, hour, 30, tzinfo=UTC)) for hour in (14, 15, 16)] == [
        False,
        True,
        False,
    ]


def test_the_window_s_own_zone_counts_before_the_team_s(holds: Holds) -> None:
    """A window can name the zone of those who do the work."""
    window = Maintenance.model_validate(
        {"from": "2026-11-27T10:00:00", "to": "2026-11-27T11:00:00", "timezone": "Asia/Tokyo", "reason": "x"}
    )
    assert holds(maintenance([window], "Europe/Berlin", TODAY), datetime(2026, 11, 27, 1, 30, tzinfo=UTC))


def test_past_windows_are_left_out_and_today_s_are_kept() -> None:
    """A day is left for zones that are behind of where *today* was asked."""
    past = windows(datetime(2026, 9, 1), datetime(2026, 9, 29, 23), "UTC")
    kept = windows(datetime(2026, 9, 30, 9), datetime(2026, 9, 30, 23), "UTC")
    assert (past, len(kept)) == ([], 1)


def test_a_window_without_end_stays_small() -> None:
    """Years that do not matter yet are cut off, ten are kept; no date of the calendar raises."""
    intervals = windows(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59), "Asia/Tokyo")
    assert (len(intervals), intervals[0]["years"], intervals[-1]["years"]) == (120, ["2025"], ["2034"])
    assert windows(datetime(9999, 12, 31), datetime(9999, 1, 1), "America/New_York", date(9999, 12, 31)) == []
