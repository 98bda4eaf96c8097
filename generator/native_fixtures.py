"""Fixtures of native histograms: events in one bucket below every threshold, or in one above all of them.

Nothing is interpolated then, and the share of what is quicker than a threshold is exact.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from .text import number

SLOW_BUCKET: Final = "slow_bucket"
_SCHEMA: Final = -4  # the coarsest that there is: few buckets lie between two that are far apart
_FACTOR: Final = 2**2**-_SCHEMA  # between the ends of two buckets after each other; number 0 ends at 1
_QUICK: Final = -1  # ends at 15 millionths


class Level(NamedTuple):
    """How many quick and slow events there were."""

    quick: float = 0
    slow: float = 0


def placed(phases: Sequence[Mapping[str, str]], *, quick: bool, above: float) -> list[dict[str, str]]:
    """Return *phases* of a counter as those of a native histogram: all events quick, or all slower than *above*."""
    slow = str(max(1, math.ceil(math.log(above, _FACTOR)) + 1))
    return [_placed(each, slow, quick=quick) if "per_minute" in each else dict(each) for each in phases]


def _placed(phase: Mapping[str, str], slow: str, *, quick: bool) -> dict[str, str]:
    paces = {"quick_per_minute": "0", "slow_per_minute": "0"}
    paces["quick_per_minute" if quick else "slow_per_minute"] = phase["per_minute"]
    return {**paces, SLOW_BUCKET: slow, **({"for": phase["for"]} if "for" in phase else {})}


def phase(said: Mapping[str, str], start: Level, steps: int) -> tuple[str, Level]:
    """Return promtool's notation for a phase of so many samples, a minute apart, and what it ends with."""
    growth = Level(float(said["quick_per_minute"]), float(said["slow_per_minute"]))
    end = Level(start.quick + growth.quick * steps, start.slow + growth.slow * steps)
    slow = int(said[SLOW_BUCKET])
    return f"{_histogram(start, slow)}+{_histogram(growth, slow)}x{steps - 1}", end


def _histogram(level: Level, slow: int) -> str:
    between = "0 " * (slow - _QUICK - 1)
    counts = f"{number(level.quick)} {between}{number(level.slow)}"
    return f"{{{{schema:{_SCHEMA} count:{number(level.quick + level.slow)} offset:{_QUICK} buckets:[{counts}]}}}}"
