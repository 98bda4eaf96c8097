"""The pairs of windows whose burn rates alert: which can fire at an objective, the loader and the rules must agree."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final


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


def objective_ratio(objective: float) -> Decimal:
    """Return an objective in per cent as a ratio, without the noise of binary floats: 99.9 → 0.999."""
    return Decimal(str(objective)) / 100


def pairs_that_can_fire(objective: float) -> tuple[Pair, ...]:
    """Return the window pairs of which a total outage would be noticed at this *objective* (per cent)."""
    return tuple(pair for pair in PAIRS if pair.can_fire(objective_ratio(objective)))
