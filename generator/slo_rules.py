"""Recording rules of SLOs: the event rates of all services at once, and of those that need rules of their own."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from seawall import conventions
from seawall.catalog import Catalog, Service, Slo, objective_ratio

from . import slo as arithmetic
from .dialects import Dialect, find_dialect
from .naming import PUSHED, matchers
from .packs import Packs
from .slis import Events, badness, is_timed, raw_events, slo_events
from .slo_chain import BADNESS, CONFIDENCE, BurnRules, Rule, budget_rules, hourly_rules, period_rules
from .text import number

INTERVAL: Final = "30s"
SLOW_INTERVAL: Final = "5m"
SHARED_ORDER: Final = (
    "seawall-slo-burn-rates",
    "seawall-slo-slow",
    "seawall-slo-period",
    "seawall-slo-hourly",
    "seawall-slo-budgets",
)
_INFO: Final = "seawall:slo_rules:info"


@dataclass(frozen=True, order=True)
class Signature:
    """SLOs that one vectorised set of rules serves: same dialect, SLI, key, threshold, groups and matchers."""

    kind: str
    dialect: str
    sli: str
    slo: str
    under: float
    by: tuple[str, ...]
    pushed: bool
    match: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """A readable and stable id."""
        text = f"{self.kind}.{self.dialect}.{self.slo}"  # no name has a dot, so that no two are told alike
        text += f".{number(self.under)}s" if self.under else ""
        text += ".pushed" if self.pushed else ""
        digest = hashlib.sha256(repr((self.by, self.match) if self.by else self.match).encode()).hexdigest()[:6]
        return f"{text}-{digest}" if self.match or self.by else text

    @property
    def file(self) -> str:
        """The stem of its file, and the name of its group."""
        return f"{conventions.SHARED_RULES}-{self.name}"


def signature(packs: Packs, service: Service, key: str, slo: Slo) -> Signature | None:
    """Return which shared rules serve an SLO; None, where its service has rules of its own for it."""
    dialect = packs.dialect_of(service)
    if slo.is_filtered or dialect is None or is_timed(slo, dialect):
        return None
    pushed = dialect.naming(service) == PUSHED
    match = tuple(sorted(service.match.items()))
    return Signature(service.kind, service.dialect, slo.sli, key, slo.under_seconds, slo.by, pushed, match)


def shared_groups(catalog: Catalog, packs: Packs) -> dict[str, list[dict[str, Any]]]:
    """Return the groups that serve every service, by file: one for each signature, one for what all have in common."""
    slos = [(service, key, slo) for service in catalog.services.values() for key, slo in service.slos.items()]
    signatures = sorted({each for one in slos if (each := signature(packs, *one)) is not None})
    periods = sorted({slo.window.seconds for _, _, slo in slos if slo.window} or {catalog.defaults.slo_window.seconds})
    files = {each.file: [_group(each.file, INTERVAL, _shared_events(each, packs))] for each in signatures}
    chain = BurnRules(
        timed=any(is_timed(slo, packs.dialect_of(service)) for service, _, slo in slos),
        confidences=tuple(sorted({slo.confidence for _, _, slo in slos if slo.confidence is not None})),
    )
    rules = (chain.quick(), chain.slow(), period_rules(), hourly_rules(), budget_rules(periods))
    intervals = (INTERVAL, SLOW_INTERVAL, "10m", "1h", SLOW_INTERVAL)
    common = [_group(*each) for each in zip(SHARED_ORDER, intervals, rules, strict=True)]
    return files | {conventions.SHARED_RULES: common}


def shared_files(packs: Packs, service: Service) -> list[str]:
    """Return the names of the shared files that record the events of *service*."""
    found = (signature(packs, service, key, slo) for key, slo in service.slos.items())
    return sorted({each.file for each in found if each is not None})


def service_rules(packs: Packs, service: Service) -> list[Rule]:
    """Return what a service's own file records: its objectives, and the event rates of its filtered SLOs.

    What PromQL of the catalog's own tells is in ``given_rules``.
    """
    rules: list[Rule] = []
    for key, slo in sorted(service.slos.items()):
        labels = {"job": service.name, "slo": key}
        shared = signature(packs, service, key, slo)
        rules += [
            _rule("slo:objective:ratio", f"vector({number(float(objective_ratio(slo.goal)))})", labels),
            _rule("slo:period:days", f"vector({number(slo.period_days)})", labels),
            _rule(_INFO, "vector(1)", {**labels, "rules": shared.name if shared else "own"}),
        ]
        if slo.confidence is not None:
            rules.append(_rule(CONFIDENCE, f"vector({number(slo.confidence)})", labels))
        if shared is None and not slo.is_given:
            rules += _own_rules(service, slo, packs.dialect_of(service), labels)
    return rules


def given_rules(packs: Packs, service: Service) -> list[Rule]:
    """Return what is recorded by PromQL of the catalog's own, which proofs replace: nobody knows what it would read."""
    return [
        rule
        for key, slo in sorted(service.slos.items())
        if slo.is_given
        for rule in _own_rules(service, slo, packs.dialect_of(service), {"job": service.name, "slo": key})
    ]


