"""What an override may say of an alert: the numbers and times with which it can still fire and still be quiet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from seawall.catalog import AlertOverride, Duration

from .sources import Node
from .text import Template, number

KEYS: Final = frozenset({"least", "over", "under", "for_at_most"})
_LONGEST: Final = 86400.0  # seconds; a proof plays each minute of it, and nobody waits for a day to be told


@dataclass(frozen=True)
class Limits:
    """The bounds of one alert's threshold and ``for``; *for_at_most*, in seconds, may speak of the threshold."""

    least: float | None = None
    over: float | None = None
    under: float | None = None
    for_at_most: Template | None = None

    def longest(self, bound: str, threshold: float | None) -> float:
        """Return how long the condition can hold: with a longer ``for`` the alert could never fire."""
        if self.for_at_most is None:
            return _LONGEST
        seconds = float(self.for_at_most.render({bound: threshold} if bound else {}))
        return min(max(seconds, 0.0), _LONGEST)

    def refusals(
        self, bound: str, threshold: float | None, for_: Duration, override: AlertOverride
    ) -> Iterator[tuple[str, str]]:
        """Yield the fields of *override* that cannot hold, each with what is wrong and the mend."""
        given = override.above if bound == "above" else override.below
        if given is not None and (mend := self._mend(given)):
            yield bound, f"{bound} is {number(given)}; write a number {mend}"
            return
        most = self.longest(bound, threshold)
        if for_.seconds > most and (override.for_ or given is not None):
            field = "for" if override.for_ else bound
            lasts = f"its condition lasts {Duration(most)} at most" if self.for_at_most else "that is more than a day"
            mend = "write a shorter for" + (f", or another {bound}" if given is not None else "")
            yield field, f"it waits for {for_}, and {lasts}; {mend}"

    def _mend(self, given: float) -> str:
        if self.least is not None and given < self.least:
            return f"from {number(self.least)}"
        if self.over is not None and given <= self.over:
            return f"above {number(self.over)}"
        if self.under is not None and given >= self.under:
            return f"below {number(self.under)}"
        return ""


def read_limits(fields: Mapping[str, Node], for_at_most: Template | None) -> Limits:
    """Return the limits that a pack declares of an alert; where it is silent, a threshold is above 0."""
    numbers = {key: fields[key].number(key) for key in ("least", "over", "under") if key in fields}
    if "least" not in numbers:
        numbers.setdefault("over", 0.0)
    return Limits(**numbers, for_at_most=for_at_most)
