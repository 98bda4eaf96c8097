"""The generator: catalog and packs in; rules, tests, dashboards, runbooks, routing and targets out."""

from .addresses import Addresses
from .check import Finding, check
from .model import Alert, Artifact, Panel, Query, ServiceView
from .packs import Pack, Packs, load_packs
from .render import PARTS, iterate, render, view
from .sources import PackError
from .text import TemplateError
from .validation import validate
from .writer import Written, current, write

__all__ = [
    "PARTS",
    "Addresses",
    "Alert",
    "Artifact",
    "Finding",
    "Pack",
    "PackError",
    "Packs",
    "Panel",
    "Query",
    "ServiceView",
    "TemplateError",
    "Written",
    "check",
    "current",
    "iterate",
    "load_packs",
    "render",
    "validate",
    "view",
    "write",
]
