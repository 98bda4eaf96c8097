"""For how long Prometheus keeps samples: as the catalog says, or as long as its budgets need."""

import math
from typing import Final

from seawall.catalog import Catalog, Duration

_DAY: Final = 86400
_SPARE_DAYS: Final = 2  # so that the first and the last day of the longest SLO window are whole


def retention(catalog: Catalog) -> Duration:
    """Return ``defaults.retention``; where that is left out, the longest SLO window in whole days and two more."""
    if catalog.defaults.retention:
        return catalog.defaults.retention
    windows = [catalog.defaults.slo_window.seconds]
    windows += [
        slo.window.seconds for service in catalog.services.values() for slo in service.slos.values() if slo.window
    ]
    return Duration((math.ceil(max(windows) / _DAY) + _SPARE_DAYS) * _DAY)


def retention_flag(catalog: Catalog) -> str:
    """Return it as the flag of Prometheus."""
    return f"--storage.tsdb.retention.time={retention(catalog)}"


def prometheus_flags(catalog: Catalog, header: str) -> bytes:
    """Return the flags of Prometheus that are the catalog's, one a line: read where it is started with ``@FILE``.

    No line may be empty: Prometheus 2.42 takes it for an argument.
    """
    comments = [f"# {line}" for line in header.splitlines() if line]
    return ("\n".join([*comments, retention_flag(catalog)]) + "\n").encode()
