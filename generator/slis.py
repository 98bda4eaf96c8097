"""SLIs: PromQL for all events and for the bad ones, or for how bad each moment is, from what an SLO says."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from seawall.catalog import Service, Slo, objective_ratio

from .dialects import Counts, Dialect, joined
from .naming import PLAIN, Naming, selector
from .text import number, promql_string

PLACEHOLDER: Final = re.compile(r"(?<!\w)\{\{ *window *\}\}(?!\w)")
_SLICE: Final = "5m"
_META: Final = re.compile(r"[\\.+*?()\[\]{}|^$]")


@dataclass(frozen=True)
class Events:
    """Events of a dialect's counters: which count, which are bad, and the labels *by* which they are kept apart."""

    dialect: Dialect
    counts: Counts
    common: str
    naming: Naming = PLAIN
    under: float = 0.0
    by: str = "job"

    def total(self, window: str, offset: str = "") -> str:
        """Return the events a second in *window*."""
        return self._rate(self.counts.counted, window, offset)

    def bad(self, window: str, total: str) -> str:
        """Return the bad ones, at 0 where there are none; *total* is PromQL for all of them, by the same labels."""
        if self.under:
            return f"clamp_min({total} - on ({self.by}) {self._good(window, total)}, 0)"
        return f"({self._rate(self.counts.bad, window)} or {self._none(total)}) and on ({self.by}) {total}"

    def _good(self, window: str, total: str) -> str:
        if self.counts.native:
            return f"({self._fraction(window)} or {self._none(total)})"
        fast = self._fast(self.counts.counted, window)
        if not self.counts.bad:
            return f"({fast} or {self._none(total)})"
        failed = self._fast(self.counts.bad, window)
        return f"({fast} - on ({self.by}) ({failed} or {self._none(total)}) or {self._none(total)})"

    def _none(self, total: str) -> str:
        return f"on ({self.by}) 0 * {total}"

    def _rate(self, matchers: tuple[str, ...], window: str, offset: str = "") -> str:
        found = self.counts.rate(matchers, self.common, window, self.naming.by(self.by), offset)
        return self.naming.named(found, self.by)

    def _fast(self, matchers: tuple[str, ...], window: str) -> str:
        """Return the events that took no longer than the threshold."""
        buckets = replace(self.counts, metric=self.dialect.buckets)
        bound = joined(self.common, bucket_matcher(self._bound))
        return self.naming.named(buckets.rate(matchers, bound, window, self.naming.by(self.by)), self.by)

    def _fraction(self, window: str) -> str:
        """Return the good events of a native histogram that took no longer than the threshold.

        They are one share of one histogram, so that none are exactly none. A share of nothing is no number. The share
        begins below zero: a histogram in which all is near zero reaches to both of its sides.
        """
        all_ = self.counts.good(self.common, window, self.naming.by(self.by))
        fast = f"(histogram_fraction(-Inf, {number(self._bound)}, {all_}) * histogram_count({all_}) >= 0)"
        return self.naming.named(fast, self.by)

    @property
    def _bound(self) -> float:
        return self.under / self.dialect.seconds_per_unit


def slo_events(service: Service, slo: Slo, dialect: Dialect, more_by: Iterable[str] = ()) -> Events:
    """Return what an SLO of *service* counts; *more_by* are labels by which to tell more apart."""
    counts = classified(slo, dialect)
    naming = dialect.naming(service)
    filters = joined(*_filters(slo, dialect), *(f'{label}!=""' for label in more_by))
    labels = dict.fromkeys(("job", *slo.by, *more_by))
    under = slo.under.seconds if slo.under else 0.0
    return Events(dialect, counts, joined(selector(service, naming=naming), filters), naming, under, ", ".join(labels))


def classified(slo: Slo, dialect: Dialect) -> Counts:
    """Return the dialect's counter with the classes that *slo* gives its events."""
    counts = dialect.counts(slo.sli)
    restated = ",".join(f'{label}=~"{promql_string(value)}"' for label, value in sorted(slo.bad_labels.items()))
    if restated:
        counts = replace(counts, bad=tuple(joined(counted, restated) for counted in counts.counted))
    if slo.codes:
        counts = _coded(counts, dialect.labels["status"], slo.codes)
    return counts


def _coded(counts: Counts, label: str, codes: Mapping[str, str]) -> Counts:
    named = f'{label}!~"{"|".join(sorted(codes))}"'
    of = {
        verdict: tuple(f'{label}="{code}"' for code, said in sorted(codes.items()) if said == verdict)
        for verdict in ("good", "bad")
    }
    return replace(
        counts,
        counted=(*(joined(each, named) for each in counts.counted), *of["good"], *of["bad"]),
        bad=(*(joined(each, named) for each in counts.bad), *of["bad"]),
    )


def bucket_matcher(bound: float) -> str:
    """Return the matcher of a bucket: whole numbers are written ``1`` by Prometheus 2 and ``1.0`` by 3."""
    text = number(bound)
    return f'le=~"{text}(\\\\.0)?"' if "." not in text else f'le="{text}"'


