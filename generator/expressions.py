"""Expressions that depend on the calendar: who may silence whom, outside of declared maintenance."""

from typing import Final

from seawall import conventions
from seawall.catalog import Catalog, Maintenance, Service, instant

from .model import Alert

_SOURCE: Final = "ServiceDown"


def inhibiting_halves(catalog: Catalog, service: Service, alert: Alert) -> list[tuple[str, dict[str, str]]]:
    """Return the rules that *alert* becomes: (expression, labels to add).

    An outage that may silence its dependents' symptoms carries ``inhibits="true"``, but not while the service is in
    maintenance: an alert that nobody is told of must not hide another. So its rule is split at the declared windows.
    """
    if alert.name != _SOURCE or not inhibits_anything(catalog, service):
        return [(alert.expr, {})]
    mark = {conventions.INHIBITS_LABEL: "true"}
    windows = [maintenance_seconds(catalog, service, each) for each in service.maintenance]
    if not windows:
        return [(alert.expr, mark)]
    during = " or ".join(f"(vector(time()) >= {start} < {end})" for start, end in windows)
    return [(f"({alert.expr}) unless on () ({during})", mark), (f"({alert.expr}) and on () ({during})", {})]


def maintenance_seconds(catalog: Catalog, service: Service, window: Maintenance) -> tuple[int, int]:
    """Return the window as Unix seconds; naive times are in the window's time zone, else the team's."""
    zone = window.timezone or catalog.team_of(service).timezone
    return int(instant(window.from_, zone).timestamp()), int(instant(window.to, zone).timestamp())


def inhibits_anything(catalog: Catalog, service: Service) -> bool:
    """Whether an outage of *service* silences the symptoms of one that depends on it."""
    return any(dependent.depends_on[service.name].inhibits for dependent in catalog.dependents_of(service.name))
