"""What a service promises and changes: SLOs that can page, overrides that hold, windows that end after they begin."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from .burn_rates import PAIRS, pairs_that_can_fire
from .complete import threshold_key
from .fields import NAME, RULES
from .findings import Findings
from .model import Campaign, Defaults, Team
from .moments import instant
from .places import Path
from .service import AlertOverride, Maintenance, Service
from .slo import Slo
from .values import Duration
from .wording import field_name, quoted

# Which fields an SLI needs, and whose alone they are.
_NEEDS: Final = {
    "latency": ("under",),
    "freshness": ("value", "within"),
    "saturation": ("value", "below"),
    "throughput": ("at_least",),
}
_WHOSE: Final = {"under": "latency", "within": "freshness", "below": "saturation", "at_least": "throughput"}
_SUCH_AS: Final = {
    "under": "300ms",
    "within": "30m",
    "below": "0.8",
    "at_least": "5",
    "value": "the PromQL that it is judged by",
}
_EVENTS_OF_THE_DIALECT: Final = ("routes", "methods", "exclude", "codes")
_BESIDE_A_VALUE: Final = (*_EVENTS_OF_THE_DIALECT, "bad")
_LONGEST_SLICE: Final = Duration(3600)  # the shortest long window: what it averages must be in it
_SCRAPES: Final = 4  # that a window must hold, for a rate that survives one which fails
_SHORTEST_WINDOW: Final = Duration(300)


def check_slo(slo: Slo, path: Path, service: Service, defaults: Defaults, findings: Findings) -> None:
    """Add what no burn rate alert could make sense of."""
    sli = slo.sli or str(path[-1])
    where = f"slos.{path[-1]}"
    for key, said in (*_fields(slo, sli, path, service, findings), *_sources(slo), *_slices(slo, defaults)):
        findings.error((*path, key), f"{where}: {said}")
    for key in ("under", "window", "within", "slice"):
        _check_length(getattr(slo, key), (*path, key), f"{where}.{key}", findings)
    _check_period(slo, path, where, defaults, findings)
    for key, objective in (("objective", slo.objective), *(("thresholds", each) for each in slo.thresholds.values())):
        if objective is not None:
            _check_burn_rates(objective, (*path, key), where, service, findings)


def _fields(slo: Slo, sli: str, path: Path, service: Service, findings: Findings) -> Iterator[tuple[str, str]]:
    for field, owner in _WHOSE.items():
        if sli != owner and getattr(slo, field) is not None:
            article = "the threshold of a latency SLO" if field == "under" else f"what a {owner} SLO is judged by"
            yield field, f"{field} is {article}, and this one measures {sli}; take it out, or write sli: {owner}"
    if slo.thresholds or findings.is_told_within((*path, "thresholds")):  # what is wrong there was left out
        yield from _several(slo, sli, str(path[-1]), service)
        return
    for field in _NEEDS.get(sli, ()) if not slo.is_raw else ():
        if getattr(slo, field) is None and not findings.is_told((*path, field)):
            what = "its threshold" if field == "under" else field
            yield field, f"a {sli} SLO needs {what}; write such as {field}: {_SUCH_AS[field]}"
    if slo.objective is None and not findings.is_told((*path, "objective")):
        yield "objective", "objective is missing; write it: per cent of events that are good, such as 99.9"


def _several(slo: Slo, sli: str, key: str, service: Service) -> Iterator[tuple[str, str]]:
    for name in (threshold_key(key, under) for under in slo.thresholds):
        if not re.fullmatch(NAME, name) or name in service.slos:
            wrong = "stands there already" if name in service.slos else f"does not fit: {RULES[NAME]}"
            yield "thresholds", f"each threshold is an SLO of its own, and the name {quoted(name)} {wrong}"
    if sli != "latency":
        yield "thresholds", f"thresholds are those of a latency SLO, and this one measures {sli}; take them out"
    for field in ("under", "objective"):
        if getattr(slo, field) is not None:
            yield field, f"{field} stands beside thresholds, which say it already; keep one of them"


def _sources(slo: Slo) -> Iterator[tuple[str, str]]:
    given = [field for field in ("good", "bad") if isinstance(getattr(slo, field), str)]
    if slo.total is None:
        for field in given:
            yield field, f"{field} is PromQL, and lacks total; write total: with the PromQL of all events"
        for field in _BESIDE_A_VALUE if slo.value is not None else ():
            if getattr(slo, field) and field not in given:
                yield field, f"{field} has no effect beside value, which is judged as it is; write it into its PromQL"
        return
    if len(given) != 1:
        yield "total", "total needs either good or bad beside it, as PromQL; write one of them"
    if slo.bad_labels:
        yield "bad", "bad has labels, and total is PromQL; write PromQL for the bad events, or good: in place of bad:"
    for field in (*_EVENTS_OF_THE_DIALECT, "value"):
        if getattr(slo, field):
            yield field, f"{field} narrows what total counts already; write it into the PromQL of total and good or bad"


def _slices(slo: Slo, defaults: Defaults) -> Iterator[tuple[str, str]]:
    if slo.budgeting == "events" and slo.slice_objective is not None:
        yield (
            "slice_objective",
            "slice_objective judges slices, and the budget counts events; write budgeting: timeslices",
        )
    if slo.budgeting == "events" and "slice" in slo.model_fields_set:
        yield "slice", "slice has no effect: the budget counts events; write budgeting: timeslices, or take it out"
        return
    if slo.slice > _LONGEST_SLICE:
        said = f"slice is {slo.slice}, and the shortest window that alerts has {_LONGEST_SLICE}"
        yield "slice", f"{said}, which must hold one; write {_LONGEST_SLICE} or less"
    least = _SCRAPES * defaults.scrape_interval.seconds
    if slo.budgeting != "events" and 0 < slo.slice.seconds < least:
        rule = f"a window holds four scrapes, one every {defaults.scrape_interval}"
        yield "slice", f"slice is {slo.slice}; {rule}; write {Duration(least)} or more"


def _check_period(slo: Slo, path: Path, where: str, defaults: Defaults, findings: Findings) -> None:
    kept, period = defaults.retention, slo.window or defaults.slo_window
    if kept is not None and period > kept:
        said = f"{where}: the budget's period is {period}, and Prometheus keeps {kept} (defaults.retention)"
        findings.error((*path, "window"), f"{said}; write a shorter window, or keep samples for longer")


def check_buckets(service: Service, path: Path, findings: Findings) -> None:
    """Add bounds below which nothing is."""
    for index, bound in enumerate(service.buckets):
        _check_length(bound, (*path, index), f"buckets[{index}]", findings)


def check_override(override: AlertOverride, path: Path, today: date, findings: Findings) -> None:
    """Add an override that contradicts itself; warn of one that has lapsed or has no end."""
    where = f"alerts.{path[-1]}"
    if override.above is not None and override.below is not None:
        said = f"{where} has both above and below; keep the one that the alert's own threshold has"
        findings.error((*path, "below"), said, at_key=True)
    if override.until is not None and override.has_lapsed(today):
        said = f"{where} lapsed on {override.until}, and the alert is as before; take the override out or move until"
        findings.warn((*path, "until"), said)
    elif override.disabled is not None and override.until is None:
        findings.warn((*path, "disabled"), f"{where} is disabled without an end; add until with a date")


def check_window(window: Campaign | Maintenance, path: Path, timezone: str, findings: Findings) -> None:
    """Add a window that does not end after it begins; times without an offset are in *timezone*."""
    begin, end = (instant(time, timezone) for time in (window.from_, window.to))
    # Clocks that are put forward skip an hour: what is written there counts as the hour behind it.
    is_written_backwards = not (window.from_.tzinfo or window.to.tzinfo) and window.to <= window.from_
    if end <= begin or is_written_backwards:
        begins, ends = window.from_.isoformat(), window.to.isoformat()
        said = f"{field_name((*path, 'to'))} is {ends}, which is not after from, {begins}; write a later end"
        findings.error((*path, "to"), said)


def check_defaults(defaults: Defaults, findings: Findings) -> None:
    """Add defaults of no length."""
    for key in ("slo_window", "scrape_interval", "retention"):
        _check_length(getattr(defaults, key), ("defaults", key), key, findings)
    longest = Duration(_SHORTEST_WINDOW.seconds / _SCRAPES)
    if defaults.scrape_interval > longest:
        said = (
            f"scrape_interval is {defaults.scrape_interval}, and the shortest window of the rules, {_SHORTEST_WINDOW}"
        )
        findings.error(("defaults", "scrape_interval"), f"{said}, must hold four scrapes; write {longest} or less")


def timezone_of(window: Maintenance, service: Service, teams: dict[str, Team]) -> str:
    """Return the time zone in which a maintenance's naive times stand."""
    team = teams.get(service.team)
    return window.timezone or (team.timezone if team else "UTC")


def _check_length(value: Duration | None, path: Path, name: str, findings: Findings) -> None:
    if value is not None and value.seconds <= 0:
        findings.error(path, f"{name} is {value}; write a longer time")


def _check_burn_rates(objective: float, path: Path, where: str, service: Service, findings: Findings) -> None:
    heard = pairs_that_can_fire(objective)
    highest = 1 / (1 - objective / 100)
    most = f"with an objective of {objective:g} a total outage has a burn rate of {highest:.3g}"
    if not any(pair.severity == "page" for pair in heard) and service.can_page:
        least = min(pair.factor for pair in PAIRS if pair.severity == "page")
        hint = " (it is per cent, not a ratio)" if objective < 1 else ""
        said = f"{where}: no page can ever fire: {most}, and pages wait for {least:g}"
        findings.error(path, f"{said}; write an objective of 84 or more{hint}")
        return
    for pair in (pair for pair in PAIRS if pair not in heard):
        said = f"{where}: the {pair.severity} of the {pair.window} window can never fire and is left out: {most}"
        findings.warn(path, f"{said}, and it waits for {pair.factor:g}")
