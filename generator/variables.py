"""What templates may say: the variables and functions that are in scope for one service."""

from dataclasses import replace
from functools import cache
from typing import Any

from seawall.catalog import Catalog, Service

from .campaigns import outside_campaigns
from .dialects import Counts, Dialect
from .measures import member_functions
from .naming import PLAIN, PUSHED, selector
from .packs import STACK_KIND, Packs
from .slo_chain import PERIOD
from .slo_facts import SloFacts, burns, slo_facts
from .text import Raw, number

_CAUSE_LIMIT = 50


class _GoField:
    """Lets templates write ``{{ label.instance }}`` for what Prometheus fills in when the alert fires."""

    def __getattr__(self, name: str) -> Raw:
        return Raw("{{ $labels." + name + " }}")

    __getitem__ = __getattr__


class _GoValue:
    """The alert's value, in the words of its unit: ``{{ value.percent }}``, ``{{ value.duration }}``, …"""

    percent = Raw("{{ $value | humanizePercentage }}")
    duration = Raw("{{ $value | humanizeDuration }}")
    number = Raw("{{ $value | humanize }}")
    bytes = Raw("{{ $value | humanize1024 }}B")


def variables(catalog: Catalog, packs: Packs, service: Service) -> dict[str, Any]:
    """Return the scope in which the templates of *service* are rendered."""
    dialect = packs.dialect_of(service)
    pack = packs.by_kind[service.kind]
    up = pack.up if service.is_probed else pack.up_scraped
    whole = catalog.services.get(service.part_of, service)
    told = packs.dialect_of(whole) if whole.kind in packs.by_kind else None
    pushed = told is not None and told.naming(whole) == PUSHED
    sel = selector(service, naming=PUSHED if pushed else PLAIN)
    facts = [slo_facts(service, key, slo, dialect) for key, slo in sorted(service.slos.items())]
    scope: dict[str, Any] = {
        "service": service,
        "name": service.name,
        "team": catalog.teams.get(service.team),
        "sel": Raw(sel),
        "defaults": catalog.defaults,
        "capacity": service.capacity,
        "up": Raw(f"{up}{{{sel}}}"),
        "up_name": Raw(up),
        "scraped": service.is_scraped or service.kind == STACK_KIND,
        "watched": service.is_scraped or service.is_probed,
        "slos": facts,
        "event_slos": [each for each in facts if not each.timed],
        "shares": _shares(dialect, facts),
        "slis": {slo.sli for slo in service.slos.values()},
        "burns": burns(service, facts),
        "needs": [catalog.services[each] for each in sorted(service.depends_on) if each in catalog.services],
        "dependencies": closure(catalog, service),
        "dependents": [each.name for each in catalog.dependents_of(service.name)],
        "label": _GoField(),
        "value": _GoValue(),
        "has_events": dialect is not None and dialect.events is not None,
        "has_latency": dialect is not None and dialect.timed is not None,
        "dialect": dialect,
        "outside_campaigns": Raw(outside_campaigns(catalog, service)),
    }
    if service.members:
        scope |= member_functions(packs.measures, [catalog.services[each] for each in service.members])
    return scope | (_event_functions(dialect, service, facts) if dialect and dialect.events else {})


def _shares(dialect: Dialect | None, facts: list[SloFacts]) -> list[SloFacts]:
    """Return one SLO of each grouping whose groups share the traffic all day, as regions do and routes do not."""
    routes = {"http_route", dialect.labels.get("route", "") if dialect else ""}
    found = {each.by: each for each in reversed(facts) if each.by and not each.timed and routes.isdisjoint(each.by)}
    return list(reversed(found.values()))


def _usual(service: Service, facts: list[SloFacts], requests: Any) -> dict[str, Raw]:
    """Return the traffic of half an hour, and of the same hour a week ago: as it is recorded, where it is."""
    for each in facts:
        if each.sli == "availability" and not service.slos[each.key].is_filtered and not each.by:
            usual = f"avg_over_time({PERIOD['total']}{{{each.sel}}}[1h] offset 1w)"
            return {"traffic": Raw(f"slo:total:rate30m{{{each.sel}}}"), "usual": Raw(usual)}
    return {"traffic": requests("30m"), "usual": requests("1h", offset="1w")}


def _event_functions(dialect: Dialect, service: Service, facts: list[SloFacts]) -> dict[str, Any]:
    events, timed = dialect.counts("availability"), dialect.timed
    sel = selector(service, naming=dialect.naming(service))

    def rate(matchers: tuple[str, ...]) -> Any:
        @cache
        def function(window: str, by: str = "job", offset: str = "") -> Raw:
            return Raw(events.rate(matchers, sel, window, by, offset))

        return function

    requests = rate(events.counted)
    outcome = [dialect.labels[each] for each in ("route", "status") if each in dialect.labels] or ["job"]
    return _usual(service, facts, requests) | {
        "requests": requests,
        "failures": rate(events.bad),
        "throttled": rate((dialect.throttled,)),
        "shed": rate((dialect.shed,)),
        "active": Raw(f"{dialect.active}{{{sel}}}") if dialect.active else None,
        "quantile": _quantile(dialect, timed, sel) if timed else None,
        "route": dialect.labels.get("route", dialect.labels.get("destination", "job")),
        "by_outcome": ", ".join(outcome),
        "outcome_legend": Raw(" ".join(f"{{{{{label}}}}}" for label in outcome)),
    }


def _quantile(dialect: Dialect, timed: Counts, sel: str) -> Any:
    """Return a function of a quantile and a window, in seconds."""
    unit = "" if dialect.seconds_per_unit == 1 else f" * {number(dialect.seconds_per_unit)}"

    def quantile(q: float, window: str) -> Raw:
        if timed.native:
            found = timed.histogram(timed.counted, sel, window, "job")
        else:
            found = replace(timed, metric=dialect.buckets).rate(timed.counted, sel, window, "job, le")
        return Raw(f"histogram_quantile({number(q)}, {found}){unit}")

    return quantile


def closure(catalog: Catalog, service: Service) -> list[str]:
    """Return the names of what *service* depends on, directly or through others, nearest first; at most fifty."""
    found: list[str] = []
    todo = sorted(service.depends_on)
    while todo and len(found) < _CAUSE_LIMIT:
        name = todo.pop(0)
        if name not in found and name != service.name and name in catalog.services:
            found.append(name)
            todo += sorted(catalog.services[name].depends_on)
    return found
