"""The small values of a catalog: durations and hours of the week."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from .wording import quoted, shown

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION: Final = r"(?:[0-9]{1,15}(?:ms|s|m|h|d|w))+"
_LONGEST: Final = 100 * 365 * 86400.0  # seconds; Prometheus itself counts to 292 years
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS: Final = re.compile(
    r"(?:(?P<first>[A-Za-z]{3,9})(?:-(?P<last>[A-Za-z]{3,9}))? +)?(?P<start>[0-9]{1,2}:[0-9]{2})"
    r"-(?P<end>[0-9]{1,2}:[0-9]{2})"
)
_HOURS_RULE: Final = 'write such as "Mon-Fri 08:00-20:00" or "07:00-23:00 Europe/Berlin"'


class _Text:
    """A value that is written as one string in the catalog."""

    _PATTERN: ClassVar[str]

    @classmethod
    def parse(cls, text: Any) -> Any:
        """Return the value that *text* says; a ValueError's message says the rule and an example."""
        raise TypeError(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": cls._PATTERN}


@dataclass(frozen=True, order=True)
class Duration(_Text):
    """A length of time in seconds; written as Prometheus writes it: ``300ms``, ``10m``, ``1h30m``, ``30d``."""

    seconds: float
    _PATTERN: ClassVar[str] = f"^{_DURATION}$"

    @classmethod
    def parse(cls, text: Any) -> "Duration":
        """Return the duration that *text* says."""
        if isinstance(text, Duration):
            return text
        if not isinstance(text, str) or not re.fullmatch(_DURATION, text):
            rule = "write a number and a unit, such as 300ms, 30s, 10m, 1h30m or 30d"
            raise ValueError(f"{shown(text)} is not a duration; {rule}")
        seconds = _seconds(text)
        if seconds > _LONGEST:
            raise ValueError(f"{quoted(text)} is longer than a hundred years; write a shorter time")
        return cls(seconds)

    def __str__(self) -> str:
        return _spelled(round(self.seconds * 1000))


@lru_cache(1024)
def _seconds(text: str) -> float:
    return round(sum(int(n) * _UNITS[u] for n, u in re.findall(r"([0-9]+)(ms|[smhdw])", text)), 3)


@lru_cache(1024)
def _spelled(milliseconds: int) -> str:
    left, parts = milliseconds, []
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, round(_UNITS[unit] * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


@dataclass(frozen=True)
class HoursRange:
    """One stretch: days of the week as indices (0 is Monday); start and end in minutes, 0 <= start < end <= 1440."""

    days: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Hours(_Text):
    """Hours of the week: ``Mon-Fri 08:00-20:00``, ``07:00-23:00 Europe/Berlin``; several are divided by commas.

    A range over midnight is kept as two. *timezone* is None where the text names none.
    """

    ranges: tuple[HoursRange, ...]
    timezone: str | None
    text: str
    _PATTERN: ClassVar[str] = r"[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}"

    @classmethod
    def parse(cls, text: Any) -> "Hours":
        """Return the hours that *text* says."""
        if isinstance(text, Hours):
            return text
        if not isinstance(text, str):
            raise ValueError(f"{shown(text)} is not hours; {_HOURS_RULE}")
        body, timezone = _split_timezone(text.strip())
        ranges = [piece for part in body.split(",") for piece in _parse_range(part.strip(), text)]
        return cls(tuple(ranges), timezone, text)

    def __str__(self) -> str:
        return self.text


def check_timezone(name: str) -> str:
    """Return *name* if it is a time zone of the IANA database, else raise ValueError."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{quoted(name)} is not a time zone; write an IANA name such as Europe/Berlin or UTC"
        ) from None
    return name


def _split_timezone(text: str) -> tuple[str, str | None]:
    head, _, tail = text.rpartition(" ")
    if head and ("/" in tail or not re.search("[0-9]", tail)):
        return head.strip(), check_timezone(tail)
    return text, None


def _parse_range(part: str, whole: str) -> list[HoursRange]:
    found = _HOURS.fullmatch(part)
    if not found:
        raise ValueError(f"{quoted(whole)} is not hours; {_HOURS_RULE}")
    days = _days(found["first"], found["last"])
    start, end = _minutes(found["start"]), _minutes(found["end"])
    if start == end:
        raise ValueError(f"{quoted(part)} is an empty range; start and end must differ (00:00-24:00 is the whole day)")
    if start == 1440:
        raise ValueError(f"{quoted(part)} begins at 24:00; write 00:00 of the next day")
    if start < end:
        return [HoursRange(days, start, end)]
    tomorrow = tuple(sorted((day + 1) % 7 for day in days))
    pieces = [HoursRange(days, start, 1440)]
    return [*pieces, HoursRange(tomorrow, 0, end)] if end else pieces


def _days(first: str | None, last: str | None) -> tuple[int, ...]:
    if first is None:
        return tuple(range(7))
    begin = _day(first)
    end = _day(last) if last else begin
    length = (end - begin) % 7 + 1
    return tuple(sorted((begin + n) % 7 for n in range(length)))


def _day(name: str) -> int:
    for index, day in enumerate(DAYS):
        if len(name) >= 3 and day.startswith(name.lower()):
            return index
    raise ValueError(f"{quoted(name)} is not a day; write Mon, Tue, Wed, Thu, Fri, Sat or Sun")


def _minutes(clock: str) -> int:
    hour, minute = (int(piece) for piece in clock.split(":"))
    total = hour * 60 + minute
    if minute > 59 or total > 1440:
        raise ValueError(f"{quoted(clock)} is not a time of day; write 00:00 to 24:00")
    return total
