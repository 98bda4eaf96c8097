"""From a pack's alerts to the alerting rules of one service, with every override of the catalog applied."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from seawall import conventions
from seawall.catalog import AlertOverride, Catalog, Service

from .expressions import inhibiting_halves
from .model import Alert
from .packs import AlertTemplate, Pack, Packs
from .proofs import proof_tests
from .text import TemplateError, evaluate, go_text, number

_NO_OVERRIDE: Final = AlertOverride()
_OPERATORS: Final = {"above": ">", "below": "<"}


def render_alerts(catalog: Catalog, packs: Packs, service: Service, scope: Mapping[str, Any]) -> list[Alert]:
    """Return the alerts of *service* in the order of its packs, without those that are off or do not apply."""
    found: list[Alert] = []
    for pack in packs.of(service.kind):
        for template in pack.alerts:
            override = active_override(catalog, service, template.name)
            if override.disabled is None:
                found += _render_each(catalog, packs, pack, service, template, override, scope)
    return found


def active_override(catalog: Catalog, service: Service, alert: str) -> AlertOverride:
    """Return what the catalog changes of *alert*; nothing, where it is silent or its last day has passed."""
    override = service.alerts.get(alert, _NO_OVERRIDE)
    return _NO_OVERRIDE if override.has_lapsed(catalog.today) else override


def _render_each(
    catalog: Catalog,
    packs: Packs,
    pack: Pack,
    service: Service,
    template: AlertTemplate,
    override: AlertOverride,
    scope: Mapping[str, Any],
) -> Iterator[Alert]:
    if template.when and not evaluate(template.when, template.position, scope):
        return
    items = evaluate(template.each, template.position, scope) if template.each else [None]
    for item in items:
        local = _local_scope(template, override, {**scope, "item": item})
        alert = _render(catalog, service, template, override, local)
        prove = partial(proof_tests, packs, pack, service, template, alert, local)
        for expr, labels in inhibiting_halves(catalog, service, alert):
            yield replace(alert, expr=expr, labels={**alert.labels, **labels}, prove=prove)


def _local_scope(template: AlertTemplate, override: AlertOverride, scope: dict[str, Any]) -> dict[str, Any]:
    scope["for"] = (override.for_ or template.for_).seconds
    if template.threshold is not None:
        given = override.above if template.bound == "above" else override.below
        text = template.threshold.render(scope)
        try:
            scope["threshold"] = float(text) if given is None else given
        except ValueError:
            raise TemplateError(template.threshold.position, f"threshold {text!r} is not a number") from None
        scope[template.bound] = scope["threshold"]
    return scope


def _render(
    catalog: Catalog, service: Service, template: AlertTemplate, override: AlertOverride, scope: Mapping[str, Any]
) -> Alert:
    query = template.expr.render(scope)
    threshold = scope.get("threshold") if template.bound else None
    expr = f"{query} {_OPERATORS[template.bound]} {number(threshold)}" if threshold is not None else query
    for guard in template.guards:
        expr += f" and {guard.render(scope)}"
    severity = override.severity or template.severity.render(scope)
    extra = {key: value.render(scope) for key, value in template.labels}
    annotations = _annotations(catalog, service, template, query, scope)
    return Alert(
        name=template.name,
        service=service.name,
        expr=expr,
        query=query,
        for_seconds=scope["for"],
        severity=severity,
        labels={**_labels(service, severity, template.class_), **extra},
        annotations=annotations,
        panel=template.panel,
        runbook=annotations["runbook_url"],
        threshold=threshold,
        above=template.bound != "below",
        unit=template.unit,
    )


def _labels(service: Service, severity: str, class_: str) -> dict[str, str]:
    return {
        "service": service.name,
        "team": service.team,
        "tier": str(service.tier),
        "severity": severity,
        "class": class_,
        "kind": service.kind,
    }


def _annotations(
    catalog: Catalog, service: Service, template: AlertTemplate, query: str, scope: Mapping[str, Any]
) -> dict[str, str]:
    defaults = catalog.defaults
    return {
        "summary": template.summary.render(scope),
        "description": template.description.render(scope),
        "runbook_url": conventions.runbook_url(defaults.runbook_base_url, service.name, template.name),
        "dashboard_url": conventions.dashboard_url(
            defaults.grafana_url, defaults.portal_url, service.name, template.panel
        ),
        "query": go_text(query),
        "likely_cause": likely_cause(scope["dependencies"]),
    }


def likely_cause(dependencies: Sequence[str]) -> str:
    """Return the annotation that names, when the alert fires, those of *dependencies* that fire too."""
    if not dependencies:
        return "no dependency is declared"
    names = "|".join(dependencies)
    query = f'ALERTS{{alertstate=\\"firing\\",service=~\\"{names}\\"}}'
    each = "{{ .Labels.service }}: {{ .Labels.alertname }}; "
    return (
        f'{{{{ range query "{query}" }}}}{each}{{{{ else }}}}none of its dependencies has a firing alert{{{{ end }}}}'
    )
