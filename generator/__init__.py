"""The generator: catalog and packs in; rules, tests, dashboards, runbooks, routing and targets out."""

from .addresses import Addresses
from .check import Finding, check
from .endings import ends_tidily
from .model import Alert, Artifact, Panel, Query, ServiceView
from .packs import Pack, Packs, load_packs
from .render import PARTS, STACK, iterate, render, view
from .retention import retention_flag
from .sources import PackError
from .text import TemplateError
from .tools import TOOL_NAMES, cache_folder, find_tool, find_tools, passed_folder
from .validation import validate
from .writer import Written, current, serves, write

__all__ = [
    "PARTS",
    "STACK",
    "TOOL_NAMES",
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
    "cache_folder",
    "check",
    "current",
    "ends_tidily",
    "find_tool",
    "find_tools",
    "iterate",
    "load_packs",
    "passed_folder",
    "render",
    "retention_flag",
    "serves",
    "validate",
    "view",
    "write",
]
