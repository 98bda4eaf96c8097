"""From a pack's runbook sections to one Markdown file an alert: the shared layout around what the pack says."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from seawall.catalog import Catalog, Service

from .model import Alert, Panel
from .packs import Pack, Packs
from .text import Raw, Template
from .variables import variables

# What the layout can say of one alert; a passage that reads none of it is the same in all runbooks of a service.
_OF_ALERT: Final = frozenset({"alert", "variants", "parts", "panel", "source", "dashboard_url", "threshold", "for"})


def own_passages(catalog: Catalog, packs: Packs, service: Service, scope: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the passages of the layout that say the same in every runbook of *service*."""
    local = {
        **scope,
        "own": service.runbook,
        "prometheus": catalog.defaults.prometheus_url.rstrip("/"),
        "portal": catalog.defaults.portal_url.rstrip("/"),
        "kinds": {name: catalog.services[name].kind for name in scope["dependencies"]},
    }
    return tuple(piece.render(local) for of_alert, piece in _layout(packs.layout) if not of_alert)


@lru_cache(8)
def _layout(template: Template) -> tuple[tuple[bool, Template], ...]:
    return template.passages(_OF_ALERT)


def render_runbooks(
    packs: Packs,
    service: Service,
    alerts: Sequence[Alert],
    panels: Sequence[Panel],
    scope: Mapping[str, Any],
    passages: Sequence[str],
) -> dict[str, str]:
    """Return Markdown by alert name: one runbook an alert, of those that *service* has today.

    *passages* are those that its runbooks have in common.
    """
    by_panel = {panel.id: panel for panel in panels}
    rendered: dict[str, list[Alert]] = {}
    for alert in alerts:
        rendered.setdefault(alert.name, []).append(alert)
    return {
        name: _render(packs, pack, same, by_panel.get(same[0].panel), scope, passages)
        for pack in packs.of(service.kind)
        for name in pack.alert_names
        if (same := rendered.get(name))
    }


def _render(
    packs: Packs,
    pack: Pack,
    same: Sequence[Alert],
    panel: Panel | None,
    scope: Mapping[str, Any],
    passages: Sequence[str],
) -> str:
    first = same[0]
    local = {**scope, "threshold": first.threshold, "for": first.for_seconds}
    parts = {heading: Raw(template.render(local)) for heading, template in pack.sections[first.name].parts.items()}
    local |= {
        "alert": first,
        "variants": same,
        "parts": parts,
        "panel": panel,
        "source": pack.source,
        "dashboard_url": first.annotations["dashboard_url"],
    }
    own = iter(passages)
    return "".join(piece.render(local) if of_alert else next(own) for of_alert, piece in _layout(packs.layout))


def meaning(catalog: Catalog, packs: Packs, service: Service, alert: str) -> str:
    """Return what the runbook says that *alert* means."""
    section = next(pack.sections[alert] for pack in packs.of(service.kind) if alert in pack.sections)
    return section.parts["Meaning"].render(variables(catalog, packs, service))