def _filters(slo: Slo, dialect: Dialect) -> Iterable[str]:
    if slo.routes:
        yield _matching(dialect.labels["route"], "|".join(map(route_regex, slo.routes)))
    if slo.methods:
        yield _matching(dialect.labels["method"], "|".join(slo.methods))
    for label, value in sorted(slo.exclude.items()):
        yield f'{label}!~"{promql_string(value)}"'


def _matching(label: str, pattern: str) -> str:
    """Return the matcher of a regular expression, which is none where it stands for one text."""
    return f'{label}{"=~" if _META.search(pattern) else "="}"{promql_string(pattern)}"'


def route_regex(route: str) -> str:
    """Return the regular expression of a route; ``*`` stands for anything, all else for itself."""
    special = set("\\.+?()[]{}|^$")
    return "".join(".*" if letter == "*" else f"\\{letter}" if letter in special else letter for letter in route)


def is_timed(slo: Slo, dialect: Dialect | None) -> bool:
    """Whether *slo* judges time, and not events: it says so, or there is nothing but a probe's gauges."""
    return slo.is_timed or (not slo.is_raw and (dialect is None or dialect.events is None))


def raw_events(slo: Slo, window: str) -> tuple[str, str]:
    """Return PromQL for all events and for the bad ones, as the catalog brings it, summed by the SLO's groups.

    Good ones may not be more than all of them, nor may bad ones: what is above is cut. What is no number, as a share of
    nothing, is no event: once recorded it would leave no mean of the period.
    """
    assert slo.total is not None
    total = f"({_summed(slo, slo.total, window)})"
    if isinstance(slo.bad, str):
        failed = f"({_summed(slo, slo.bad, window)} or 0 * {total})"
        return total, f"({failed} < {total} or {total})"
    assert slo.good is not None
    return total, f"clamp_min({total} - ({_summed(slo, slo.good, window)} or 0 * {total}), 0)"


def badness(service: Service, slo: Slo, dialect: Dialect | None) -> str:
    """Return PromQL for how bad this moment is, from 0 to 1, by the SLO's groups."""
    if slo.budgeting != "events":
        return _sliced(service, slo, dialect)
    if slo.sli == "latency":
        return _slow_probe(service, slo, dialect)
    value = _value(service, slo, dialect)
    if slo.within is not None:
        return f"(time() - {value}) > bool {number(slo.within.seconds)}"
    if slo.below is not None:
        return f"{value} >= bool {number(slo.below)}"
    if slo.at_least is not None:
        return f"{value} < bool {number(slo.at_least)}{_grown(service, slo, dialect)}"
    return f"clamp(1 - {value}, 0, 1)"


def _value(service: Service, slo: Slo, dialect: Dialect | None) -> str:
    by = ", ".join(slo.by)
    if slo.value is not None:
        how = {"throughput": "sum", "probe": "avg"}.get(slo.sli, "max")
        return f"{how} by ({by}) (({slo.value}) >= -Inf)"  # what is no number judges nothing
    assert dialect is not None
    if slo.sli == "throughput":
        found = slo_events(service, slo, dialect)
        return f"sum by ({by}) ({found.total(_SLICE)})"
    return f"avg by ({by}) ({dialect.success}{{{selector(service, naming=dialect.naming(service))}}})"


def _grown(service: Service, slo: Slo, dialect: Dialect | None) -> str:
    """A counter that has just appeared shows a part of its rate."""
    if slo.value is not None or dialect is None:
        return ""
    earlier = slo_events(service, slo, dialect).total(_SLICE, offset=_SLICE)
    return f" and sum by ({', '.join(slo.by)}) ({earlier})"


def _slow_probe(service: Service, slo: Slo, dialect: Dialect | None) -> str:
    """A probe that fails is no quick one."""
    assert dialect is not None
    assert slo.under is not None
    by, sel = ", ".join(slo.by), selector(service, naming=dialect.naming(service))
    slow = f"avg by ({by}) ({dialect.duration}{{{sel}}} > bool {number(slo.under.seconds / dialect.seconds_per_unit)})"
    return f"clamp_max({slow} + (1 - avg by ({by}) ({dialect.success}{{{sel}}})), 1)"


def _sliced(service: Service, slo: Slo, dialect: Dialect | None) -> str:
    """The slice that ends now: bad or not, or its ratio; without events it is a good one."""
    if slo.is_raw:
        total, bad = raw_events(slo, str(slo.slice))
    else:
        assert dialect is not None
        events = slo_events(service, slo, dialect)
        total = f"({events.total(str(slo.slice))})"
        bad = f"({events.bad(str(slo.slice), total)})"
    ratio = f"({bad} / ({total} > 0))"
    if slo.budgeting == "timeslices":
        allowed = float(1 - objective_ratio(slo.slice_objective or slo.goal))
        ratio = f"({ratio} > bool {number(allowed)})"
    return f"{ratio} or 0 * {total}"


def _summed(slo: Slo, expr: str, window: str) -> str:
    return f"sum by ({', '.join(slo.by)}) (({PLACEHOLDER.sub(window, expr)}) >= 0 < Inf)"
