"""Alertmanager's routing for those who have a configuration already: lists to add to theirs, and no root of its own."""

from typing import Any, Final

from seawall import conventions
from seawall.catalog import Catalog

from .routing import alertmanager_config

HOW_TO: Final = (
    "A fragment for an alertmanager.yml that you have: put the one route first among its route.routes, and add the "
    "receivers, inhibit_rules and time_intervals to its own. Everything else in it stays as it is."
)


def routes_fragment(catalog: Catalog) -> dict[str, Any]:
    """Return what to merge into an ``alertmanager.yml``: one route for Seawall's alerts alone, and what it names.

    The route carries its own grouping and times, so that nothing depends on the root it is put under; the labels that
    every alert of Seawall has keep all other alerts out of it.
    """
    whole = alertmanager_config(catalog)
    teams = "|".join((conventions.STACK_SERVICE, *sorted(catalog.teams)))
    route = {"matchers": [f'team=~"{teams}"', 'class=~"cause|symptom"', 'tier=~"1|2|3"'], **whole["route"]}
    receivers = [_reached(receiver, catalog.defaults.portal_url) for receiver in whole["receivers"]]
    return {**whole, "route": {"routes": [route]}, "receivers": receivers}


def _reached(receiver: dict[str, Any], portal: str) -> dict[str, Any]:
    """Return the portal's receiver at the address that the catalog gives it: this Alertmanager is not the stack's."""
    if receiver["name"] != conventions.PORTAL_RECEIVER:
        return receiver
    url = portal.rstrip("/") + conventions.WEBHOOK_PATH
    return {**receiver, "webhook_configs": [{**each, "url": url} for each in receiver["webhook_configs"]]}
