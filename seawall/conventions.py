"""Every metric, label, group, uid, port and URL name that more than one room uses."""

import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

# Ports on loopback, unless a flag says otherwise.
PROMETHEUS_PORT: Final = 9090
ALERTMANAGER_PORT: Final = 9093
METRICS_PORT: Final = 9464
EXPORTER_PORT: Final = 9879
PORTAL_PORT: Final = 8800
WATCH_PORT: Final = 8801

# Paths of the portal; the generator writes links to them, the portal serves them.
RUNBOOKS_PATH: Final = "/runbooks"
SERVICES_PATH: Final = "/services"
INBOX_PATH: Final = "/alerts"
WEBHOOK_PATH: Final = "/api/v1/alertmanager"

# The stack itself, as a pseudo-service: the owner of the Watchdog and of the exporter's own alerts.
STACK_SERVICE: Final = "seawall"
EXPORTER_JOB: Final = "seawall-exporter"
PORTAL_RECEIVER: Final = "seawall-portal"
WATCHDOG: Final = "Watchdog"
# Its parts, each the job "seawall-…", and the jobs by which services are scraped.
STACK_PARTS: Final = ("prometheus", "alertmanager", "exporter", "portal", "watch", "grafana", "collector")
SERVICES_JOB: Final = "seawall-services"
HOSTS_JOB: Final = "seawall-hosts"
PROBES_JOB: Final = "seawall-probes"
RESERVED_NAMES: Final = frozenset(
    {STACK_SERVICE, SERVICES_JOB, HOSTS_JOB, PROBES_JOB, *(f"{STACK_SERVICE}-{part}" for part in STACK_PARTS)}
)
# Where the exporter of `docker compose` sees the stack's volumes, one folder each.
VOLUMES_DIR: Final = "/volumes"

# Labels that every alert carries, and the annotations.
ALERT_LABELS: Final = ("service", "team", "tier", "severity", "class", "kind")
ALERT_ANNOTATIONS: Final = ("summary", "description", "runbook_url", "dashboard_url", "query", "likely_cause")
INHIBITS_LABEL: Final = "inhibits"

# How the comment at the top of each rendered file begins.
MADE: Final = "Made by seawall render"

# Folders of the rendered output, relative to its root.
RULES_DIR: Final = "prometheus/rules"
TESTS_DIR: Final = "prometheus/tests"
TARGETS_DIR: Final = "prometheus/targets"
PROMETHEUS_CONFIG: Final = "prometheus/prometheus.yml"
# One flag a line; Prometheus reads it where it is started with the argument "@…/prometheus/flags".
PROMETHEUS_FLAGS: Final = "prometheus/flags"
ALERTMANAGER_CONFIG: Final = "alertmanager/alertmanager.yml"
ALERTMANAGER_ROUTES: Final = "alertmanager/routes.yml"
DASHBOARDS_DIR: Final = "grafana/dashboards"
RUNBOOKS_DIR: Final = "runbooks"
SERVICES_DIR: Final = "services"
SHARED_RULES: Final = "_shared"
# What `seawall watch` keeps beside it: the catalog that all this is of, and how its last look at the files went.
CATALOG_DIR: Final = "catalog"
FOLLOWED: Final = ".followed.json"

# Grafana's data sources, as compose/grafana/ provisions them.
GRAFANA_DATASOURCE_UID: Final = "seawall-prometheus"
GRAFANA_TRACES_UID: Final = "seawall-tempo"
_UID_LIMIT: Final = 40  # Grafana refuses longer ones


def dashboard_uid(service: str) -> str:
    """Return the stable Grafana uid of *service*'s dashboard, at most 40 characters."""
    uid = f"seawall-{service}"
    if len(uid) <= _UID_LIMIT:
        return uid
    digest = hashlib.sha256(service.encode()).hexdigest()[:8]
    return f"{uid[: _UID_LIMIT - 9]}-{digest}"


def runbook_url(base: str, service: str, alert: str) -> str:
    """Return where the runbook of *alert* for *service* opens; *base* ends in ``/runbooks`` or the like."""
    return f"{base.rstrip('/')}/{quote(service)}/{quote(alert)}"


def panel_number(panel: str) -> int:
    """Return the number of the panel with the id *panel* in Grafana: its own wherever it stands, so that links hold."""
    return zlib.crc32(panel.encode()) & 0x7FFFFFFF


def explore_path(uid: str, query: Mapping[str, str], start: str = "now-3h", end: str = "now") -> str:
    """Return the path below Grafana that asks the data source *uid*; *start* and *end* may be variables of Grafana."""
    asked = {"refId": "A", "datasource": {"uid": uid}, **query}
    pane = {"datasource": uid, "queries": [asked], "range": {"from": start, "to": end}}
    text = quote(json.dumps({"seawall": pane}, separators=(",", ":")), safe="")
    # Grafana fills in its variables before the address is decoded.
    return "/explore?schemaVersion=1&panes=" + re.sub(r"%24%7B(\w+(?:\.\w+)?)%7D", r"${\1}", text)


def dashboard_url(grafana: str | None, portal: str, service: str, panel: str | None = None) -> str:
    """Return the address of the dashboard of *service*, or of its *panel*.

    It is Grafana's where the catalog names one, else that of the portal's page.
    """
    if grafana:
        view = f"?viewPanel={panel_number(panel)}" if panel else ""
        return f"{grafana.rstrip('/')}/d/{dashboard_uid(service)}{view}"
    anchor = f"#{quote(panel)}" if panel else ""
    return f"{portal.rstrip('/')}{SERVICES_PATH}/{quote(service)}{anchor}"
