"""The arithmetic of error budgets: knows nothing of services, rules or formats."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

MAX_WEIGHT: Final = 50
BOOTSTRAP_DAYS: Final = 7
RAW_WINDOWS: Final = ("5m", "30m", "1h")
QUICK_WINDOWS: Final = ("2h", "6h")  # chained from those, as often
SLOW_WINDOWS: Final = ("1d", "3d")  # chained from those, every five minutes
SECONDS: Final = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "1d": 86400, "3d": 259200}


@dataclass(frozen=True)
class Pair:
    """A long and a short window with the burn rate that both must exceed; from the SRE workbook, chapter 5."""

    window: str
    short: str
    factor: float
    severity: str

    def can_fire(self, objective: Decimal) -> bool:
        """Whether a total outage exceeds the factor: an error ratio cannot exceed 1."""
        return Decimal(str(self.factor)) * (1 - objective) < 1


PAIRS: Final = (
    Pair("1h", "5m", 14.4, "page"),
    Pair("6h", "30m", 6, "page"),
    Pair("1d", "2h", 3, "ticket"),
    Pair("3d", "6h", 1, "ticket"),
)


def ratio(objective: float) -> Decimal:
    """Return an objective in per cent as a ratio, without the noise of binary floats: 99.9 → 0.999."""
    return Decimal(str(objective)) / 100


def pairs_that_can_fire(objective: float) -> tuple[Pair, ...]:
    """Return the window pairs of which a total outage would be noticed at this *objective* (per cent)."""
    return tuple(pair for pair in PAIRS if pair.can_fire(ratio(objective)))


def detection_seconds(pair: Pair, objective: float, error_ratio: float) -> float:
    """Return the seconds that a constant *error_ratio* takes to fire *pair* after a healthy long window, or inf."""
    threshold = pair.factor * float(1 - ratio(objective))
    return SECONDS[pair.window] * threshold / error_ratio if error_ratio > threshold else float("inf")


def budget_spent(pair: Pair, period_seconds: float) -> float:
    """Return the share of the period's budget that is gone when *pair* fires, at steady traffic."""
    return pair.factor * SECONDS[pair.window] / period_seconds
