"""Traffic as counters write it, and what a budget truly is after it: to judge what rules make of the same counters."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf

DAY = 86_400
HOUR = 3_600
Samples = list[tuple[float, float]]


@dataclass(frozen=True)
class Phase:
    """From *start*, in seconds: events a second, and the share of them that fails."""

    start: float
    pace: float
    errors: float = 0.0


@dataclass(frozen=True)
class Traffic:
    """Phases after each other; before the first there is nothing."""

    phases: Sequence[Phase]

    def events(self, at: float) -> tuple[float, float]:
        """Return the good and the bad events until a second."""
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return 0.0, 0.0
        (good, bad), phase = self._before[index], self.phases[index]
        events = phase.pace * (at - phase.start)
        return good + events * (1 - phase.errors), bad + events * phase.errors

    @cached_property
    def _starts(self) -> list[float]:
        return [phase.start for phase in self.phases]

    @cached_property
    def _before(self) -> list[tuple[float, float]]:
        """The good and the bad events before each phase."""
        found = [(0.0, 0.0)]
        for phase, following in pairwise(self.phases):
            (good, bad), events = found[-1], phase.pace * (following.start - phase.start)
            found.append((good + events * (1 - phase.errors), bad + events * phase.errors))
        return found

    def between(self, start: float, end: float) -> tuple[float, float]:
        """Return the good and the bad events between two seconds."""
        (good, bad), (good_before, bad_before) = self.events(end), self.events(start)
        return good - good_before, bad - bad_before

    def remaining(self, at: float, *, budget: float = 0.001, days: float = 30) -> float:
        """Return what is left of the budget: of younger traffic, the period is taken to go on as it went."""
        start = max(self.phases[0].start, at - days * DAY)
        good, bad = self.between(start, at)
        return 1 - bad / (budget * (good + bad)) * (at - start) / (days * DAY)

    def counters(
        self, job: str, times: Iterable[float], *, share: float = 1, born: Sequence[float] = (0,), **labels: str
    ) -> dict[str, Samples]:
        """Return the counters of an instance that gets a *share*, and begins at 0 each time that it is born."""
        lives = list(pairwise([*born, inf]))
        found: dict[str, Samples] = {name: [] for name in _names(job, labels)}
        life = 0
        for at in times:
            while at >= lives[life][1]:
                life += 1
            if at >= lives[0][0]:
                for samples, events in zip(found.values(), self.between(lives[life][0], at), strict=True):
                    samples.append((at, share * events))
        return found


def _names(job: str, labels: Mapping[str, str]) -> Iterator[str]:
    for status, more in (("200", {}), ("500", {"error_type": "500"})):
        own = {"http_request_method": "GET", "http_route": "/", "http_response_status_code": status, "job": job}
        inside = ",".join(f'{name}="{value}"' for name, value in {**own, **more, **labels}.items())
        yield f"http_server_request_duration_seconds_count{{{inside}}}"
