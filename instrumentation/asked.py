"""Metrics that are asked for when they are told: they cost nothing between two scrapes."""

import os
from collections.abc import Callable, Iterable

from .aggregation import Cells, Counter, Family, Gauge
from .diagnostics import described, say_once
from .memory import Labels

# Answers with every series that there is now; values of one label set add up.
Ask = Callable[[], Iterable[tuple[Labels, float]]]


class AskedGauge(Gauge):
    """Tell how much there is now: series come and go with what *ask* answers; one that raises has none.

    What is not *is_pushed* stands on ``/metrics`` alone.
    """

    def __init__(
        self,
        metric: str,
        help: str,  # noqa: A002
        attributes: Labels,
        ask: Ask,
        *,
        unit: str = "",
        aggregate: str = "sum",
        is_pushed: bool = True,
    ) -> None:
        self._ask = ask
        self._is_pushed = is_pushed
        super().__init__(metric, help, attributes, unit=unit, aggregate=aggregate)

    def sample(self) -> None:
        """Write down what is the case now; what was there before is gone."""
        found = _sums(self, self._ask)
        for labels in [*self._series]:
            if labels not in found:
                self._series[labels][0] = float("nan")
        for labels, value in found.items():
            self.series(labels)[0] = value

    def collect(self) -> list[tuple[Labels, Cells]]:
        """Return what is the case now."""
        return super().collect() if self._is_pushed else []


class AskedCounter(Counter):
    """Tell what something else counts anyway; a forked child tells what came since the fork."""

    def __init__(
        self,
        metric: str,
        help: str,  # noqa: A002
        attributes: Labels,
        ask: Ask,
        *,
        unit: str = "",
        is_pushed: bool = True,
    ) -> None:
        self._ask = ask
        self._is_pushed = is_pushed
        self._told: dict[Labels, float] = {}
        self._process = os.getpid()
        super().__init__(metric, help, attributes, unit=unit)

    def reset(self) -> None:
        """Begin anew; the parent has told what was counted until the fork."""
        super().reset()
        self._told = {}
        if self._process != os.getpid():
            self._process = os.getpid()
            self._told = _sums(self, self._ask)

    def sample(self) -> None:
        """Add what came since the last time."""
        with self._lock:
            for labels, value in _sums(self, self._ask).items():
                told = self._told.get(labels, 0.0)
                self._told[labels] = value
                # Less than before: what counts began anew itself.
                self.add(labels, value - told if value >= told else value)

    def collect(self) -> list[tuple[Labels, Cells]]:
        """Return what was counted until now."""
        if not self._is_pushed:
            return []
        self.sample()
        return super().collect()


def _sums(family: Family, ask: Ask) -> dict[Labels, float]:
    found: dict[Labels, float] = {}
    try:
        for labels, value in ask():
            found[labels] = found.get(labels, 0.0) + value
    except Exception as error:  # noqa: BLE001 - no value is the truth
        say_once(f"Seawall leaves {family.metric} out: {described(error)}")
        return {}
    return found
