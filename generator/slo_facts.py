"""An SLO as templates see it: numbers as ratios, matchers of what is recorded, and what its alerts say in words."""

from dataclasses import dataclass
from typing import Final

from seawall.catalog import Duration, Pair, Service, Slo, objective_ratio, pairs_that_can_fire

from . import slo as arithmetic
from .dialects import Dialect
from .naming import slo_selector
from .slis import is_timed, slo_events
from .slo_chain import KEPT, PERIOD
from .text import Raw, number

_FLOOR: Final = 10
_FLOOR_SECONDS: Final = 120  # a probe or two that fail are no outage
_MANY: Final = 1000
_SLOWLY: Final = 25  # a proof plays each evaluation of an outage
_LEAST: Final = 0.85  # times the factor, at which a proof still has as many bad events as the floor
_PACED: Final = 3600  # seconds; of a longer window a proof plays every ten minutes, of a shorter one every five
_TOP_WINDOW: Final = "30m"


@dataclass(frozen=True)
class SloFacts:
    """An SLO: *sel* are the matchers of its recorded series.

    *spent*, *top* and ``lasts`` are Prometheus' own templates.
    *objective* and *budget* are ratios, *percent* and *allowed* the same in per cent, *under* is in seconds.
    """

    key: str
    sli: str
    objective: Raw
    percent: float
    budget: Raw
    sel: Raw
    under: float
    under_text: str
    floor: int
    days: float
    allowed: float
    timed: bool
    given: bool
    events: str
    by: tuple[str, ...]
    confidence: float | None
    spent: Raw
    top: Raw

    @property
    def lasts(self) -> Raw:
        """How long what is left of the budget lasts at the alert's own burn rate, which is ``$value``."""
        query = f"clamp_min({remaining(self.sel, self.by)}, 0) * {number(self.days * 86400)} / %f"
        return Raw(_answer(query, (*self.by, None), "humanizeDuration", "a time that nothing tells"))

    @property
    def named(self) -> Raw:
        """The key, and after it the group that an alert is about."""
        group = ", ".join(f"{label} {{{{ $labels.{label} }}}}" for label in self.by)
        return Raw(f"{self.key} ({group})" if group else self.key)

    @property
    def recent(self) -> Raw:
        """Events a second of the last half hour."""
        return Raw(f"slo:total:rate30m{{{self.sel}}}")

    @property
    def yesterday(self) -> Raw:
        """The same a day ago: a region sleeps when another one wakes."""
        return Raw(f"avg_over_time({PERIOD['total']}{{{self.sel}}}[1h] offset 1d)")

    @property
    def counted(self) -> bool:
        """Whether its own events are counted, and no bound but the floor asks for more of them."""
        return not self.timed and not self.given and self.confidence is None

    @property
    def many(self) -> float:
        """Events a minute of a proof: a thousand, or as many as the floor, so that a minute of bad ones meets it."""
        return max(_MANY, self.floor)

    def burning(self, times: float) -> dict[str, float]:
        """Events a minute that burn the budget so many *times* as fast as the objective allows."""
        ratio = times * self.allowed / 100
        return {"bad": self.many, "good": self.many * (1 / ratio - 1), "total": self.many / ratio}

    def spending(self, left: float) -> dict[str, float]:
        """Return events a minute of some bad *hours* after which the budget *lasts* for *left* days, or for fewer.

        *bad_a_day* are seconds, where time is judged.
        """
        allowed = self.allowed / 100
        days, ratio = arithmetic.spending(allowed, self.days, left)
        found = {"bad": self.many, "good": self.many * (1 / ratio - 1), "total": self.many / ratio}
        lasts = allowed * self.days / ratio - days
        a_day = 86400 * ratio if self.timed else 1440 * self.many
        return {**found, "hours": days * 24, "lasts": lasts, "bad_a_day": a_day}


@dataclass(frozen=True)
class BurnFacts:
    """One burn-rate alert of one SLO."""

    slo: SloFacts
    pair: Pair
    spent: float

    @property
    def window(self) -> str:
        """The long window."""
        return self.pair.window

    @property
    def short(self) -> str:
        """The short window."""
        return self.pair.short

    @property
    def window_seconds(self) -> int:
        """The length of the long window."""
        return arithmetic.SECONDS[self.pair.window]

    @property
    def short_seconds(self) -> int:
        """The length of the short window."""
        return arithmetic.SECONDS[self.pair.short]

    @property
    def factor(self) -> float:
        """The burn rate that both windows exceed."""
        return self.pair.factor

    @property
    def severity(self) -> str:
        """Whether it is a page or a ticket."""
        return self.pair.severity

    @property
    def is_chained(self) -> bool:
        """Whether the long window is made from recorded ones."""
        return self.pair.window not in arithmetic.RAW_WINDOWS

    def at(self, times: float) -> dict[str, float]:
        """Events a minute, always as many, that burn the budget so many *times* as fast as this pair waits for."""
        total = self.slo.burning(_LEAST * self.factor)["total"]
        bad = self.ratio(times) * total
        return {"bad": bad, "good": total - bad, "total": total}

    def ratio(self, times: float) -> float:
        """The share of bad events that burns the budget so many *times* as fast as this pair waits for."""
        return times * self.factor * self.slo.allowed / 100

    @property
    def pace(self) -> Duration:
        """How far apart the evaluations of a proof are that plays the short window several times."""
        return Duration(600 if self.short_seconds > _PACED else 300)

    @property
    def played(self) -> int:
        """Minutes in which such a proof fills the short window: whole paces, and so is their third."""
        return int(max(self.short_seconds, 3 * self.pace.seconds)) // 60

    @property
    def is_slow(self) -> bool:
        """Whether the long window is made from samples that are five minutes apart."""
        return self.pair.window in arithmetic.SLOW_WINDOWS

    @property
    def detection(self) -> float:
        """Seconds of a total outage after a long window of health, of which nothing is forgotten where it is slow."""
        seconds = arithmetic.detection_seconds(self.pair, self.slo.percent, 1.0)
        return seconds / (1 - seconds / self.window_seconds) if self.is_slow else seconds

    @property
    def is_swift(self) -> bool:
        """Whether an outage is told before much of the long window is bad, and events tell it and no bound."""
        swift = self.detection < self.window_seconds / (_SLOWLY if self.is_slow else 2)
        return swift and not self.slo.timed and self.slo.confidence is None


