"""Which declared campaigns a service carries, and the PromQL that is true outside of them."""

from datetime import date, datetime, timedelta
from typing import Final

from seawall.catalog import Campaign, Catalog, Service, instant

_FIRST: Final = timedelta(hours=14)  # the time zone whose days begin first is that far ahead of UTC


def campaigns_of(catalog: Catalog, service: Service) -> list[Campaign]:
    """Return the campaigns whose traffic reaches *service*, its own or a caller's.

    Those are left out whose last day is over, wherever the clock may stand that says the catalog's day.
    """
    reached = {service.name, *_callers(catalog, service.name)}
    return [
        each
        for _, each in sorted(catalog.campaigns.items())
        if reached & each.expects.keys() and _last_day(each) >= catalog.today
    ]


def outside_campaigns(catalog: Catalog, service: Service) -> str:
    """Return what lets an expression before it hold outside of the service's campaigns alone; nothing without any."""
    windows = [
        f"(vector(time()) >= {_seconds(each, each.from_)} < {_seconds(each, each.to)})"
        for each in campaigns_of(catalog, service)
    ]
    return f" unless on () ({' or '.join(windows)})" if windows else ""


def _last_day(campaign: Campaign) -> date:
    return (instant(campaign.to, campaign.timezone) + _FIRST).date()


def _seconds(campaign: Campaign, moment: datetime) -> int:
    return int(instant(moment, campaign.timezone).timestamp())


def _callers(catalog: Catalog, name: str) -> set[str]:
    """Return every service that needs *name*, directly or through others."""
    found: set[str] = set()
    todo = [name]
    while todo:
        for caller in catalog.dependents_of(todo.pop()):
            if caller.name not in found:
                found.add(caller.name)
                todo.append(caller.name)
    return found
