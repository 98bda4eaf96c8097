"""The arithmetic of error budgets: knows nothing of services, rules or formats."""

import math
from typing import Final

from seawall.catalog import Pair, objective_ratio

MAX_WEIGHT: Final = 50
BOOTSTRAP_DAYS: Final = 7
RAW_WINDOWS: Final = ("5m", "30m", "1h")
QUICK_WINDOWS: Final = ("2h", "6h")  # chained from those, as often
SLOW_WINDOWS: Final = ("1d", "3d")  # chained from those, every five minutes
_MOST_BAD: Final = 0.9  # of all events
_ABOVE: Final = 1.5  # times what is allowed
SECONDS: Final = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "1d": 86400, "3d": 259200}


def detection_seconds(pair: Pair, objective: float, error_ratio: float) -> float:
    """Return the seconds that a constant *error_ratio* takes to fire *pair* after a healthy long window, or inf."""
    threshold = pair.factor * float(1 - objective_ratio(objective))
    return SECONDS[pair.window] * threshold / error_ratio if error_ratio > threshold else float("inf")


def budget_spent(pair: Pair, period_seconds: float) -> float:
    """Return the share of the period's budget that is gone when *pair* fires, at steady traffic."""
    return pair.factor * SECONDS[pair.window] / period_seconds


def spending(allowed: float, period_days: float, left_days: float) -> tuple[float, float]:
    """Return days of a constant error ratio, and that ratio, which leave a budget for *left_days* or fewer.

    *allowed* is 1 − objective. The ratio exceeds it, and the days are few enough that something of the budget is left.
    """
    days = math.ceil(max(1.0, allowed * period_days / _MOST_BAD))
    share = max(days / (days + left_days), _ABOVE * days / period_days)
    return days, share * allowed * period_days / days
