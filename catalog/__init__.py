"""The catalog: teams, services and campaigns, read from YAML, checked, frozen."""

from .loader import load
from .model import (
    AlertOverride,
    Campaign,
    Capacity,
    Catalog,
    Defaults,
    Dependency,
    Maintenance,
    Mitigation,
    Notify,
    RunbookNotes,
    Service,
    Slo,
    StackNotify,
    Team,
)
from .problems import CatalogError, Position, Problem, SeawallError, Severity
from .values import Duration, Hours, HoursRange

__all__ = [
    "AlertOverride",
    "Campaign",
    "Capacity",
    "Catalog",
    "CatalogError",
    "Defaults",
    "Dependency",
    "Duration",
    "Hours",
    "HoursRange",
    "Maintenance",
    "Mitigation",
    "Notify",
    "Position",
    "Problem",
    "RunbookNotes",
    "SeawallError",
    "Service",
    "Severity",
    "Slo",
    "StackNotify",
    "Team",
    "load",
]