def slo_facts(service: Service, key: str, slo: Slo, dialect: Dialect | None) -> SloFacts:
    """Return what the templates say of one SLO."""
    objective = objective_ratio(slo.goal)
    timed = is_timed(slo, dialect)
    sel = Raw(slo_selector(service, key))
    return SloFacts(
        key=key,
        sli=slo.sli,
        objective=Raw(number(float(objective))),
        percent=slo.goal,
        budget=Raw(number(float(1 - objective))),
        sel=sel,
        under=slo.under_seconds,
        under_text=str(slo.under) if slo.under else "",
        floor=floor(slo, dialect),
        days=slo.period_days,
        allowed=float(1 - objective) * 100,
        timed=timed,
        given=slo.is_given,
        events="seconds" if timed else "events",
        by=slo.by,
        confidence=slo.confidence,
        spent=Raw(_answer(f"1 - {remaining(sel, slo.by)}", slo.by, "humanizePercentage", "an unknown share")),
        top=Raw(_top(service, slo, dialect, sel, timed)),
    )


def floor(slo: Slo, dialect: Dialect | None) -> int:
    """Return the bad events, or seconds where time is judged, below which no burn rate alerts."""
    return slo.floor or (_FLOOR_SECONDS if is_timed(slo, dialect) else _FLOOR)


def burns(service: Service, facts: list[SloFacts]) -> list[BurnFacts]:
    """Return the burn-rate alerts that can fire, in the order of the SLOs, the fastest first."""
    return [_burn(each, pair) for each in facts for pair in pairs_that_can_fire(service.slos[each.key].goal)]


def _burn(slo: SloFacts, pair: Pair) -> BurnFacts:
    spent = arithmetic.budget_spent(pair, slo.days * 86400)
    return BurnFacts(slo, pair, spent)


def remaining(sel: str, by: tuple[str, ...]) -> str:
    """Return PromQL, as a format of Go's, for the budget that is left to the group that an alert is about."""
    own = "".join(f",{label}=%q" for label in by)
    return f"last_over_time(slo:budget_remaining:ratio{{{sel}{own}}}[{KEPT}])"


def _answer(query: str, labels: tuple[str | None, ...], how: str, otherwise: str) -> str:
    """Return a template of Prometheus' that asks *query* and writes its one value; None stands for the alert's own."""
    text = _go_string(query)
    if labels:
        values = " ".join(f"$labels.{label}" if label else "$value" for label in labels)
        text = f"printf {text} {values} | query"
    else:
        text = f"query {text}"
    return f"{{{{ with {text} }}}}{{{{ . | first | value | {how} }}}}{{{{ else }}}}{otherwise}{{{{ end }}}}"


def _top(service: Service, slo: Slo, dialect: Dialect | None, sel: str, timed: bool) -> str:
    """Return a template that names what contributes most: the group, or the route of a dialect that tells routes."""
    if slo.by:
        label, bad = slo.by[-1], f"sum by ({slo.by[-1]}) (slo:bad:rate{_TOP_WINDOW}{{{sel}}})"
    elif timed or slo.is_raw or dialect is None or not (label := _route(dialect, slo)):
        return ""
    else:
        events = slo_events(service, slo, dialect, (label,))
        bad = f"sum by ({label}) ({events.bad(_TOP_WINDOW, f'({events.total(_TOP_WINDOW)})')})"
    query = _go_string(f"topk(1, {bad} > 0) / on () group_left () sum({bad})")
    said = f" {{{{ .Value | humanizePercentage }}}} of the bad events of the last {_TOP_WINDOW} have"
    return f"{{{{ range query {query} }}}}{said} {label} {{{{ .Labels.{label} }}}}.{{{{ end }}}}"


def _route(dialect: Dialect, slo: Slo) -> str:
    label = dialect.labels.get("route", dialect.labels.get("destination", ""))
    return "" if slo.sli == "latency" and label in dialect.without else label


def _go_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
