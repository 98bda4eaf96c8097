"""What a catalog may say and should think over: `check` tells it as warnings, and renders all the same."""

import math
from collections.abc import Iterator
from typing import Final

from seawall.catalog import Catalog, Problem, Service, Severity

from .alerts import active_override
from .dialects import Dialect
from .packs import Packs
from .render import view
from .slis import is_timed
from .slo_facts import floor
from .text import number

_KEPT_BY_FAILURES: Final = ("availability", "latency")  # a failed request is bad for both
_PROMISES: Final = ("availability", "probe")
_WINDOW_HOURS: Final = 6  # the long window of the slowest page
Told = tuple[tuple[str, ...], str]  # below the service, and what is said


def advice(catalog: Catalog, packs: Packs) -> Iterator[Problem]:
    """Yield the warnings of a catalog that fits *packs*, service by service."""
    for name, service in sorted(catalog.services.items()):
        for place, text in _of(catalog, packs, service):
            where = catalog.where("services", name, *place)
            yield Problem(where, f'service "{name}": {text}', Severity.WARNING)


def _of(catalog: Catalog, packs: Packs, service: Service) -> Iterator[Told]:
    dialect = packs.dialect_of(service)
    yield from _mitigations(service)
    yield from _unasked(packs, service)
    yield from _dependencies(catalog, service)
    yield from _too_few(service, dialect)
    yield from _without_effect(catalog, packs, service)
    # What answers with a status has somebody who asks.
    is_asked = dialect is not None and "status" in dialect.labels
    if service.tier == 1 and is_asked and not _seen_from_outside(catalog, packs, service):
        mend = "add a service of kind probe that depends on it, or an SLO with sli: probe"
        yield (), f"nothing watches this tier-1 service from outside, where its users are; {mend}"


def _mitigations(service: Service) -> Iterator[Told]:
    if service.tier == 1 and not service.runbook.mitigations:
        mend = "add runbook: mitigations: [{when: …, do: …}]"
        yield (), f"a tier-1 runbook needs a mitigation of its own; {mend}"


def _unasked(packs: Packs, service: Service) -> Iterator[Told]:
    """An address of a kind without a gauge of its own: ``up`` of a probe says that the exporter answered, always."""
    if service.is_probed and not service.is_scraped and packs.by_kind[service.kind].up == "up":
        said = f"url: Seawall has no collector for kind {service.kind}, so nothing tells that it is down"
        mend = (
            f"write targets: in place of url, or name your collector's gauge under up: in alerts/{service.kind}.yaml.j2"
        )
        yield ("url",), f"{said}; {mend}"


def _without_effect(catalog: Catalog, packs: Packs, service: Service) -> Iterator[Told]:
    """Overrides of alerts that the service does not have, such as one that stands in for an SLO where there is one."""
    if not service.alerts:
        return
    given = {alert.name for alert in view(catalog, packs, service.name).alerts}
    known = packs.alert_names(service.kind)
    for name in service.alerts:
        if name in known and name not in given and active_override(catalog, service, name).disabled is None:
            why = f"seawall explain {name} {catalog.source} --service {service.name} says why"
            yield (
                ("alerts", name),
                f"alerts.{name} has no effect: this service does not get the alert; take it out ({why})",
            )


def _dependencies(catalog: Catalog, service: Service) -> Iterator[Told]:
    """An objective above what the hard dependencies promise together: it is missed while they all keep theirs."""
    hard = [name for name, edge in sorted(service.depends_on.items()) if edge.hard]
    promised = {name: found for name in hard if (found := _promise(catalog.services[name])) is not None}
    if not promised:
        return
    together = math.prod(each / 100 for each in promised.values()) * 100
    weakest = min(promised, key=lambda name: promised[name])
    for key, slo in service.slos.items():
        if slo.sli in _KEPT_BY_FAILURES and not slo.is_raw and slo.goal > together + 1e-9:
            many = "its hard dependencies promise together" if len(promised) > 1 else "its hard dependency promises"
            said = f"SLO {key!r}: the objective {number(slo.goal)} exceeds what {many}, {together:.5g}"
            weak = f"; the weakest is {weakest} with {number(promised[weakest])}"
            mend = f"write {_below(together)} or less, raise {weakest}'s, or write hard: false where it does without"
            yield ("slos", key, "objective"), f"{said}{weak}; {mend}"


def _promise(service: Service) -> float | None:
    """Return the lowest per cent that a service promises to be there, for all of its users."""
    found = [slo.goal for slo in service.slos.values() if slo.sli in _PROMISES and not slo.routes and not slo.methods]
    return min(found, default=None)


def _below(percent: float) -> str:
    """Return *percent*, rounded down to as many nines as it has, and one digit."""
    digits = max(0, math.ceil(-math.log10(1 - percent / 100)) - 1)
    return number(math.floor(percent * 10**digits + 1e-6) / 10**digits)


def _too_few(service: Service, dialect: Dialect | None) -> Iterator[Told]:
    """Fewer events than the floor of bad ones, even if each of them fails."""
    if service.events_per_minute is None or any(slo.sli in ("probe", "freshness") for slo in service.slos.values()):
        return
    expected = service.events_per_minute * 60 * _WINDOW_HOURS
    for key, slo in service.slos.items():
        least = floor(slo, dialect)
        if not is_timed(slo, dialect) and expected < least:
            said = f"{service.traffic} are {number(round(expected, 1))} events in {_WINDOW_HOURS} hours"
            mend = "add an SLO with sli: probe or freshness, or lower its floor"
            text = f"SLO {key!r}: {said}, and no page waits for fewer than {least} bad ones; {mend}"
            yield ("slos", key), text


def _seen_from_outside(catalog: Catalog, packs: Packs, service: Service) -> bool:
    if any(slo.sli == "probe" for slo in service.slos.values()):
        return True
    others = (each for each in catalog.services.values() if service.name in each.depends_on)
    gauges = {dialect.success for dialect in packs.dialects.values() if dialect.success}
    for each in others:
        dialect = packs.dialect_of(each)
        if (dialect is not None and dialect.success) or packs.by_kind[each.kind].up in gauges:
            return True
    return False