def _own_rules(service: Service, slo: Slo, dialect: Dialect | None, labels: dict[str, str]) -> list[Rule]:
    recorded = matchers(labels.items())
    if is_timed(slo, dialect):
        return [_rule(BADNESS, badness(service, slo, dialect), labels)]
    if slo.is_raw:
        return [rule for window in arithmetic.RAW_WINDOWS for rule in _raw_rules(slo, window, recorded, labels)]
    assert dialect is not None
    return _event_rules(slo_events(service, slo, dialect), recorded, "", labels)


def _raw_rules(slo: Slo, window: str, recorded: str, labels: dict[str, str]) -> list[Rule]:
    total, bad = raw_events(slo, window)
    good = f"slo:total:rate{window}{{{recorded}}} - slo:bad:rate{window}{{{recorded}}}"
    found = (("total", total), ("bad", bad), ("good", good))
    return [_rule(f"slo:{kind}:rate{window}", expr, labels) for kind, expr in found]


def _rule(record: str, expr: str, labels: dict[str, str]) -> Rule:
    return {"record": record, "expr": expr, "labels": labels}


def _group(name: str, interval: str, rules: list[Rule]) -> dict[str, Any]:
    return {"name": name, "interval": interval, "rules": rules}


def _shared_events(each: Signature, packs: Packs) -> list[Rule]:
    dialect = find_dialect(packs.dialects, each.kind, each.dialect)
    assert dialect is not None
    common = matchers(each.match)
    naming = PUSHED if each.pushed else dialect.service
    only = f' and on (job) {_INFO}{{slo="{each.slo}",rules="{each.name}"}}'
    by = ", ".join(dict.fromkeys(("job", *each.by)))
    events = Events(dialect, dialect.counts(each.sli), common, naming, each.under, by)
    return _event_rules(events, f'slo="{each.slo}"', only, {"slo": each.slo})


def _event_rules(events: Events, recorded: str, only: str, labels: dict[str, str]) -> list[Rule]:
    """Total, bad and good events a second in three windows from the raw counters; bad is there whenever total is.

    *recorded* are the matchers of the recorded total.
    """
    rules: list[Rule] = []
    for window in arithmetic.RAW_WINDOWS:
        total = f"(slo:total:rate{window}{{{recorded}}}{only})"
        good = f"clamp_min({total} - slo:bad:rate{window}{{{recorded}}}, 0)"
        found = (("total", events.total(window) + only), ("bad", events.bad(window, total)), ("good", good))
        rules += [_rule(f"slo:{kind}:rate{window}", expr, labels) for kind, expr in found]
    return rules
