"""From recorded event rates to long windows, ratios, burn rates and budgets: one rule for the SLOs of all services.

Every expression holds for SLOs in groups too: series of one SLO match on all labels, beside their ``window``, and what
is said of the SLO as a whole is joined on job and slo.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

from seawall.catalog import Duration

from . import slo as arithmetic
from .text import number

Rule = dict[str, Any]
BADNESS: Final = "seawall:slo_badness:ratio"  # how bad a moment is, for SLOs that judge time
CONFIDENCE: Final = "seawall:slo_confidence:percent"
PERIOD: Final = {kind: f"seawall:slo_{kind}:rate30m_every10m" for kind in ("total", "bad")}
"""What the mean of a period is made from."""
SAMPLED: Final = "seawall:slo_{kind}:rate5m_every5m"
"""What the windows of days are made from."""
SEEN: Final = "seawall:slo_seen:timestamp"
SEEN_HOURLY: Final = f"{SEEN}_hourly"
KEPT: Final = "15m"
"""How far back to look for what is recorded every five minutes: Prometheus itself looks no further than that."""

_ON: Final = "on (job, slo)"
_KINDS: Final = ("total", "bad", "good")
_FIRST_SEEN: Final = f"{SEEN}_min3d"
_AGE: Final = f"(time() - last_over_time({_FIRST_SEEN}[{KEPT}]))"


@dataclass(frozen=True)
class BurnRules:
    """Burn rates of every window; *timed* and *confidences* say whether any SLO judges time or asks for a bound."""

    timed: bool = False
    confidences: tuple[float, ...] = ()

    def quick(self) -> list[Rule]:
        """Return what is recorded as often as the events are."""
        rules = [rule for window in arithmetic.RAW_WINDOWS if self.timed for rule in _timed(window)]
        rules += [_chained(kind, window) for window in arithmetic.QUICK_WINDOWS for kind in _KINDS]
        for window in arithmetic.SECONDS:
            rate = {kind: _recorded(kind, window) for kind in ("total", "bad")}
            ratio = f"{rate['bad']} / ({rate['total']} > 0)"
            rules += [
                _in(window, "slo:error:ratio", ratio),
                _in(window, "slo:burn_rate:ratio", _burn_rate(window)),
                _in(window, "slo:bad:events", self._bad_events(window)),
                *(_in(window, "slo:error_lower:ratio", _lower(window, percent)) for percent in self.confidences),
            ]
        return rules

    def _bad_events(self, window: str) -> str:
        found = _events("bad", window)
        if not self.timed or window not in arithmetic.RAW_WINDOWS:
            return found
        # Where time is judged, a mean speaks of no more of it than was seen.
        seen = f"slo:bad:rate{window} * clamp_max({_AGE}, {arithmetic.SECONDS[window]})"
        return f"({found} unless {_ON} {BADNESS}) or ({seen} and {_ON} {BADNESS})"

    def slow(self) -> list[Rule]:
        """Return what is recorded every five minutes for the windows of days."""
        sampled = [_rule(SAMPLED.format(kind=kind), f"slo:{kind}:rate5m") for kind in _KINDS]
        chained = [_chained(kind, window) for window in arithmetic.SLOW_WINDOWS for kind in _KINDS]
        seen = _rule(SEEN, "0 * slo:total:rate5m + time()")
        first = _rule(_FIRST_SEEN, f"min_over_time({SEEN}[3d])")
        return [*sampled, *chained, seen, first]


def period_rules() -> list[Rule]:
    """Return what is recorded every ten minutes, and averaged over the period.

    Half hours that overlap: where Prometheus misses a scrape or an evaluation, the next ones still have the events.
    """
    return [_rule(PERIOD[kind], f"slo:{kind}:rate30m") for kind in ("total", "bad")]


def hourly_rules() -> list[Rule]:
    """Return when each SLO was seen: of the whole period, once an hour is enough."""
    return [_rule(SEEN_HOURLY, "0 * slo:total:rate1h + time()")]


def budget_rules(periods: list[float]) -> list[Rule]:
    """Return the budgets of the *periods* (seconds) that any SLO has."""
    rules: list[Rule] = []
    for seconds in periods:
        days = seconds / 86400
        only = f"and {_ON} (slo:period:days == {number(days)})"
        window = str(Duration(seconds))
        rules += [_rule(f"seawall:slo_{kind}:mean", f"{_mean(kind, window)} {only}") for kind in ("total", "bad")]
        rules.append(_rule("slo:history:days", f"{_history(window)} {only}"))
    allowed = f"((seawall:slo_total:mean > 0) * {_ON} group_left () ((1 - slo:objective:ratio) * slo:period:days))"
    spent = "seawall:slo_bad:mean * slo:history:days"
    rules.append(_rule("slo:budget_remaining:ratio", f"1 - {spent} / {allowed}"))
    pace = f"(avg_over_time({PERIOD['bad']}[1d]) > 0)"
    lasts = f"clamp_min(slo:budget_remaining:ratio, 0) * {allowed} / {pace}"
    return [*rules, _rule("slo:budget_lasts:days", lasts)]


def _rule(record: str, expr: str) -> Rule:
    return {"record": record, "expr": expr}


def _in(window: str, record: str, expr: str) -> Rule:
    return {"record": record, "expr": expr, "labels": {"window": window}}


def _timed(window: str) -> Iterator[Rule]:
    """Time as events: one a second, bad to the degree that its moments were."""
    bad = f"avg_over_time({BADNESS}[{window}])"
    yield _rule(f"slo:total:rate{window}", f"0 * {bad} + 1")
    yield _rule(f"slo:bad:rate{window}", bad)
    yield _rule(f"slo:good:rate{window}", f"1 - {bad}")


def _chained(kind: str, window: str) -> Rule:
    source = SAMPLED.format(kind=kind) if window in arithmetic.SLOW_WINDOWS else f"slo:{kind}:rate5m"
    return _rule(f"slo:{kind}:rate{window}", f"avg_over_time({source}[{window}])")


def _burn_rate(window: str) -> str:
    total = _recorded("total", window)
    weight = f"clamp({total} / (last_over_time(seawall:slo_total:mean[2h]) > 0), 1, {arithmetic.MAX_WEIGHT})"
    # A period of seven days never shows seven whole ones: the oldest sample in it is up to an hour younger.
    enough = f"clamp_max(0.9 * slo:period:days, {arithmetic.BOOTSTRAP_DAYS})"
    settled = f"last_over_time(slo:history:days[2h]) >= {_ON} group_left () {enough}"
    one = f"(0 * {total} + 1)"
    ratio = f'slo:error:ratio{{window="{window}"}} / {_ON} group_left () (1 - slo:objective:ratio)'
    return f"{ratio} * ignoring (window) group_left () (({weight} and ({settled})) or {one})"


def _events(kind: str, window: str) -> str:
    """Events in *window*; a chained mean speaks of the time since the service was first seen, never of more."""
    seconds = arithmetic.SECONDS[window]
    if window in arithmetic.RAW_WINDOWS:
        return f"slo:{kind}:rate{window} * {seconds}"
    return f"{_recorded(kind, window)} * clamp_max({_AGE}, {seconds})"


def _lower(window: str, percent: float) -> str:
    """The lower end of Wilson's interval of the error ratio, for the SLOs that ask for this confidence."""
    z = NormalDist().inv_cdf(0.5 + percent / 200)
    square, many = number(z * z), f"({_events('total', window)})"
    ratio = f"({_recorded('bad', window)} / ({_recorded('total', window)} > 0))"
    spread = f"{number(z)} * sqrt(({ratio} * (1 - {ratio}) + {square} / (4 * {many})) / {many})"
    bound = f"({ratio} + {square} / (2 * {many}) - {spread}) / (1 + {square} / {many})"
    return f"{bound} and {_ON} ({CONFIDENCE} == {number(percent)})"


def _recorded(kind: str, window: str) -> str:
    series = f"slo:{kind}:rate{window}"
    return f"last_over_time({series}[{KEPT}])" if window in arithmetic.SLOW_WINDOWS else series


def _mean(kind: str, window: str) -> str:
    """The mean event rate of the period; before the first sample for it stands, of what was seen."""
    return f"(avg_over_time({PERIOD[kind]}[{window}]) or avg_over_time(slo:{kind}:rate5m[1h]))"


def _history(window: str) -> str:
    """The days from when the SLO was first seen, in its first three exactly, later to the hour, to when it was last."""
    now = "(0 * slo:total:rate1h + time())"
    hourly = f"(({now} or max_over_time({SEEN_HOURLY}[{window}])) - min_over_time({SEEN_HOURLY}[{window}]))"
    exact = f"({now} - {_FIRST_SEEN})"
    return f"(({hourly} > {exact} or {exact} or {hourly}) / 86400)"
