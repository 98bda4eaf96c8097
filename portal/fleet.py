"""The fleet at a glance: one status for each service, and what its objectives have left."""

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from seawall.catalog import Catalog, Service
from seawall.conventions import WATCHDOG
from seawall.generator.model import Alert

from .charts import sparkline
from .evidence import AlertState, Window, alert_states
from .prometheus import Prometheus, PrometheusError, Sample, Series
from .units import format_value

# Recorded every five minutes: while the next evaluation runs it is not there.
_BUDGET: Final = "last_over_time(slo:budget_remaining:ratio[15m])"
_BURN: Final = 'slo:burn_rate:ratio{window="1h"}'
_INSTANCES: Final = "count by (job) (up)"
_INSTANCES_UP: Final = "sum by (job) (up)"
_TRAFFIC: Final = "max by (job) (slo:good:rate5m + slo:bad:rate5m)"

# Worst first: the order of the fleet, too.
STATUSES: Final = ("paging", "down", "ticket", "partly down", "unknown", "no data", "ok")


@dataclass(frozen=True)
class SloState:
    """An objective and how it stands; numbers are None where Prometheus knows none."""

    name: str
    sli: str
    objective: float
    window: str
    budget: float | None
    burn: float | None

    @property
    def level(self) -> str:
        """How the budget stands, as a word: spent, low, fine, or unknown."""
        if self.budget is None or math.isnan(self.budget):
            return "unknown"
        return "spent" if self.budget <= 0 else "low" if self.budget < 0.25 else "fine"


@dataclass(frozen=True)
class ServiceState:
    """A service and how it is."""

    service: Service
    status: str
    firing: tuple[AlertState, ...]
    pending: int
    up: int | None
    instances: int | None
    slos: tuple[SloState, ...]
    rate: str = ""
    spark: str = ""


@dataclass(frozen=True)
class AlertRow:
    """A rule of a service and how it stands: *state* is firing, pending or inactive, *since* as of Prometheus."""

    rule: Alert
    state: str
    since: float | None


@dataclass(frozen=True)
class Readings:
    """What Prometheus says of all services; *problem* tells why some of it is missing."""

    alerts: tuple[AlertState, ...] | None
    up: Mapping[str, float]
    instances: Mapping[str, float]
    budget: Mapping[tuple[str, str], float]
    burn: Mapping[tuple[str, str], float]
    traffic: Mapping[str, Series]
    problem: str = ""


async def read(prometheus: Prometheus, window: Window, job: str = "") -> Readings:
    """Return the readings at the end of *window*, of one *job* or of all; never raises."""
    problems: list[str] = []

    async def instant(expr: str) -> list[Sample]:
        try:
            return await prometheus.instant(expr, window.end)
        except PrometheusError as error:
            problems.append(str(error))
            return []

    async def alerts() -> tuple[AlertState, ...] | None:
        try:
            return tuple(await alert_states(prometheus, window.end, job))
        except PrometheusError as error:
            problems.append(str(error))
            return None

    async def traffic() -> list[Series]:
        try:
            return await prometheus.range(_TRAFFIC, window.start, window.end, window.step)
        except PrometheusError as error:
            problems.append(str(error))
            return []

    states, up, instances, budget, burn, rates = await asyncio.gather(
        alerts(), instant(_INSTANCES_UP), instant(_INSTANCES), instant(_BUDGET), instant(_BURN), traffic()
    )
    return Readings(
        alerts=states,
        up={sample.labels.get("job", ""): sample.value for sample in up},
        instances={sample.labels.get("job", ""): sample.value for sample in instances},
        budget=_by_slo(budget),
        burn=_by_slo(burn),
        traffic={series.labels.get("job", ""): series for series in rates},
        problem=problems[0] if problems else "",
    )


def states(catalog: Catalog, readings: Readings, inbox: Iterable[AlertState], step: float) -> list[ServiceState]:
    """Return every service, the worst first; where Prometheus is silent, what the *inbox* holds firing stands in."""
    alerts = list(inbox) if readings.alerts is None else list(readings.alerts)
    found = [state_of(service, readings, alerts, step) for service in catalog.services.values()]
    return sorted(found, key=lambda state: (STATUSES.index(state.status), state.service.tier, state.service.name))


def state_of(service: Service, readings: Readings, alerts: Iterable[AlertState], step: float) -> ServiceState:
    """Return how *service* is."""
    own = [alert for alert in alerts if alert.service == service.name and alert.name != WATCHDOG]
    firing = tuple(alert for alert in own if alert.state == "firing")
    instances = _whole(readings.instances.get(service.job))
    up = _whole(readings.up.get(service.job))
    traffic = readings.traffic.get(service.name)
    points = traffic.points if traffic else ()
    rate = format_value(points[-1][1], "ops") if points else ""
    return ServiceState(
        service=service,
        status=_status(firing, up, instances, silent=readings.alerts is None, measured=_measured(service, readings)),
        firing=firing,
        pending=sum(alert.state == "pending" for alert in own),
        up=up,
        instances=instances,
        slos=slo_states(service, readings),
        rate=rate,
        spark=sparkline(points, step, f"{service.name}: {rate}") if points else "",
    )


def slo_states(service: Service, readings: Readings) -> tuple[SloState, ...]:
    """Return the objectives of *service* with their numbers."""
    return tuple(
        SloState(
            name=name,
            sli=slo.sli or name,
            objective=slo.goal,
            window=str(slo.window or ""),
            budget=readings.budget.get((service.name, name)),
            burn=readings.burn.get((service.name, name)),
        )
        for name, slo in service.slos.items()
    )


def alert_rows(rules: Iterable[Alert], alerts: Iterable[AlertState], service: str) -> list[AlertRow]:
    """Return each alert of *service* once, those that fire first, then those that are pending."""
    own = [alert for alert in alerts if alert.service == service and alert.name != WATCHDOG]
    rows: dict[str, AlertRow] = {}
    for rule in rules:
        active = [alert for alert in own if alert.name == rule.name]
        state = min((alert.state for alert in active), default="inactive")  # firing comes before pending
        since = min((alert.since for alert in active if alert.since is not None), default=None)
        rows.setdefault(rule.name, AlertRow(rule, state, since))
    order = ("firing", "pending", "inactive").index
    return sorted(rows.values(), key=lambda row: (order(row.state), row.rule.severity, row.rule.name))


def _status(
    firing: tuple[AlertState, ...], up: int | None, instances: int | None, *, silent: bool, measured: bool
) -> str:
    if any(alert.severity == "page" for alert in firing):
        return "paging"
    if instances and not up:
        return "down"
    if firing:
        return "ticket"
    if instances and up is not None and up < instances:
        return "partly down"
    if silent:
        return "unknown"
    return "ok" if measured else "no data"


def _measured(service: Service, readings: Readings) -> bool:
    name = service.name
    if service.members:
        return any(each in readings.instances for each in service.members)
    return service.job in readings.instances or name in readings.traffic or any(job == name for job, _ in readings.burn)


def _by_slo(samples: Iterable[Sample]) -> dict[tuple[str, str], float]:
    return {(sample.labels.get("job", ""), sample.labels.get("slo", "")): sample.value for sample in samples}


def _whole(value: float | None) -> int | None:
    return None if value is None or not math.isfinite(value) else int(value)
