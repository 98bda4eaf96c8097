"""Alertmanager's configuration: who is told what, and when."""

from typing import Any, Final

from seawall.catalog import Catalog, Problem, Service, Severity, Team
from seawall.conventions import PORTAL_PORT, PORTAL_RECEIVER, WATCHDOG, WEBHOOK_PATH

from . import intervals
from .inhibition import inhibit_rules, inhibition_warnings
from .messages import with_message
from .text import promql_string

INBOX_ONLY: Final = "seawall-inbox-only"
WATCHDOG_RECEIVER: Final = "seawall-watchdog"
_PORTAL_TIMES: Final = {"group_wait": "1s", "group_interval": "5s", "repeat_interval": "1h"}
_WATCHDOG_TIMES: Final = {"group_wait": "1s", "group_interval": "1m", "repeat_interval": "2m"}
_TICKETS_REPEAT: Final = "24h"

Route = dict[str, Any]


def alertmanager_config(catalog: Catalog, *, portal: str = f"localhost:{PORTAL_PORT}") -> dict[str, Any]:
    """Return Alertmanager's configuration as plain data; *portal* is the host and port of the portal's webhook."""
    return {
        "route": _root(catalog),
        "inhibit_rules": inhibit_rules(catalog),
        "receivers": _receivers(catalog, portal),
        "time_intervals": _time_intervals(catalog),
    }


def routing_warnings(catalog: Catalog) -> list[Problem]:
    """Return what will not reach anybody, or will not do what the catalog asks for."""
    problems = [
        problem for name, services in _by_team(catalog).items() for problem in _team_warnings(catalog, name, services)
    ]
    if not catalog.notify.watchdog:
        said = (
            "notify.watchdog is missing: nobody outside learns when the monitoring itself stops; "
            "add a receiver that expects a message every few minutes, such as a dead man's switch"
        )
        problems.append(Problem(catalog.where("notify"), said, Severity.WARNING))
    return problems + inhibition_warnings(catalog)


def _team_warnings(catalog: Catalog, name: str, services: list[Service]) -> list[Problem]:
    team = catalog.teams[name]
    live = [service for service in services if service.mode == "live"]
    said = []
    paging = sorted(service.name for service in live if service.can_page)
    if paging and not team.notify.page:
        other = "go to its ticket receiver" if team.notify.ticket else "stay in the inbox, where nobody is told"
        said.append(f"notify.page is missing: pages of {_some(paging)} {other}; name a receiver")
    if any(service.tier == 2 for service in live) and team.hours and team.notify.page and not team.notify.ticket:
        said.append("notify.ticket is missing: pages outside of its hours stay in the inbox; name a receiver")
    position = catalog.where("teams", name, "notify")
    return [Problem(position, f'team "{name}": {text}', Severity.WARNING) for text in said]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _by_team(catalog: Catalog) -> dict[str, list[Service]]:
    teams: dict[str, list[Service]] = {name: [] for name in sorted(catalog.teams)}
    for name in sorted(catalog.services):
        teams[catalog.services[name].team].append(catalog.services[name])
    return teams


def _root(catalog: Catalog) -> Route:
    heartbeat = {"matchers": [_equals("alertname", WATCHDOG)], "receiver": PORTAL_RECEIVER, "continue": True}
    routes = [
        {"receiver": PORTAL_RECEIVER, "continue": True, **_PORTAL_TIMES},
        {**heartbeat, **_WATCHDOG_TIMES},  # again and again: the portal says when it last heard it
        {
            "matchers": [_equals("alertname", WATCHDOG)],
            "receiver": WATCHDOG_RECEIVER if catalog.notify.watchdog else INBOX_ONLY,
            **_WATCHDOG_TIMES,
        },
    ]
    shadows = [name for name in sorted(catalog.services) if catalog.services[name].mode == "shadow"]
    if shadows:
        routes.append({"matchers": [f'service=~"{"|".join(shadows)}"'], "receiver": INBOX_ONLY})
    routes += [_team_route(catalog, name, services) for name, services in _by_team(catalog).items()]
    return {
        "receiver": INBOX_ONLY,
        "group_by": ["service"],
        "group_wait": "10s",
        "group_interval": "2m",
        "repeat_interval": "4h",
        "routes": routes,
    }


def _team_route(catalog: Catalog, name: str, services: list[Service]) -> Route:
    special = [_service_route(catalog, service) for service in services if _own_times(catalog, service)]
    return _branch(catalog.teams[name], name, _equals("team", name), [], special)


