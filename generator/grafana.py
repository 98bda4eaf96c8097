"""Panels as a Grafana dashboard: the layout, and those fields of its JSON that Seawall uses."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from seawall import conventions
from seawall.catalog import Catalog, Service

from .grafana_links import PROMETHEUS, annotations, runbook_links, traces_link
from .model import Alert, Panel

_SCHEMA: Final = 39
_WIDTH: Final = 24
_COLUMNS: Final = 2
_HEIGHT: Final = 8
_NESTED: Final = (dict, list, tuple)
_quoted: Final = json.encoder.encode_basestring
_scalar: Final = lru_cache(1024, typed=True)(json.dumps)  # typed, as 1 equals True


def dashboard(
    catalog: Catalog, service: Service, panels: Sequence[Panel], alerts: Sequence[Alert], scope: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the dashboard of *service* as Grafana's JSON model; *scope* is that of its templates."""
    return {
        "annotations": {"list": annotations(catalog, service, scope)},
        "description": _escaped(service.description),
        "editable": False,
        "graphTooltip": 1,
        "id": None,
        "links": _links(catalog, service),
        "panels": _laid_out(panels, service, runbook_links(alerts)),
        "refresh": "30s",
        "schemaVersion": _SCHEMA,
        "tags": ["seawall", f"kind:{service.kind}", f"team:{service.team}", f"tier:{service.tier}"],
        "templating": {"list": []},
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "title": f"{service.name} ({service.kind})",
        "uid": conventions.dashboard_uid(service.name),
        "version": 1,
    }


def to_json(model: dict[str, Any]) -> bytes:
    """Return *model* as stable UTF-8 JSON."""
    parts: list[str] = []
    _write(model, "\n", parts)
    return ("".join(parts) + "\n").encode()


def own_json(catalog: Catalog, service: Service) -> tuple[str, str]:
    """Return what stands in the dashboard of *service* alone: its description and its links, as to_json writes them."""
    links: list[str] = []
    _write(_links(catalog, service), "\n ", links)
    return _quoted(_escaped(service.description)), "".join(links)


def _write(value: Any, indent: str, parts: list[str]) -> None:
    """Append what json.dumps writes with indent=1, sort_keys and no escapes; its indenting is many times slower."""
    if isinstance(value, str):
        parts.append(_quoted(value))
    elif isinstance(value, _NESTED) and not value:
        parts.append("{}" if isinstance(value, dict) else "[]")
    elif isinstance(value, dict):
        mark = "{"
        for key in sorted(value):
            parts.append(f"{mark}{indent} {_quoted(key)}: ")
            _write(value[key], indent + " ", parts)
            mark = ","
        parts.append(indent + "}")
    elif isinstance(value, _NESTED):
        mark = "["
        for item in value:
            parts.append(f"{mark}{indent} ")
            _write(item, indent + " ", parts)
            mark = ","
        parts.append(indent + "]")
    else:
        parts.append(_scalar(value))


def _laid_out(
    panels: Sequence[Panel], service: Service, links: Mapping[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    laid: list[dict[str, Any]] = []
    y, column, row = 0, 0, ""
    for panel in panels:
        if panel.row != row:
            y += _HEIGHT if column else 0
            column, row = 0, panel.row
            laid.append(_row(row, y))
            y += 1
        width = _WIDTH // _COLUMNS
        grid = {"h": _HEIGHT, "w": width, "x": column * width, "y": y}
        laid.append({**_panel(panel, service, grid), "links": links.get(panel.id, [])})
        column = (column + 1) % _COLUMNS
        y += 0 if column else _HEIGHT
    return laid


def _row(title: str, y: int) -> dict[str, Any]:
    grid = {"h": 1, "w": _WIDTH, "x": 0, "y": y}
    number = conventions.panel_number(f"row {title}")
    return {"collapsed": False, "gridPos": grid, "id": number, "panels": [], "title": title, "type": "row"}


def _panel(panel: Panel, service: Service, grid: dict[str, int]) -> dict[str, Any]:
    return {
        "datasource": PROMETHEUS,
        "description": _escaped(panel.description),
        "fieldConfig": {"defaults": _defaults(panel, service), "overrides": []},
        "gridPos": grid,
        "id": conventions.panel_number(panel.id),
        "options": _options(panel),
        "targets": [_target(index, panel) for index in range(len(panel.queries))],
        "title": _escaped(panel.title),
        "type": panel.kind,
    }


def _defaults(panel: Panel, service: Service) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    steps += [{"color": "red", "value": value} for value in panel.thresholds]
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.traces:
        defaults["links"] = [traces_link(service, panel.traces)]
    if panel.maximum is not None:
        defaults["max"] = panel.maximum
    if panel.kind == "timeseries":
        style = "line" if panel.thresholds else "off"
        defaults["custom"] = {
            "axisSoftMin": 0,  # a budget, or an offset of a clock, may be below
            "lineWidth": 1,
            "fillOpacity": 10,
            "showPoints": "never",
            "thresholdsStyle": {"mode": style},
        }
    return defaults


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind != "timeseries":
        return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _target(index: int, panel: Panel) -> dict[str, Any]:
    query = panel.queries[index]
    return {
        "datasource": PROMETHEUS,
        "editorMode": "code",
        "exemplar": bool(panel.traces) and "histogram_quantile" in query.expr,
        "expr": query.expr,
        "instant": panel.kind != "timeseries",
        "legendFormat": query.legend,
        "range": panel.kind == "timeseries",
        "refId": chr(ord("A") + index),
    }


def _links(catalog: Catalog, service: Service) -> list[dict[str, Any]]:
    portal = catalog.defaults.portal_url.rstrip("/")
    targets = [("Portal", f"{portal}{conventions.SERVICES_PATH}/{service.name}")]
    grafana = catalog.defaults.grafana_url
    if grafana:
        targets += [(name, conventions.dashboard_url(grafana, portal, name)) for name in sorted(service.depends_on)]
    return [
        {"title": title, "type": "link", "url": url, "icon": "external link", "targetBlank": True, "tags": []}
        for title, url in targets
    ]


def _escaped(text: str) -> str:
    """Keep Grafana from reading variables in free text."""
    return text.replace("$", "$\u200b").replace("[[", "[\u200b[")
