"""From a pack's panels to the panels of one service."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from seawall.catalog import Service

from .model import Alert, Panel, Query
from .packs import Packs, PanelTemplate
from .text import TemplateError, evaluate


def render_panels(packs: Packs, service: Service, scope: Mapping[str, Any]) -> list[Panel]:
    """Return the panels of *service*: its kind's own first, then those that every kind has."""
    return [
        panel
        for pack in reversed(packs.of(service.kind))
        for template in pack.panels
        for panel in _render_each(template, scope)
    ]


def _render_each(template: PanelTemplate, scope: Mapping[str, Any]) -> Iterator[Panel]:
    if template.when and not evaluate(template.when, template.position, scope):
        return
    items = evaluate(template.each, template.position, scope) if template.each else [None]
    for index, item in enumerate(items):
        local = {**scope, "item": item}
        yield Panel(
            id=template.id if index == 0 else f"{template.id}-{index + 1}",
            title=template.title.render(local),
            description=template.description.render(local),
            unit=template.unit,
            queries=tuple(Query(expr.render(local), legend.render(local)) for expr, legend in template.queries),
            row=template.row.render(local),
            kind=template.kind,
            thresholds=tuple(
                _number(text, template) for each in template.thresholds if (text := each.render(local).strip())
            ),
            maximum=template.maximum,
            traces=template.traces.render(local) if template.traces else "",
        )


def with_limits(panels: Sequence[Panel], alerts: Sequence[Alert]) -> list[Panel]:
    """Return *panels* with a line at the threshold of each alert whose query one of them draws."""
    drawn = {panel.id: {query.expr for query in panel.queries} for panel in panels}
    limits: dict[str, set[float]] = {}
    for alert in alerts:
        if alert.threshold is not None and alert.query in drawn.get(alert.panel, ()):
            limits.setdefault(alert.panel, set()).add(alert.threshold)
    return [
        replace(panel, thresholds=tuple(sorted({*panel.thresholds, *limits[panel.id]})))
        if panel.id in limits
        else panel
        for panel in panels
    ]


def _number(text: str, template: PanelTemplate) -> float:
    try:
        return float(text)
    except ValueError:
        raise TemplateError(template.position, f"panel {template.id}: threshold {text!r} is not a number") from None