def _own_times(catalog: Catalog, service: Service) -> dict[str, list[intervals.Interval]]:
    """The intervals in which nobody is told of *service*, or of one alert of it, by their names."""
    timezone = catalog.team_of(service).timezone
    times = {_maintenance_name(service): intervals.maintenance(service.maintenance, timezone, catalog.today)}
    for alert in sorted(service.alerts):
        override = service.alerts[alert]
        if override.only and not override.has_lapsed(catalog.today):
            times[_off_hours_name(service, alert)] = intervals.outside(override.only, timezone)
    return {name: pieces for name, pieces in times.items() if pieces and service.mode == "live"}


def _maintenance_name(service: Service) -> str:
    return f"{service.name}-maintenance"


def _off_hours_name(service: Service, alert: str) -> str:
    return f"{service.name}-{alert}-off-hours"


def _service_route(catalog: Catalog, service: Service) -> Route:
    team, times = catalog.team_of(service), _own_times(catalog, service)
    always = [name for name in times if name == _maintenance_name(service)]
    alerts = [
        _branch(team, service.team, _equals("alertname", alert), [*always, off_hours], [], (service.tier,))
        for alert in sorted(service.alerts)
        if (off_hours := _off_hours_name(service, alert)) in times
    ]
    return _branch(team, service.team, _equals("service", service.name), always, alerts, (service.tier,))


def _branch(
    team: Team, name: str, matcher: str, muted: list[str], first: list[Route], tiers: tuple[int, ...] = (1, 2)
) -> Route:
    """What *matcher* finds goes to the team's ticket receiver, pages aside; nobody is told in the *muted* intervals."""
    branch = {"matchers": [matcher], "receiver": _ticket(team, name), "repeat_interval": _TICKETS_REPEAT}
    pages = [route for tier in tiers if team.notify.page for route in _pages(team, name, tier, muted)]
    return branch | _muted(muted) | ({"routes": [*first, *pages]} if first or pages else {})


def _pages(team: Team, name: str, tier: int, muted: list[str]) -> list[Route]:
    if tier == 3:
        return []
    page = {"receiver": f"{name}-page", "group_interval": "1m", "repeat_interval": "4h"}
    if tier == 1 or team.hours is None:
        return [_of_tier(tier) | page | _muted(muted)]
    hours = _hours_name(name)
    return [
        # A muted route still takes its alerts; the next one must see them too, and tells outside of the hours.
        _of_tier(tier) | {"continue": True} | page | {"active_time_intervals": [hours]} | _muted(muted),
        _of_tier(tier) | {"receiver": _ticket(team, name)} | _muted([*muted, hours]),
    ]


def _of_tier(tier: int) -> Route:
    return {"matchers": [_equals("severity", "page"), _equals("tier", str(tier))]}


def _equals(label: str, value: str) -> str:
    return f'{label}="{promql_string(value)}"'


def _ticket(team: Team, name: str) -> str:
    return f"{name}-ticket" if team.notify.ticket else INBOX_ONLY


def _hours_name(team: str) -> str:
    return f"{team}-hours"


def _muted(names: list[str]) -> Route:
    return {"mute_time_intervals": list(names)} if names else {}


def _time_intervals(catalog: Catalog) -> list[dict[str, Any]]:
    named = {
        _hours_name(name): intervals.during(team.hours, team.timezone)
        for name, team in sorted(catalog.teams.items())
        if team.hours and team.notify.page
    }
    for name in sorted(catalog.services):
        named |= _own_times(catalog, catalog.services[name])
    return [{"name": name, "time_intervals": pieces} for name, pieces in named.items()]


def _receivers(catalog: Catalog, portal: str) -> list[dict[str, Any]]:
    webhook = {"url": f"http://{portal}{WEBHOOK_PATH}", "send_resolved": True, "max_alerts": 0}
    receivers: list[dict[str, Any]] = [{"name": PORTAL_RECEIVER, "webhook_configs": [webhook]}, {"name": INBOX_ONLY}]
    if catalog.notify.watchdog:
        receivers.append(_receiver(WATCHDOG_RECEIVER, catalog.notify.watchdog, send_resolved=False))
    for name, team in sorted(catalog.teams.items()):
        for use, declared in (("page", team.notify.page), ("ticket", team.notify.ticket)):
            if declared:
                receivers.append(_receiver(f"{name}-{use}", declared))
    return receivers


def _receiver(name: str, declared: dict[str, dict[str, Any]], *, send_resolved: bool = True) -> dict[str, Any]:
    configs = {
        f"{kind}_configs": [{"send_resolved": send_resolved, **with_message(kind, fields)}]
        for kind, fields in sorted(declared.items())
    }
    return {"name": name, **configs}
