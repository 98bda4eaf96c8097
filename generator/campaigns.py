"""Which declared campaigns a service carries, and the PromQL that is true outside of them."""

from datetime import date, datetime, timedelta
from typing import Final

from seawall.catalog import Campaign, Catalog, Service, instant

_FIRST: Final = timedelta(hours=14)  # the time zone whose days begin first is that far ahead of UTC


def declared_campaigns(catalog: Catalog, service: Service) -> list[Campaign]:
    """Return the campaigns whose traffic reaches *service*, its own or a caller's; those that are over too."""
    reached = {service.name, *_callers(catalog, service.name)}
    return [each for _, each in sorted(catalog.campaigns.items()) if reached & each.expects.keys()]


def campaigns_of(catalog: Catalog, service: Service) -> list[Campaign]:
    """Return those of them whose last day is not over, wherever the clock may stand that says the catalog's day."""
    return [each for each in declared_campaigns(catalog, service) if _last_day(each) >= catalog.today]


def during(campaign: Campaign) -> str:
    """Return the PromQL that has a value while *campaign* goes on."""
    return f"vector(time()) >= {_seconds(campaign, campaign.from_)} < {_seconds(campaign, campaign.to)}"


def outside_campaigns(catalog: Catalog, service: Service) -> str:
    """Return what lets an expression before it hold outside of the service's campaigns alone; nothing without any."""
    windows = [f"({during(each)})" for each in campaigns_of(catalog, service)]
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
