"""Which alert keeps which other one silent: the page its own ticket, and a hard edge what it explains."""

from collections.abc import Iterator
from typing import Any, Final

from seawall.catalog import Catalog, Problem, Service, Severity
from seawall.conventions import INHIBITS_LABEL, WATCHDOG

_BURN: Final = "SloErrorBudgetBurn"
_DOWN: Final = "ServiceDown"
_ABSENT: Final = "SloTelemetryAbsent"


def inhibit_rules(catalog: Catalog) -> list[dict[str, Any]]:
    """Return Alertmanager's ``inhibit_rules``: the SLO's own, then one for each opt-in edge that may inhibit.

    Labels that both sides lack count as equal: those of groups stand beside each SLO, with or without groups.
    """
    groups = {label for service in catalog.services.values() for slo in service.slos.values() for label in slo.by}
    rules: list[dict[str, Any]] = [
        {
            "source_matchers": [f'alertname="{_BURN}"', 'severity="page"'],
            "target_matchers": [f'alertname="{_BURN}"', 'severity="ticket"'],
            "equal": ["service", "slo", *sorted(groups - {"service", "slo"})],
        }
    ]
    rules += [_rule(source, target) for source, target in _edges(catalog) if not _objection(catalog, source, target)]
    return rules


def inhibition_warnings(catalog: Catalog) -> list[Problem]:
    """Return a warning for each edge that asks to inhibit and must not."""
    return [
        Problem(
            catalog.where("services", target.name, "depends_on", source.name),
            f'service "{target.name}": depends_on {source.name}: inhibits is left out: {objection}',
            Severity.WARNING,
        )
        for source, target in _edges(catalog)
        if (objection := _objection(catalog, source, target))
    ]


def _edges(catalog: Catalog) -> Iterator[tuple[Service, Service]]:
    for name in sorted(catalog.services):
        dependent = catalog.services[name]
        for dependency in sorted(dependent.depends_on):
            if dependent.depends_on[dependency].inhibits:
                yield catalog.services[dependency], dependent


def _objection(catalog: Catalog, source: Service, target: Service) -> str:
    if target.tier == 1:
        return "nothing silences a tier-1 service; take the edge's inhibits out"
    if not source.can_page:
        return (
            f"{source.name} is of tier 3 and never pages, and only a page inhibits; raise its tier or take inhibits out"
        )
    if source.mode == "shadow":
        return f"{source.name} is in mode shadow, and what nobody is told must not silence others"
    if catalog.in_cycle(source.name, target.name):
        return f"{source.name} and {target.name} depend on each other, and could silence each other"
    return ""


def _rule(source: Service, target: Service) -> dict[str, Any]:
    return {
        "source_matchers": [
            f'alertname="{_DOWN}"',
            f'service="{source.name}"',
            'severity="page"',
            f'{INHIBITS_LABEL}="true"',
            'tier!="3"',
        ],
        # An instance that is gone and telemetry that is absent are not explained by a dependency.
        "target_matchers": [
            f'service="{target.name}"',
            'class="symptom"',
            'tier!="1"',
            f'alertname!~"{_DOWN}|{_ABSENT}|{WATCHDOG}"',
        ],
    }
