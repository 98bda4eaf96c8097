"""From a pack's runbook sections to one Markdown file an alert: the shared layout around what the pack says."""

from collections.abc import Mapping, Sequence
from typing import Any

from seawall.catalog import Catalog, Service

from .model import Alert, Panel
from .packs import Pack, Packs
from .text import Raw
from .variables import variables


def render_runbooks(
    catalog: Catalog,
    packs: Packs,
    service: Service,
    alerts: Sequence[Alert],
    panels: Sequence[Panel],
    scope: Mapping[str, Any],
) -> dict[str, str]:
    """Return Markdown by alert name: one runbook an alert, of those that *service* has today."""
    by_panel = {panel.id: panel for panel in panels}
    rendered: dict[str, list[Alert]] = {}
    for alert in alerts:
        rendered.setdefault(alert.name, []).append(alert)
    return {
        name: _render(catalog, packs, pack, service, same, by_panel, scope)
        for pack in packs.of(service.kind)
        for name in pack.alert_names
        if (same := rendered.get(name))
    }


def _render(
    catalog: Catalog,
    packs: Packs,
    pack: Pack,
    service: Service,
    same: Sequence[Alert],
    panels: Mapping[str, Panel],
    scope: Mapping[str, Any],
) -> str:
    first = same[0]
    local = {**scope, "threshold": first.threshold, "for": first.for_seconds}
    parts = {heading: Raw(template.render(local)) for heading, template in pack.sections[first.name].parts.items()}
    return packs.layout.render(
        {
            **local,
            "alert": first,
            "variants": same,
            "parts": parts,
            "panel": panels.get(first.panel),
            "source": pack.source,
            "own": service.runbook,
            "prometheus": catalog.defaults.prometheus_url.rstrip("/"),
            "portal": catalog.defaults.portal_url.rstrip("/"),
            "dashboard_url": first.annotations["dashboard_url"],
            "kinds": {name: catalog.services[name].kind for name in scope["dependencies"]},
        }
    )


def meaning(catalog: Catalog, packs: Packs, service: Service, alert: str) -> str:
    """Return what the runbook says that *alert* means."""
    section = next(pack.sections[alert] for pack in packs.of(service.kind) if alert in pack.sections)
    return section.parts["Meaning"].render(variables(catalog, packs, service))
