"""Axes: round ticks for values and for times, and the mapping of numbers to pixels."""

import math
from dataclasses import dataclass
from typing import Final

from .units import SECONDS, utc

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIME_STEPS: Final = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400, 172800, 604800)
_DAY: Final = 86400
_BINARY_UNITS: Final = ("bytes", "Bps", "binBps")
_LARGEST: Final = 1e300  # beyond it the length of an axis may be infinite
_SMALLEST: Final = 1e-100  # below it a step is none
_FINEST: Final = 1e-12  # of a value; finer than it ticks are all the same


@dataclass(frozen=True)
class Scale:
    """Maps *low*..*high* to *first*..*last* linearly; values outside stay outside."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        """Return the pixel of *value*, to a tenth."""
        return round(self.first + (value - self.low) / (self.high - self.low) * (self.last - self.first), 1)


def is_drawn(value: float) -> bool:
    """Whether *value* has a place on an axis: NaN, infinity and what is as good as infinite have none."""
    return abs(value) <= _LARGEST


def value_ticks(low: float, high: float, count: int = 4, unit: str = "short") -> list[float]:
    """Return about *count* round values that enclose *low*..*high*: bytes in powers of two, times in minutes and hours.

    A range too short for an axis is widened.
    """
    size = max(abs(low), abs(high))
    if high - low <= max(_SMALLEST, _FINEST * size):
        half = size / 2 if size > _SMALLEST else 0.5
        low, high = low - half, high + half
    step = _step((high - low) / count, unit)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def time_ticks(start: float, end: float, count: int = 6) -> list[tuple[float, str]]:
    """Return about *count* round moments of *start*..*end* in UTC, each with its label."""
    step = next((step for step in _TIME_STEPS if step * count >= end - start), _TIME_STEPS[-1])
    pattern = "%H:%M" if step < 86400 else "%d %b"
    first = math.ceil(start / step) * step
    return [(at, utc(at, pattern)) for at in range(first, math.floor(end) + 1, step)]


def _step(rough: float, unit: str) -> float:
    if unit in _BINARY_UNITS and rough >= 1:
        return float(2 ** math.ceil(math.log2(rough)))
    if unit not in SECONDS:
        return _decimal(rough)
    seconds = rough * SECONDS[unit]
    if seconds > _TIME_STEPS[-1]:
        return _decimal(seconds / _DAY) * _DAY / SECONDS[unit]
    if seconds > _TIME_STEPS[0] / 2:
        return next(step for step in _TIME_STEPS if step >= seconds * (1 - 1e-9)) / SECONDS[unit]
    return _decimal(seconds) / SECONDS[unit]


def _decimal(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor for factor in _STEPS if factor * power >= rough * (1 - 1e-9)) * power
