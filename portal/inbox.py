"""The inbox: alerts as people read them, symptoms beneath the alerts of what they depend on."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

from seawall.catalog import Catalog

from .store import StoredAlert

_CAUSES: Final = 3  # that are named as likely
_DEEPEST: Final = 8  # levels of symptoms beneath a cause: deeper ones cannot be read


@dataclass(frozen=True)
class Entry:
    """One alert, ready to show; *links* that are not http or https are left out."""

    alert: StoredAlert
    duration: float
    likely_cause: str
    dashboard_url: str
    runbook_url: str

    @property
    def summary(self) -> str:
        """What is wrong, in the alert's own words."""
        return (
            self.alert.annotations.get("summary") or self.alert.annotations.get("description") or self.alert.alertname
        )


@dataclass
class Group:
    """The firing alerts of one service, and the groups of the services that they probably hurt."""

    service: str
    entries: list[Entry]
    symptoms: list["Group"] = field(default_factory=list)

    @property
    def size(self) -> int:
        """The number of alerts in the group and beneath it."""
        return len(self.entries) + sum(group.size for group in self.symptoms)


def web_link(url: str) -> str:
    """Return *url* where it is an absolute http or https address, else an empty text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc else ""


def entries(
    alerts: Iterable[StoredAlert], firing: Mapping[str, list[str]], catalog: Catalog, now: float
) -> list[Entry]:
    """Return *alerts* with what is derived from them; *firing* maps a service to its alerts that fire now."""
    return [_entry(alert, firing, catalog, now) for alert in alerts]


def firing_by_service(alerts: Iterable[StoredAlert]) -> dict[str, list[str]]:
    """Return the names of the firing alerts of each service, sorted."""
    names: dict[str, set[str]] = {}
    for alert in alerts:
        if alert.state == "firing":
            names.setdefault(alert.service, set()).add(alert.alertname)
    return {service: sorted(found) for service, found in names.items()}


def causes(catalog: Catalog, service: str, firing: Mapping[str, Any]) -> Iterator[str]:
    """Yield the firing services that *service* depends on, nearest first; members of a cycle explain nothing."""
    seen, todo = {service}, deque([service])
    while todo:
        known = catalog.services.get(todo.popleft())
        for name in sorted(known.depends_on) if known else ():
            if name not in seen:
                seen.add(name)
                todo.append(name)
                if name in firing and not catalog.in_cycle(service, name):
                    yield name


def grouped(firing: Iterable[Entry], catalog: Catalog) -> list[Group]:
    """Return *firing* as trees: a service stands beneath the nearest firing service that it depends on."""
    groups: dict[str, Group] = {}
    for entry in firing:
        groups.setdefault(entry.alert.service, Group(entry.alert.service, [])).entries.append(entry)
    above = {service: next(causes(catalog, service, groups), None) for service in groups}
    roots = list[Group]()
    for service, group in groups.items():
        holders = list(_upwards(service, above))
        kept = holders[max(0, len(holders) - _DEEPEST) :]  # a longer chain goes on side by side
        (groups[kept[0]].symptoms if kept else roots).append(group)
    return roots


def _upwards(service: str, above: Mapping[str, str | None]) -> Iterator[str]:
    holder = above[service]
    while holder is not None:
        yield holder
        holder = above[holder]


def as_json(entry: Entry) -> dict[str, Any]:
    """Return *entry* as the JSON API tells it; times in ISO 8601, UTC."""
    alert = entry.alert
    return {
        "alertname": alert.alertname,
        "service": alert.service,
        "team": alert.team,
        "tier": alert.tier,
        "severity": alert.severity,
        "state": alert.state,
        "summary": entry.summary,
        "likely_cause": entry.likely_cause,
        "dashboard_url": entry.dashboard_url,
        "runbook_url": entry.runbook_url,
        "starts_at": _iso(alert.starts_at),
        "ends_at": None if alert.ends_at is None else _iso(alert.ends_at),
        "duration_seconds": round(entry.duration, 3),
        "received_at": _iso(alert.received_at),
        "fingerprint": alert.fingerprint,
        "labels": alert.labels,
    }


def _entry(alert: StoredAlert, firing: Mapping[str, list[str]], catalog: Catalog, now: float) -> Entry:
    told = alert.annotations.get("likely_cause", "").strip().rstrip(";")
    if alert.state == "firing":  # what fires now says more than what fired when the alert was told
        nearest = islice(causes(catalog, alert.service, firing), _CAUSES)
        told = "; ".join(f"{service}: {', '.join(firing[service])}" for service in nearest) or told
    return Entry(
        alert=alert,
        duration=alert.duration(now),
        likely_cause=told,
        dashboard_url=web_link(alert.annotations.get("dashboard_url", "")),
        runbook_url=web_link(alert.annotations.get("runbook_url", "")),
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
