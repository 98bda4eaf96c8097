"""What a service promises and changes: SLOs that can page, overrides that hold, windows that end after they begin."""

from datetime import date
from typing import Final

from .burn_rates import PAIRS, pairs_that_can_fire
from .findings import Findings
from .model import Campaign, Defaults, Team
from .moments import instant
from .places import Path
from .service import AlertOverride, Maintenance, Service, Slo
from .values import Duration
from .wording import field_name

_NEVER_PAGES: Final = 3  # the tier


def check_slo(slo: Slo, path: Path, service: Service, findings: Findings) -> None:
    """Add what no burn rate alert could make sense of."""
    sli = slo.sli or str(path[-1])
    where = f"slos.{path[-1]}"
    if sli == "latency" and slo.under is None and not findings.is_told((*path, "under")):
        findings.error((*path, "under"), f"{where}: a latency SLO needs its threshold; write such as under: 300ms")
    if sli != "latency" and slo.under is not None:
        said = f"{where}: under is the threshold of a latency SLO, and this one measures {sli}"
        findings.error((*path, "under"), f"{said}; take it out, or write sli: latency")
    for key, value in (("under", slo.under), ("window", slo.window)):
        _check_length(value, (*path, key), f"{where}.{key}", findings)
    _check_burn_rates(slo, (*path, "objective"), where, service, findings)


def check_override(override: AlertOverride, path: Path, today: date, findings: Findings) -> None:
    """Add an override that contradicts itself; warn of one that has lapsed or has no end."""
    where = f"alerts.{path[-1]}"
    if override.above is not None and override.below is not None:
        said = f"{where} has both above and below; keep the one that the alert's own threshold has"
        findings.error((*path, "below"), said, at_key=True)
    if override.until is not None and override.has_lapsed(today):
        said = f"{where} lapsed on {override.until}, and the alert is as before; take the override out or move until"
        findings.warn((*path, "until"), said)
    elif override.disabled is not None and override.until is None:
        findings.warn((*path, "disabled"), f"{where} is disabled without an end; add until with a date")


def check_window(window: Campaign | Maintenance, path: Path, timezone: str, findings: Findings) -> None:
    """Add a window that does not end after it begins; times without an offset are in *timezone*."""
    begin, end = (instant(time, timezone) for time in (window.from_, window.to))
    if end <= begin:
        begins, ends = window.from_.isoformat(), window.to.isoformat()
        said = f"{field_name((*path, 'to'))} is {ends}, which is not after from, {begins}; write a later end"
        findings.error((*path, "to"), said)


def check_defaults(defaults: Defaults, findings: Findings) -> None:
    """Add defaults of no length."""
    for key in ("slo_window", "scrape_interval"):
        _check_length(getattr(defaults, key), ("defaults", key), key, findings)


def timezone_of(window: Maintenance, service: Service, teams: dict[str, Team]) -> str:
    """Return the time zone in which a maintenance's naive times stand."""
    team = teams.get(service.team)
    return window.timezone or (team.timezone if team else "UTC")


def _check_length(value: Duration | None, path: Path, name: str, findings: Findings) -> None:
    if value is not None and value.seconds <= 0:
        findings.error(path, f"{name} is {value}; write a longer time")


def _check_burn_rates(slo: Slo, path: Path, where: str, service: Service, findings: Findings) -> None:
    heard = pairs_that_can_fire(slo.objective)
    highest = 1 / (1 - slo.objective / 100)
    most = f"with an objective of {slo.objective:g} a total outage has a burn rate of {highest:.3g}"
    if not any(pair.severity == "page" for pair in heard) and service.tier != _NEVER_PAGES:
        least = min(pair.factor for pair in PAIRS if pair.severity == "page")
        hint = " (it is per cent, not a ratio)" if slo.objective < 1 else ""
        said = f"{where}: no page can ever fire: {most}, and pages wait for {least:g}"
        findings.error(path, f"{said}; write an objective of 84 or more{hint}")
        return
    for pair in (pair for pair in PAIRS if pair not in heard):
        said = f"{where}: the {pair.severity} of the {pair.window} window can never fire and is left out: {most}"
        findings.warn(path, f"{said}, and it waits for {pair.factor:g}")
