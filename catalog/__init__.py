"""The catalog: teams, services and campaigns, read from YAML, checked, frozen."""

from .burn_rates import PAIRS, Pair, objective_ratio, pairs_that_can_fire
from .environment import SCHEMES, MissingVariableError, SecretFileError, expand, host_and_port, redact
from .exporter_access import ExporterAccess
from .files import Instead, contents_of, files_of, fingerprint
from .loader import load
from .model import Campaign, Catalog, Defaults, Notify, StackNotify, Team
from .moments import instant
from .probing import Probe, ProbeDns, ProbeStep, ProbeTls
from .problems import CatalogError, Position, Problem, SeawallError, Severity
from .schema import json_schema
from .service import AlertOverride, Capacity, Dependency, Maintenance, Mitigation, RunbookNotes, Service
from .slo import Slo
from .values import Duration, Hours, HoursRange

__all__ = [
    "PAIRS",
    "SCHEMES",
    "AlertOverride",
    "Campaign",
    "Capacity",
    "Catalog",
    "CatalogError",
    "Defaults",
    "Dependency",
    "Duration",
    "ExporterAccess",
    "Hours",
    "HoursRange",
    "Instead",
    "Maintenance",
    "MissingVariableError",
    "Mitigation",
    "Notify",
    "Pair",
    "Position",
    "Probe",
    "ProbeDns",
    "ProbeStep",
    "ProbeTls",
    "Problem",
    "RunbookNotes",
    "SeawallError",
    "SecretFileError",
    "Service",
    "Severity",
    "Slo",
    "StackNotify",
    "Team",
    "contents_of",
    "expand",
    "files_of",
    "fingerprint",
    "host_and_port",
    "instant",
    "json_schema",
    "load",
    "objective_ratio",
    "pairs_that_can_fire",
    "redact",
]
