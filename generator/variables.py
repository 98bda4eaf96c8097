"""What templates may say: the variables and functions that are in scope for one service."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from seawall.catalog import Catalog, Service, Slo, objective_ratio, pairs_that_can_fire

from . import slo as arithmetic
from .dialects import Dialect, find_dialect
from .packs import STACK_KIND, Packs
from .text import Raw, number, promql_string

_CAUSE_LIMIT = 50


def selector(service: Service, *more: str) -> str:
    """Return the matchers that narrow a metric to *service*: its job, then what the catalog adds."""
    pairs = [("job", service.name), *sorted(service.match.items())]
    return ",".join([f'{label}="{promql_string(value)}"' for label, value in pairs] + [each for each in more if each])


@dataclass(frozen=True)
class SloFacts:
    """An SLO as templates see it: numbers as ratios, and the matchers of its recorded series."""

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


@dataclass(frozen=True)
class BurnFacts:
    """One burn-rate alert of one SLO."""

    slo: SloFacts
    window: str
    short: str
    factor: float
    severity: str
    spent: float


def slo_facts(service: Service, key: str, slo: Slo) -> SloFacts:
    """Return what the templates say of one SLO."""
    objective = objective_ratio(slo.objective)
    assert slo.window is not None
    return SloFacts(
        key,
        slo.sli,
        Raw(number(float(objective))),
        slo.objective,
        Raw(number(float(1 - objective))),
        Raw(f'job="{service.name}",slo="{key}"'),
        slo.under.seconds if slo.under else 0.0,
        str(slo.under) if slo.under else "",
        slo.floor,
        slo.window.seconds / 86400,
        float(1 - objective) * 100,
    )


def burns(service: Service) -> list[BurnFacts]:
    """Return the burn-rate alerts that can fire, in the order of the SLOs, the fastest first."""
    found = []
    for key, slo in sorted(service.slos.items()):
        facts = slo_facts(service, key, slo)
        for pair in pairs_that_can_fire(slo.objective):
            spent = arithmetic.budget_spent(pair, facts.days * 86400)
            found.append(BurnFacts(facts, pair.window, pair.short, pair.factor, pair.severity, spent))
    return found


class _GoField:
    """Lets templates write ``{{ label.instance }}`` for what Prometheus fills in when the alert fires."""

    def __getattr__(self, name: str) -> Raw:
        return Raw("{{ $labels." + name + " }}")


class _GoValue:
    """The alert's value, in the words of its unit: ``{{ value.percent }}``, ``{{ value.duration }}``, …"""

    percent = Raw("{{ $value | humanizePercentage }}")
    duration = Raw("{{ $value | humanizeDuration }}")
    number = Raw("{{ $value | humanize }}")
    bytes = Raw("{{ $value | humanize1024 }}B")


def variables(catalog: Catalog, packs: Packs, service: Service) -> dict[str, Any]:
    """Return the scope in which the templates of *service* are rendered."""
    dialect = find_dialect(packs.dialects, service.kind, service.dialect)
    up = packs.by_kind[service.kind].up
    sel = selector(service)
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
        "slos": [slo_facts(service, key, slo) for key, slo in sorted(service.slos.items())],
        "slis": {slo.sli for slo in service.slos.values()},
        "burns": burns(service),
        "dependencies": closure(catalog, service),
        "dependents": [each.name for each in catalog.dependents_of(service.name)],
        "label": _GoField(),
        "value": _GoValue(),
        "has_events": dialect is not None,
        "dialect": dialect,
    }
    return scope | (_event_functions(dialect, sel) if dialect else {})


def _event_functions(dialect: Dialect, sel: str) -> dict[str, Any]:
    def rate(matchers: tuple[str, ...]) -> Any:
        @cache
        def function(window: str, by: str = "job", offset: str = "") -> Raw:
            return Raw(dialect.rate(dialect.events, matchers, sel, window, by, offset))

        return function

    return {
        "requests": rate(dialect.counted),
        "failures": rate(dialect.bad),
        "throttled": rate((dialect.throttled,)),
        "shed": rate((dialect.shed,)),
        "active": Raw(f"{dialect.active}{{{sel}}}") if dialect.active else None,
        "quantile": lambda q, window: Raw(
            f"histogram_quantile({number(q)}, {dialect.rate(dialect.buckets, dialect.counted, sel, window, 'job, le')})"
        ),
        "route": dialect.labels.get("route", dialect.labels.get("destination", "job")),
        "status": dialect.labels.get("status", ""),
    }


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
