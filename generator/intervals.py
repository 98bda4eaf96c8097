"""Time in Alertmanager's words: the catalog's hours and maintenance windows as time intervals."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from seawall.catalog import Hours, Maintenance, instant

Interval = dict[str, Any]

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SUNDAY: Final = 6
_DAY_END: Final = 1440
_MINUTE: Final = timedelta(minutes=1)
_YEARS: Final = 10


def during(hours: Hours, timezone: str) -> list[Interval]:
    """Return the intervals that hold exactly while *hours* do; *timezone* counts where the hours name none."""
    return _weekly(_minutes_by_day(hours), hours.timezone or timezone)


def outside(hours: Hours, timezone: str) -> list[Interval]:
    """Return the intervals that hold exactly while *hours* do not; none where they are the whole week."""
    gaps = [_gaps(ranges) for ranges in _minutes_by_day(hours)]
    return _weekly(gaps, hours.timezone or timezone)


def maintenance(windows: Iterable[Maintenance], timezone: str, today: date) -> list[Interval]:
    """Return the intervals that hold during *windows*, whole minutes; those that ended before *today* are left out.

    They are written in UTC: an hour that the clocks skip or repeat would be missed or matched twice in local time.
    """
    intervals = list[Interval]()
    for window in windows:
        zone = window.timezone or timezone
        start, end = instant(window.from_, zone), instant(window.to, zone)
        # *today* may be a day ahead of the window's own zone.
        if end.date() + timedelta(days=1) >= today:
            intervals += _dated(*_bounded(_floor(start), _ceil(end), today))
    return intervals


def _minutes_by_day(hours: Hours) -> list[list[tuple[int, int]]]:
    """For each day of the week the covered minutes, sorted and merged."""
    return [_merged((part.start, part.end) for part in hours.ranges if day in part.days) for day in range(7)]


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged = list[tuple[int, int]]()
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _gaps(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    edges = [0, *(minute for pair in ranges for minute in pair), _DAY_END]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


def _weekly(by_day: list[list[tuple[int, int]]], timezone: str) -> list[Interval]:
    """Intervals for each set of days that have the same minutes."""
    grouped = dict[tuple[tuple[int, int], ...], list[int]]()
    for day, ranges in enumerate(by_day):
        if ranges:
            grouped.setdefault(tuple(ranges), []).append(day)
    return [
        _weekdays(days) | {"times": [_times(*pair) for pair in ranges], "location": timezone}
        for ranges, days in grouped.items()
    ]


def _weekdays(days: list[int]) -> Interval:
    """Days as Alertmanager writes them, runs as one: ``monday:friday``; Sunday, where its week begins, is alone."""
    if len(days) == len(_DAYS):
        return {}
    spans = list[list[int]]()
    for day in days:
        if spans and spans[-1][-1] == day - 1 and day != _SUNDAY:
            spans[-1].append(day)
        else:
            spans.append([day])
    return {"weekdays": [":".join(_DAYS[day] for day in sorted({span[0], span[-1]})) for span in spans]}


def _times(start: int, end: int) -> dict[str, str]:
    return {"start_time": _clock(start), "end_time": _clock(end)}


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _bounded(start: datetime, end: datetime, today: date) -> tuple[datetime, datetime]:
    """Cut off years that no longer or not yet matter: a window without end would fill the file."""
    first = max(start, datetime(max(today.year - 1, 1), 1, 1, tzinfo=UTC))
    return first, min(end, datetime(min(first.year + _YEARS, 9998), 1, 1, tzinfo=UTC))


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _ceil(moment: datetime) -> datetime:
    floor = _floor(moment)
    return floor if floor == moment else floor + _MINUTE


def _dated(start: datetime, end: datetime) -> Iterator[Interval]:
    """Divide at midnight: the first day's rest, whole days month by month, the last day's beginning."""
    while start < end:
        if _minute(start) or end - start < timedelta(days=1):
            stop = min(end, _midnight(start) + timedelta(days=1))
            yield _days_of_month(start, start) | {"times": [_times(_minute(start), _minute(stop) or _DAY_END)]}
        else:
            stop = min(_midnight(end), _next_month(start))
            yield _days_of_month(start, stop - timedelta(days=1))
        start = stop


def _days_of_month(first: datetime, last: datetime) -> Interval:
    days = str(first.day) if first.day == last.day else f"{first.day}:{last.day}"
    return {"years": [str(first.year)], "months": [str(first.month)], "days_of_month": [days], "location": "UTC"}


def _minute(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0)


def _next_month(moment: datetime) -> datetime:
    return (moment.replace(day=1) + timedelta(days=31)).replace(day=1)
