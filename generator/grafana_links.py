"""What leads from a dashboard to elsewhere in time and place: annotations, runbooks, traces."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from seawall import conventions
from seawall.catalog import Catalog, Service

from .campaigns import declared_campaigns, during
from .model import Alert

PROMETHEUS: Final = {"type": "prometheus", "uid": conventions.GRAFANA_DATASOURCE_UID}
_AGO: Final = "10m"  # what was not there then is new


def annotations(catalog: Catalog, service: Service, scope: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is marked in every panel of *service*: alerts, deploys, starts, and the campaigns of the catalog."""
    firing = f'ALERTS{{alertstate="firing",service="{service.name}"}}'
    found = [_annotation("Alerts", "red", firing, "{{alertname}}", "{{severity}} {{slo}} {{window}}")]
    if scope["has_events"]:  # an application, which tells of its process and its version
        found += _deploys(scope["sel"])
    return found + [
        _annotation(f"Campaign {each.name}", "purple", during(each), each.name, "declared in the catalog")
        for each in declared_campaigns(catalog, service)
    ]


def _deploys(selector: str) -> list[dict[str, Any]]:
    """Return what marks a version that the service did not have before, and each start of one of its processes."""
    before = f"target_info{{{selector}}} offset {_AGO}"
    new = (
        f'group by (service_version) (target_info{{{selector},service_version!=""}})'
        f" unless group by (service_version) ({before}) and on () group ({before})"
    )
    starts = _annotation("Starts", "blue", f"process_start_time_seconds{{{selector}}} * 1000", "start", "{{instance}}")
    return [
        _annotation("Deploys", "green", new, "version {{service_version}}", "not seen in the ten minutes before"),
        {**starts, "useValueForTime": True},
    ]


def _annotation(name: str, colour: str, expr: str, title: str, text: str) -> dict[str, Any]:
    return {
        "datasource": PROMETHEUS,
        "enable": True,
        "iconColor": colour,
        "name": name,
        "target": {"expr": expr, "interval": "60s", "refId": "Anno"},
        "textFormat": text,
        "titleFormat": title,
    }


def runbook_links(alerts: Sequence[Alert]) -> dict[str, list[dict[str, Any]]]:
    """Return for each panel the links to the runbooks of the alerts that it shows."""
    urls: dict[str, dict[str, str]] = {}
    for alert in alerts:
        urls.setdefault(alert.panel, {})[alert.name] = alert.runbook
    return {
        panel: [{"targetBlank": True, "title": f"Runbook of {name}", "url": url} for name, url in sorted(of.items())]
        for panel, of in urls.items()
    }


def traces_link(service: Service, spans: str) -> dict[str, Any]:
    """Return the link from a point of a panel to the traces of *service* with such *spans* (TraceQL), at its time."""
    query = {"queryType": "traceql", "query": f'{{resource.service.name="{service.name}" && {spans}}}'}
    path = conventions.explore_path(conventions.GRAFANA_TRACES_UID, query, "${__from}", "${__to}")
    return {"targetBlank": True, "title": "Traces", "url": path}
