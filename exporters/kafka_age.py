"""How long messages have waited, found by asking which message was the first of a moment: no message is read."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Partition = tuple[str, int]
"""A topic and the number of a partition."""
Position = tuple[Partition, int]
"""A partition and the offset of a message in it."""
Found = tuple[int, float]
"""An offset, and when its message was written, in seconds since 1970."""
Ask = Callable[[Mapping[Position, float]], Mapping[Position, Found | None]]
"""What was the first message of each partition at a moment or later; None where there was none."""

_YOUNGEST: Final = 1.0
_OLDEST: Final = 400 * 86400.0
_CLOSE: Final = 1.1
"""Bounds as near as this are an answer: eight questions tell a second from a year."""


@dataclass
class _Bounds:
    """The age of a message is from *low* to *high* seconds."""

    low: float = _YOUNGEST
    high: float = _OLDEST

    @property
    def middle(self) -> float:
        return math.sqrt(self.low * self.high)

    @property
    def is_close(self) -> bool:
        return self.high <= self.low * _CLOSE


def ages(positions: set[Position], now: float, ask: Ask, goes_on: Callable[[], bool]) -> dict[Position, float]:
    """Return the seconds that the message at each position has waited at least, within a tenth.

    Where *goes_on* ends the search early, they are what was known by then; what has no answer is left out. Less than a
    second is one second.
    As a broker does, it takes timestamps to rise with the offsets.
    """
    bounds = {position: _Bounds() for position in positions}
    while goes_on():
        asked = {position: now - each.middle for position, each in bounds.items() if not each.is_close}
        if not asked:
            break
        found = ask(asked)
        for position in asked:
            if position in found:
                _narrow(bounds[position], position[1], found[position], now)
            else:
                del bounds[position]
    return {position: each.low for position, each in bounds.items()}


def _narrow(bounds: _Bounds, offset: int, found: Found | None, now: float) -> None:
    middle = bounds.middle
    if found is None or found[0] > offset:
        bounds.low = middle  # it was written before that moment
        return
    age = min(middle, max(_YOUNGEST, now - found[1]))
    bounds.high = max(bounds.low, age)
    if found[0] == offset:
        bounds.low = bounds.high
