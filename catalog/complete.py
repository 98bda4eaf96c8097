"""A service with everything that the catalog leaves open: defaults applied once, several thresholds told as SLOs."""

from collections.abc import Iterator
from typing import Final

from .model import Defaults
from .service import Service
from .slo import Slo
from .values import Duration

# What is measured, where the name of the SLO is not already the name of an SLI.
_RAW: Final = "events"


def complete(name: str, service: Service, defaults: Defaults) -> Service:
    """Return *service* with every default that the catalog leaves open."""
    slos = {key: slo for own, given in service.slos.items() for key, slo in _each(own, given, defaults)}
    update = {
        "name": name,
        "dialect": service.dialect or defaults.dialect,
        "match": {**defaults.match, **service.match},
        "slos": slos,
    }
    return service.model_copy(update=update)


def threshold_key(key: str, under: Duration) -> str:
    """Return the name of the SLO that one of several thresholds makes."""
    return f"{key}-{under}"


def _each(key: str, slo: Slo, defaults: Defaults) -> Iterator[tuple[str, Slo]]:
    same = {"sli": slo.sli or (_RAW if slo.is_raw else key), "window": slo.window or defaults.slo_window}
    if not slo.thresholds:
        yield key, slo.model_copy(update=same)
    for under, objective in sorted(slo.thresholds.items()):
        own = {"under": under, "objective": objective, "thresholds": {}}
        yield threshold_key(key, under), slo.model_copy(update=same | own)
